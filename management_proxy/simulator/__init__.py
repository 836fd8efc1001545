"""A faithful simulated upstream for demonstration, tests and load.

`python -m management_proxy.simulator` serves it; `running_simulator(**options)` runs it in a thread
of this process. Its behaviour is that of recorded real servers, lost updates and bans included;
faults and state are controlled through `/__control/` (see `control`).
"""

from management_proxy.simulator.app import SimulatedUpstream
from management_proxy.simulator.options import Options
from management_proxy.simulator.presets import Preset, demo
from management_proxy.simulator.serving.server import (
    ControlRefused,
    RunningSimulator,
    running_simulator,
)
from management_proxy.simulator.traffic.generator import Traffic

__all__ = [
    "ControlRefused",
    "Options",
    "Preset",
    "RunningSimulator",
    "SimulatedUpstream",
    "Traffic",
    "demo",
    "running_simulator",
]
