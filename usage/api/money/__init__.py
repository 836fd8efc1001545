"""JSON of money: budgets, statements, rates of currencies, own prices, and what if."""
