"""Template filters of the providers' pages."""
