"""From the outbox to the channels: claims, retries, and a process of its own for every attempt."""
