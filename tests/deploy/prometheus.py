"""A real Prometheus with what is shipped in deploy/, and the queries of the dashboard's panels."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from tests.docs import ROOT
from tests.processes import free_port

PROMETHEUS = ROOT / "deploy" / "prometheus"
TOKEN = "metrics-token-for-tests"
DASHBOARD = json.loads((ROOT / "deploy/grafana/tollgate.json").read_text())
HAS_PROMETHEUS = bool(shutil.which("prometheus") or os.environ.get("TOLLGATE_REQUIRE_PROMETHEUS"))

needs_prometheus = pytest.mark.skipif(
    not HAS_PROMETHEUS, reason="Prometheus is not installed (apt-get install prometheus)"
)


@contextmanager
def running_prometheus(folder: Path, target: str, every: str = "1s") -> Iterator[str]:
    """A Prometheus with what is shipped, which scrapes and evaluates as often; its URL."""
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": every, "evaluation_interval": every}
    configuration["rule_files"] = [str(PROMETHEUS / name) for name in configuration["rule_files"]]
    (job,) = configuration["scrape_configs"]
    job["authorization"]["credentials_file"] = str(folder / "token")
    job["static_configs"] = [{"targets": [target]}]
    (folder / "token").write_text(TOKEN)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    address = f"127.0.0.1:{free_port()}"
    arguments = (
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    )
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(["prometheus", *arguments], stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def samples_of(prometheus: str, expression: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each sample of an expression, now."""
    response = httpx.get(f"{prometheus}/api/v1/query", params={"query": expression})
    assert response.status_code == 200, (expression, response.text)
    found = response.json()["data"]["result"]
    return [(sample["metric"], float(sample["value"][1])) for sample in found]


def values_of(prometheus: str, expression: str) -> list[float]:
    """The values alone."""
    return [value for _, value in samples_of(prometheus, expression)]


def expressions_of(title: str) -> list[str]:
    """The queries of the dashboard's panel with this title."""
    (panel,) = (panel for panel in DASHBOARD["panels"] if panel["title"] == title)
    return [target["expr"] for target in panel["targets"]]
