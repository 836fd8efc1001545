"""Which authorities an upstream's certificate may come from: the same for our own calls, for
proxied ones and for the subscription."""

import ssl

import certifi


def trusted_authorities() -> ssl.SSLContext:
    """Those of this host, or of SSL_CERT_FILE and SSL_CERT_DIR in their place, and the public ones
    that come with us."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
