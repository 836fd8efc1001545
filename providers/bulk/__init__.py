"""Many accounts or keys in one act: files or a choice, shown first, confirmed, done, reported."""
