"""What all JSON addresses share: one form of error, signing in, and no forged requests."""
