"""Makes the pictures of the documents from a demonstration: `make screenshots`."""
