"""Usage events: who sends requests, how attempts end, and the queue that holds their events."""
