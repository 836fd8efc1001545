"""What an attempt costs: the catalogue of prices, own prices, and the version of each cost."""
