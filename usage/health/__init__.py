"""What the doctor, system checks, gauges and the monitoring page show of collection."""
