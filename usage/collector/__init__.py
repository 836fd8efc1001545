"""From the upstream's queue to the database: the loop, its lease, pull, push and the spool."""
