"""The Logs page: the upstream's log as it grows, its error logs, and the log of one request."""
