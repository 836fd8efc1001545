"""Provider keys, client keys, accounts, custom providers and configuration of the upstreams,
and every change of them."""
