"""Which authorities an upstream's certificate may come from: one answer for asking, for proxying
and for being pushed to."""

import ssl

import certifi


def trusted_authorities() -> ssl.SSLContext:
    """Those of this host, or of SSL_CERT_FILE and SSL_CERT_DIR in their place, and the public ones
    that come with us."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
