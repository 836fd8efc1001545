"""Whether OpenTelemetry's own variables want spans, and what of them cannot be had."""

from collections.abc import Mapping
from importlib.util import find_spec

_PLACES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_EXPORTERS = "OTEL_TRACES_EXPORTER"
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the variables name a receiver or an exporter, and do not switch tracing off."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get(_EXPORTERS, "").strip()
    return exporter != "none" and any([exporter, *map(environment.get, _PLACES)])


def trouble_of(environment: Mapping[str, str]) -> str:
    """Why the spans that are wanted cannot be sent; empty if they can, or none are wanted."""
    if not is_wanted(environment):
        return ""
    exporter = environment.get(_EXPORTERS, "").strip() or "otlp"
    protocol = next(filter(None, map(environment.get, _PROTOCOLS)), "http/protobuf")
    if exporter != "otlp":
        return f"{_EXPORTERS}={exporter} is not known; otlp and none are."
    if protocol != "http/protobuf":
        return f"The protocol {protocol} of OTLP is not known; http/protobuf is."
    if find_spec("opentelemetry") is None:
        return "Variables of OpenTelemetry are set, but its libraries are not installed."
    return ""
