"""The Failures page: why attempts fail, where, since when, and what to do; and unknown bodies."""
