"""Routes of the provider key lists and client keys, and the credentials made of them."""
