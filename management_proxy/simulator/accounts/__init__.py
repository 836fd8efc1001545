"""Auth files of OAuth accounts: listing, upload, changes and logins."""
