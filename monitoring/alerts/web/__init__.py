"""The pages of alerts: what fires, rules, channels, history."""
