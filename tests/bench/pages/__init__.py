"""How soon the first page can be used."""
