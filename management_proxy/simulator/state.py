"""The parts of one simulated server, and how a change in one reaches the others."""

import random
from collections.abc import Iterable, Iterator
from math import inf
from typing import Any

from management_proxy.simulator import catalog
from management_proxy.simulator.accounts.changes import AuthFileChangeRoutes
from management_proxy.simulator.accounts.files import AuthDirectory
from management_proxy.simulator.accounts.oauth import OAuth
from management_proxy.simulator.accounts.routes import AuthFileRoutes
from management_proxy.simulator.clock import NANOSECONDS, go_timestamp
from management_proxy.simulator.configuration.families import FAMILIES
from management_proxy.simulator.configuration.store import ConfigStore
from management_proxy.simulator.http.access import Bans, Gate, Secrets, hashed
from management_proxy.simulator.http.routing import Routes
from management_proxy.simulator.http.wire import go_json
from management_proxy.simulator.kept import Kept
from management_proxy.simulator.keys.client_keys import ClientKeyRoutes
from management_proxy.simulator.keys.loaded import LoadedKey, loaded_keys
from management_proxy.simulator.keys.provider_keys import KeyListRoutes
from management_proxy.simulator.logs import LogFile, LogRoutes
from management_proxy.simulator.options import Options
from management_proxy.simulator.presets import demo
from management_proxy.simulator.profiles import SUPPORT_REFRESH_SINCE, Profile
from management_proxy.simulator.results import Results
from management_proxy.simulator.settings.file import ConfigRoutes
from management_proxy.simulator.settings.maps import KINDS, MapRoutes
from management_proxy.simulator.settings.toggles import TOGGLES, ToggleRoutes
from management_proxy.simulator.tools import ToolRoutes
from management_proxy.simulator.traffic.generator import Event, Traffic, is_counted
from management_proxy.simulator.traffic.queue import UsageQueue
from management_proxy.simulator.traffic.world import World, make_world, of_auth_files, of_keys


class State:
    """Everything that a restart of the process would lose, and the files that it would find
    again."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.profile = Profile(options.profile)
        self.queue = UsageQueue(options.clock)
        self.results = Results(options.clock, options.utc_offset_minutes)
        self.bans = Bans(options.clock)
        self.directory = AuthDirectory(
            options.clock, options.utc_offset_minutes, self.profile, self.results
        )
        self.kept = Kept(options.folder)
        self.log = LogFile(options.clock, options.utc_offset_minutes, self.kept)
        self._open_files(options)
        self.secrets = Secrets(bcrypt_seconds=options.bcrypt_seconds, sleep=options.sleep)
        self.gate = Gate(self.bans, self.secrets)
        if not options.key_in_config:
            self.secrets.environment_key = options.key
        self.oauth = OAuth(options.clock, self.profile, self.directory, options.seed)
        self.tools = ToolRoutes(self.directory, self.results, lambda: self.keys)
        self.logs = LogRoutes(
            self.log,
            options.clock,
            options.utc_offset_minutes,
            lambda key: self.store.memory.get(key),
            self.kept,
        )
        self.tools.network = self.oauth.network = options.network
        self.store.on_applied = self.apply
        self.directory.on_changed = self.announce_refresh
        self.apply(self.store.applied)
        self.rested_since = dict(self._begin_troubles())
        self.traffic = self._new_traffic()
        self.routes = self._collect_routes()

    def _open_files(self, options: Options) -> None:
        preset = options.preset or demo(options.clients, options.seed)
        self.store = ConfigStore(
            preset.config,
            options.clock,
            options.sleep,
            seed=options.seed,
            window=options.reload_window,
        )
        for name, raw in preset.auth_files:
            self.directory.save(name, raw)
        settings: dict[str, Any] = {}
        if options.retention is not None:
            settings["redis-usage-queue-retention-seconds"] = options.retention
        if options.statistics is not None:
            settings["usage-statistics-enabled"] = options.statistics
        if options.key_in_config:
            management = self.store.memory["remote-management"]
            settings["remote-management"] = {**management, "secret-key": hashed(options.key)}
        self.configure(settings)

    def configure(self, settings: dict[str, Any]) -> None:
        """Change settings in memory, file and runtime at once, as if they had always been so."""
        if settings:
            self.store.force(settings)

    @property
    def keys(self) -> list[LoadedKey]:
        return self._keys

    def apply(self, values: dict[str, Any]) -> None:
        """Let the runtime follow a configuration that was (re)loaded."""
        self._keys = loaded_keys(values)
        self.loaded = frozenset(key.index for key in self._keys)
        self.queue.retention = values["redis-usage-queue-retention-seconds"]
        self.queue.statistics_enabled = values["usage-statistics-enabled"]
        self.results.cooling_disabled = values["disable-cooling"]
        self.read_secrets()
        if self.secrets.exist:
            self.queue.enable_management()
        else:
            self.queue.disable_management()
        self.announce_refresh()

    def read_secrets(self) -> None:
        management = self.store.memory["remote-management"]
        self.secrets.config_hash = management.get("secret-key") or ""
        self.secrets.allow_remote = bool(management.get("allow-remote"))

    def announce_refresh(self) -> None:
        if self.profile.since(SUPPORT_REFRESH_SINCE):
            self.queue.publish("usage", b'{"refresh":true}')

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        self.store.settle()
        self.oauth.settle()

    def _begin_troubles(self) -> Iterator[tuple[str, float]]:
        """Let the accounts that the preset has trouble with rest, unless that is over since an
        earlier process; since when, by auth index."""
        now, preset = self.options.clock(), self.options.preset
        began = self.kept.began(now)
        for trouble in preset.troubles if preset else ():
            until = inf if trouble.lasts is None else began + trouble.lasts
            if until > now and (file := self.directory.find(trouble.file)):
                self.results.rest(self.directory.index(file), trouble.message, until)
                yield self.directory.index(file), began - trouble.since

    def world(self, *, of_the_past: bool = False) -> World:
        """The client keys and credentials that there are now; of the past, also those that rest."""
        accounts = of_auth_files(self.directory)
        if not of_the_past:
            accounts = [one for one in accounts if not self.results.rests(one.index)]
        credentials = [*accounts, *of_keys(self._keys)]
        return make_world(self.store.applied.get("api-keys") or [], credentials, self.options.seed)

    def _new_traffic(self) -> Traffic:
        options = self.options
        return Traffic(
            self.world(),
            options.seed,
            options.utc_offset_minutes,
            options.failure_rate,
            options.clock(),
        )

    def refresh_traffic(self, *, of_the_past: bool = False) -> Traffic:
        """Return the traffic, with the client keys and credentials that `world` has."""
        self.traffic.world = self.world(of_the_past=of_the_past)
        return self.traffic

    def record(self, events: Iterable[Event]) -> None:
        """Let attempts have happened: queue their events, count them, log what failed."""
        events = list(events)
        self.queue.push(go_json(self.profile.shape(event)) for event in events)
        for event in events:
            if is_counted(event):
                status = event["fail"]["status_code"] if event["failed"] else 200
                self.results.note(
                    event["auth_index"], event["model"], status, event["fail"]["body"]
                )
            self.write_logs(event, self.options.clock())
            if event["failed"] and self.queue.subscriber_count("errors"):
                self.queue.publish("errors", go_json(self._error_message(event)))

    def write_logs(self, event: Event, at: float) -> None:
        """Log an attempt, and the exchange of one that failed, at an instant since 1970."""
        status = event["fail"]["status_code"] if event["failed"] else 200
        method, _, path = event["endpoint"].partition(" ")
        identity = event["request_id"]
        took = event["latency_ms"]
        self.log.note_request(status, event["client_ip"], method, path, identity, at, took)
        if event["failed"]:
            self.logs.note_failure(event["endpoint"], identity, event["fail"]["body"], at)

    def _error_message(self, event: Event) -> dict[str, Any]:
        trouble = self.results.trouble(event["auth_index"])
        file = self.directory.by_index(event["auth_index"])
        now = int(self.options.clock() * NANOSECONDS)
        return {
            "timestamp": go_timestamp(now, self.options.utc_offset_minutes),
            "provider": event["provider"],
            "model": event["model"],
            **({"auth_id": file.name} if file else {}),
            "auth_index": event["auth_index"],
            "status_code": event["fail"]["status_code"],
            "body": event["fail"]["body"] or "request failed",
            "auth_status": {**trouble, "disabled": False},
        }

    def _collect_routes(self) -> Routes:
        groups: list[Routes] = [
            ConfigRoutes(self.store, self.read_secrets).routes(),
            ClientKeyRoutes(self.store).routes(),
            AuthFileRoutes(self.directory).routes(),
            AuthFileChangeRoutes(self.directory, self.store).routes(),
            self.oauth.routes(),
            self.tools.routes(),
            self.logs.routes(),
            catalog.routes(),
            *(
                KeyListRoutes(family, self.store, lambda: self.loaded).routes()
                for family in FAMILIES.values()
            ),
            *(MapRoutes(kind, self.store).routes() for kind in KINDS),
            *(ToggleRoutes(toggle, self.store).routes() for toggle in TOGGLES),
        ]
        return {route: handler for group in groups for route, handler in group.items()}

    def restart(self) -> None:
        """Lose what a restart of the process loses: queue, counters, bans, logins, listeners;
        re-read the file."""
        self.queue.disable_management()
        self.results.clear()
        self.bans.clear()
        self.oauth.sessions.clear()
        self.store.restart()

    def shuffle_seed(self) -> int:
        return random.Random(self.queue.pushed + self.options.seed).getrandbits(32)
