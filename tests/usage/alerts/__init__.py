"""The signals of usage, and the exercise: a fault, its alert at a receiver, and its end."""
