"""The port: HTTP and RESP connections, live traffic, and running it in a thread."""
