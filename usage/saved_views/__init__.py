"""Saved views: a page of usage with its filters under a name, own or shared; start pages."""
