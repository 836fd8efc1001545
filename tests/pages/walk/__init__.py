"""Every page in the ways that people open it: roles, languages, widths, themes, by keyboard."""
