"""Lists of a thousand accounts and client keys, and uploads of hundreds of files."""
