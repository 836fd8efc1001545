"""Serve a simulated upstream: `python -m management_proxy.simulator --port 8317 --key KEY`."""

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from management_proxy.simulator.app import SimulatedUpstream
from management_proxy.simulator.kept import Kept
from management_proxy.simulator.options import DEFAULT_KEY, Options
from management_proxy.simulator.presets import lived_in
from management_proxy.simulator.serving.server import SimulatorServer

# The options of the command line: the flag, what argparse makes of it, its help.
ARGUMENTS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("--host", {"default": "127.0.0.1"}, "the address to listen on"),
    ("--port", {"type": int, "default": 8317}, "the port to listen on"),
    ("--key", {"default": DEFAULT_KEY}, "the management key"),
    ("--control-key", {"default": ""}, "required of /__control/ requests in X-Control-Key"),
    ("--profile", {"default": "7.2.140"}, "the version to behave like, such as 6.10.8, or next"),
    ("--rate", {"type": float, "default": 0.0}, "live requests per second"),
    ("--retention", {"type": int}, "seconds that events stay queued"),
    ("--statistics", {"choices": ("on", "off")}, "whether usage is queued at all"),
    ("--reload-window", {"type": float}, "seconds in which a quick second write is lost"),
    ("--clients", {"type": int, "default": 20}, "how many client keys there are"),
    ("--failure-rate", {"type": float, "default": 0.04}, "share of attempts that fail"),
    ("--seed", {"type": int, "default": 0}, "the same seed makes the same events"),
    (
        "--utc-offset",
        {"type": int, "default": 480},
        "minutes that the server's zone is ahead of UTC",
    ),
    ("--history-days", {"type": int, "default": 0}, "queue the events of so many past days first"),
    (
        "--history-per-day",
        {"type": int, "default": 1000},
        "client requests per day of that history",
    ),
    ("--lived-in", {"action": "store_true"}, "some accounts are shared, some are in trouble"),
    ("--folder", {"type": Path}, "where its logs are kept for the next start"),
    ("--no-network", {"action": "store_true"}, "device logins and the latest version fail"),
    ("--record", {"action": "store_true"}, "record what the queue delivers, for /__control/sums"),
)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m management_proxy.simulator", description=__doc__
    )
    for flag, shape, help_text in ARGUMENTS:
        parser.add_argument(flag, help=help_text, **shape)
    return parser.parse_args(arguments)


def options_of(arguments: argparse.Namespace) -> Options:
    return Options(
        key=arguments.key,
        control_key=arguments.control_key,
        profile=arguments.profile,
        seed=arguments.seed,
        rate=arguments.rate,
        clients=arguments.clients,
        failure_rate=arguments.failure_rate,
        retention=arguments.retention,
        statistics=None if arguments.statistics is None else arguments.statistics == "on",
        reload_window=arguments.reload_window,
        preset=lived_in(arguments.clients, arguments.seed) if arguments.lived_in else None,
        utc_offset_minutes=arguments.utc_offset,
        network=not arguments.no_network,
        record_handed_out=arguments.record,
        folder=arguments.folder,
    )


def main() -> int:
    arguments = parse_arguments()
    if arguments.history_days:  # another world than the one whose logs are there
        Kept(arguments.folder).forget()
    app = SimulatedUpstream(options_of(arguments))
    server = SimulatorServer((arguments.host, arguments.port), app)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    if arguments.history_days:
        app.queue_history(arguments.history_days, arguments.history_per_day)

    def stop(_number: int, _frame: FrameType | None) -> None:
        # `shutdown` waits for the serving loop, which this handler interrupts; another thread must
        # call it.
        threading.Thread(target=server.stop, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    address = f"http://{arguments.host}:{server.server_address[1]}"
    sys.stdout.write(f"Simulated upstream {arguments.profile} listening on {address}\n")
    sys.stdout.flush()
    server.run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
