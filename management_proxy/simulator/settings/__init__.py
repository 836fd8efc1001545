"""Routes of the configuration file as a whole and of its single settings."""
