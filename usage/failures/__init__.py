"""Failure classes: the rules that choose one, and what each means for an operator."""
