"""The settings of the upstream that people change, what they mean and how each is set (contract
8.3, 8.4)."""

from dataclasses import dataclass
from typing import Any

from providers.errors import ChangeRefused

Value = bool | int | str
STRATEGIES = (
    ("round-robin", "round robin"),
    ("weighted-round-robin", "weighted round robin"),
    ("fill-first", "fill first"),
)


@dataclass(frozen=True)
class Setting:
    """One setting; without a route it is set in config.yaml. Numbers lie between `least` and
    `most`."""

    name: str
    group: str
    label: str
    meaning: str
    default: Value
    in_file: bool = False
    least: int = 0
    most: int = 1_000_000
    choices: tuple[tuple[str, str], ...] = ()

    @property
    def route(self) -> str:
        """Path of the route that sets it; empty if it has none."""
        return "" if self.in_file else self.name

    def read(self, config: dict[str, Any]) -> Value:
        """Its value in the response to `GET /config`."""
        value: Any = config
        for part in self.name.split("/"):
            value = value.get(part) if isinstance(value, dict) else None
        return value if type(value) is type(self.default) and value != "" else self.default

    def check(self, value: Any) -> None:
        """Raise ChangeRefused unless the upstream takes the value and keeps it as it is."""
        if type(value) is not type(self.default):
            kinds = {bool: "true or false", int: "a whole number", str: "a text"}
            raise ChangeRefused(f"Expected {kinds[type(self.default)]}.", self.name)
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and not self.least <= value <= self.most
        ):
            raise ChangeRefused(f"Expected a number from {self.least} to {self.most}.", self.name)
        if self.choices and value not in dict(self.choices):
            raise ChangeRefused(f"Expected one of {', '.join(dict(self.choices))}.", self.name)
        if isinstance(value, str) and (len(value) > 500 or not value.isprintable()):
            raise ChangeRefused("Expected at most 500 printable characters.", self.name)


_USAGE, _ROUTING, _LOGS, _ACCESS = "Usage", "Routing and retries", "Logs", "Clients"
SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "usage-statistics-enabled",
            _USAGE,
            "Usage statistics",
            "Without them nothing reaches this dashboard.",
            False,
        ),
        Setting(
            "redis-usage-queue-retention-seconds",
            _USAGE,
            "Queue retention",
            "Seconds until an event that was not collected is lost.",
            60,
            in_file=True,
            least=1,
            most=3600,
        ),
        Setting(
            "routing/strategy",
            _ROUTING,
            "Strategy",
            "How credentials take turns.",
            "round-robin",
            choices=STRATEGIES,
        ),
        Setting(
            "request-retry",
            _ROUTING,
            "Retries of a request",
            "After a failure that may pass.",
            0,
            most=100,
        ),
        Setting(
            "max-retry-credentials",
            _ROUTING,
            "Credentials tried",
            "0 tries all; from version 7.2.140 on.",
            0,
            most=10_000,
        ),
        Setting(
            "max-retry-interval",
            _ROUTING,
            "Longest wait for a retry",
            "Seconds that a request may wait for a cooling credential.",
            0,
            most=86_400,
        ),
        Setting(
            "disable-cooling",
            _ROUTING,
            "Never cool down",
            "Failing credentials are used again at once.",
            False,
            in_file=True,
        ),
        Setting(
            "transient-error-cooldown-seconds",
            _ROUTING,
            "Cooldown after a passing error",
            "Seconds; 0 means the upstream's own 60.",
            0,
            in_file=True,
            most=86_400,
        ),
        Setting(
            "quota-exceeded/switch-project",
            _ROUTING,
            "Switch project",
            "When a quota is used up.",
            False,
        ),
        Setting(
            "quota-exceeded/switch-preview-model",
            _ROUTING,
            "Switch to preview model",
            "When a quota is used up.",
            False,
        ),
        Setting("logging-to-file", _LOGS, "Log to files", "Needed for the log pages.", False),
        Setting("logs-max-total-size-mb", _LOGS, "Log size limit", "MiB; 0 means no limit.", 0),
        Setting("request-log", _LOGS, "Log every request", "Prompts included; fills disks.", False),
        Setting(
            "error-logs-max-files",
            _LOGS,
            "Error logs kept",
            "Files; 0 keeps all.",
            10,
            most=100_000,
        ),
        Setting("debug", _LOGS, "Debug", "Much more in the log.", False),
        Setting(
            "ws-auth",
            _ACCESS,
            "WebSockets need a key",
            "Whether /v1/ws requires a client key.",
            False,
        ),
        Setting(
            "force-model-prefix",
            _ACCESS,
            "Prefixes are required",
            "Models with a prefix are served under it only.",
            False,
        ),
        Setting(
            "passthrough-headers",
            _ACCESS,
            "Forward the provider's headers",
            "To the client, with the response.",
            False,
            in_file=True,
        ),
    )
}


def grouped() -> dict[str, list[Setting]]:
    """The settings by group, in order."""
    groups: dict[str, list[Setting]] = {}
    for setting in SETTINGS.values():
        groups.setdefault(setting.group, []).append(setting)
    return groups
