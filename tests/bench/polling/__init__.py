"""How often open pages poll, and what that costs on the wire: counted before a running stack."""
