"""OAuth accounts of an upstream: owners, health, uploads, and the logins that connect them."""
