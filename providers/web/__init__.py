"""What the pages and the JSON views of all sub-packages share."""
