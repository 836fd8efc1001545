"""Tags of the usage pages: what is drawn so often that a template would take too long."""
