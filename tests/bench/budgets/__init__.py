"""How long evaluating a thousand budgets takes."""
