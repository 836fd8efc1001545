"""Pages of prices: own prices, what has none, the catalogue's age, and recomputations."""
