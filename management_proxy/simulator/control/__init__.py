"""The routes below `/__control/`, by which a test or a demonstration steers the simulator."""
