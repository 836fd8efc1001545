"""The worker of the web server: a caller costs a thread only while its request is worked on."""
