"""The configuration file: its defaults, key lists and types, and the reload that loses writes."""
