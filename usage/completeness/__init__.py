"""How much of what an upstream counted was collected, and why the rest is missing."""
