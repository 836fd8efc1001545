"""Requests and responses: reading, writing, routing, access control and faults."""
