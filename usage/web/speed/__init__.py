"""The Speed page: percentiles over time and by any dimension, and tokens per second."""
