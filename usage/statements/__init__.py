"""Monthly statements for chargeback: made on the first of the month, as a page and as CSV."""
