"""Lists, searches, details and exports of single events."""
