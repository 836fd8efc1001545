"""Template filters that show figures as people read them."""
