"""The usage pages: views, filter bar, figures and charts."""
