"""The upstream as its clients see it: its addresses, the models it serves, and one tiny request."""
