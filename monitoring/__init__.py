"""What all other apps stand on: leases, periodic tasks, the audit trail, masking, the JSON toolkit,
metrics, health, and the frame of the pages."""
