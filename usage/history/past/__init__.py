"""Days that are over: what was read of them, cached for as long as they stay as they are."""
