"""Calls through the proxy once they are over: log, metrics, stored figures and their page."""
