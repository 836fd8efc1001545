"""Currencies: rates with their dates, and who sees amounts in which."""
