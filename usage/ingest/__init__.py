"""From the bytes of a page to events, rollups and dead letters in one transaction."""
