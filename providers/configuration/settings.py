"""The settings of the upstream that people change, what they mean and how each is set (contract
8.3, 8.4)."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from providers.errors import ChangeRefused

Value = bool | int | str
STRATEGIES = (
    ("round-robin", _("round robin")),
    ("weighted-round-robin", _("weighted round robin")),
    ("fill-first", _("fill first")),
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
            expected = {
                bool: gettext("Expected true or false."),
                int: gettext("Expected a whole number."),
                str: gettext("Expected a text."),
            }
            raise ChangeRefused(expected[type(self.default)], self.name)
        if (
            isinstance(value, int)
            and not isinstance(value, bool)
            and not self.least <= value <= self.most
        ):
            raise ChangeRefused(
                gettext("Expected a number from %(least)s to %(most)s.")
                % {"least": self.least, "most": self.most},
                self.name,
            )
        if self.choices and value not in dict(self.choices):
            raise ChangeRefused(
                gettext("Expected one of %(names)s.") % {"names": ", ".join(dict(self.choices))},
                self.name,
            )
        if isinstance(value, str) and (len(value) > 500 or not value.isprintable()):
            raise ChangeRefused(gettext("Expected at most 500 printable characters."), self.name)


_USAGE, _ROUTING, _LOGS, _ACCESS = _("Usage"), _("Routing and retries"), _("Logs"), _("Clients")
SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "usage-statistics-enabled",
            _USAGE,
            _("Usage statistics"),
            _("Without them nothing reaches this dashboard."),
            False,
        ),
        Setting(
            "redis-usage-queue-retention-seconds",
            _USAGE,
            _("Queue retention"),
            _("Seconds until an event that was not collected is lost."),
            60,
            in_file=True,
            least=1,
            most=3600,
        ),
        Setting(
            "routing/strategy",
            _ROUTING,
            _("Strategy"),
            _("How credentials take turns."),
            "round-robin",
            choices=STRATEGIES,
        ),
        Setting(
            "request-retry",
            _ROUTING,
            _("Retries of a request"),
            _("After a failure that may pass."),
            0,
            most=100,
        ),
        Setting(
            "max-retry-credentials",
            _ROUTING,
            _("Credentials tried"),
            _("0 tries all; from version 7.2.140 on."),
            0,
            most=10_000,
        ),
        Setting(
            "max-retry-interval",
            _ROUTING,
            _("Longest wait for a retry"),
            _("Seconds that a request may wait for a cooling credential."),
            0,
            most=86_400,
        ),
        Setting(
            "disable-cooling",
            _ROUTING,
            _("Never cool down"),
            _("Failing credentials are used again at once."),
            False,
            in_file=True,
        ),
        Setting(
            "transient-error-cooldown-seconds",
            _ROUTING,
            _("Cooldown after a passing error"),
            _("Seconds; 0 means the upstream's own 60."),
            0,
            in_file=True,
            most=86_400,
        ),
        Setting(
            "quota-exceeded/switch-project",
            _ROUTING,
            _("Switch project"),
            _("When a quota is used up."),
            False,
        ),
        Setting(
            "quota-exceeded/switch-preview-model",
            _ROUTING,
            _("Switch to preview model"),
            _("When a quota is used up."),
            False,
        ),
        Setting("logging-to-file", _LOGS, _("Log to files"), _("Needed for the log pages."), False),
        Setting(
            "logs-max-total-size-mb", _LOGS, _("Log size limit"), _("MiB; 0 means no limit."), 0
        ),
        Setting(
            "request-log", _LOGS, _("Log every request"), _("Prompts included; fills disks."), False
        ),
        Setting(
            "error-logs-max-files",
            _LOGS,
            _("Error logs kept"),
            _("Files; 0 keeps all."),
            10,
            most=100_000,
        ),
        Setting("debug", _LOGS, _("Debug"), _("Much more in the log."), False),
        Setting(
            "ws-auth",
            _ACCESS,
            _("WebSockets need a key"),
            _("Whether /v1/ws requires a client key."),
            False,
        ),
        Setting(
            "force-model-prefix",
            _ACCESS,
            _("Prefixes are required"),
            _("Models with a prefix are served under it only."),
            False,
        ),
        Setting(
            "passthrough-headers",
            _ACCESS,
            _("Forward the provider's headers"),
            _("To the client, with the response."),
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
