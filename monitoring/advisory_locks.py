"""The numbers of all advisory locks of the database, since a number taken twice would couple two
parts that know nothing of each other.

All are transaction locks (`pg_advisory_xact_lock`), which PgBouncer bears in transaction mode.
"""

# With an upstream's id as second number: a place in its queue of changes.
CHANGE_QUEUE = 7_464
# Making and dropping partitions of events.
PARTITIONS = 7_203_411
# With 1 to n as second number: one of the exports that run at once.
EXPORT_SLOTS = 7_203_412
