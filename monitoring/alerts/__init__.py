"""Alerts: rules over signals of every app, what they find, and messages that nothing loses."""
