"""The frame of every page: navigation, panels, roles, polled regions; and the monitoring page."""
