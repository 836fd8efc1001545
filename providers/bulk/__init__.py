"""Many accounts in one act: files or a choice, shown first, confirmed, carried out, reported."""
