"""Serve a simulated upstream: `python -m management_proxy.simulator --port 8317 --key KEY`."""

import argparse
import signal
import sys
import threading
from types import FrameType

from management_proxy.simulator.app import SimulatedUpstream
from management_proxy.simulator.http.server import SimulatorServer
from management_proxy.simulator.options import DEFAULT_KEY, Options


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m management_proxy.simulator", description=__doc__
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8317)
    parser.add_argument("--key", default=DEFAULT_KEY, help="the management key")
    parser.add_argument(
        "--control-key", default="", help="asked of every /__control/ request in X-Control-Key"
    )
    parser.add_argument(
        "--profile", default="7.2.140", help="the version to behave like, such as 6.10.8"
    )
    parser.add_argument("--rate", type=float, default=0.0, help="live requests per second")
    parser.add_argument("--retention", type=int, help="seconds that events stay queued")
    parser.add_argument(
        "--statistics", choices=("on", "off"), help="whether usage is queued at all"
    )
    parser.add_argument(
        "--reload-window", type=float, help="seconds in which a quick second write is lost"
    )
    parser.add_argument("--clients", type=int, default=20, help="how many client keys there are")
    parser.add_argument(
        "--failure-rate", type=float, default=0.04, help="share of attempts that fail"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--utc-offset",
        type=int,
        default=480,
        help="minutes by which the server's zone is ahead of UTC",
    )
    parser.add_argument(
        "--history-days",
        type=int,
        default=0,
        help="queue the events of so many past days at the start, to stay until popped",
    )
    parser.add_argument(
        "--history-per-day", type=int, default=1000, help="client requests per day of that history"
    )
    parser.add_argument(
        "--no-network", action="store_true", help="device logins and the latest version fail"
    )
    parser.add_argument(
        "--record", action="store_true", help="keep what was handed out, for /__control/sums"
    )
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
        utc_offset_minutes=arguments.utc_offset,
        network=not arguments.no_network,
        record_handed_out=arguments.record,
    )


def main() -> int:
    arguments = parse_arguments()
    app = SimulatedUpstream(options_of(arguments))
    server = SimulatorServer((arguments.host, arguments.port), app)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    if arguments.history_days:
        app.queue_history(arguments.history_days, arguments.history_per_day)

    def stop(_number: int, _frame: FrameType | None) -> None:
        # `shutdown` waits for the serving loop, which this handler interrupts; another thread must
        # ask for it.
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
