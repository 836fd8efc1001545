"""Settings, addresses, signing in, the embedded database and the process supervisor."""
