"""The options that a simulated upstream starts with."""

import time
from dataclasses import dataclass
from pathlib import Path

from management_proxy.simulator.clock import Clock, Sleep
from management_proxy.simulator.presets import Preset

DEFAULT_KEY = "simulated-management-key"


@dataclass(frozen=True)
class Options:
    """Everything that varies; the defaults are a healthy server of the newest profile without
    traffic."""

    key: str = DEFAULT_KEY
    # Keep the key, hashed, in the configuration instead of in the environment.
    key_in_config: bool = False
    bcrypt_seconds: float = 0.0
    control_key: str = ""
    profile: str = "7.2.140"
    seed: int = 0
    # Live requests per second; each makes one event or more.
    rate: float = 0.0
    clients: int = 20
    failure_rate: float = 0.04
    # None leaves what the preset has.
    retention: int | None = None
    statistics: bool | None = None
    # Seconds between the reading and the applying of a reload; None lets it grow with the
    # configuration.
    reload_window: float | None = None
    preset: Preset | None = None
    utc_offset_minutes: int = 480
    # Whether things that need the internet (device logins, the latest version) work.
    network: bool = True
    record_handed_out: bool = False
    # Where logs are kept for the next process, if they are.
    folder: Path | None = None
    clock: Clock = time.time
    sleep: Sleep = time.sleep
