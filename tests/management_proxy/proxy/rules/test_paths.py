"""Targets: decoded once, refused when they are not plainly a path."""

import pytest

from management_proxy.proxy.rules.paths import BadTarget, read_target

PREFIX = "/api/management/"


@pytest.mark.parametrize(
    ("raw", "upstream", "path", "encoded"),
    [
        ("config", "", "config", "config"),
        (
            "@eu-1/auth-files/download?name=a%40b.json",
            "eu-1",
            "auth-files/download",
            "auth-files/download?name=a%40b.json",
        ),
        ("%63onfig", "", "config", "config"),
        ("api-keys?value=a%26index%3D0", "", "api-keys", "api-keys?value=a%26index%3D0"),
        ("logs?limit=5&limit=6", "", "logs", "logs?limit=5&limit=6"),
        ("api-keys?value=", "", "api-keys", "api-keys?value="),
    ],
)
def test_plain_targets_are_read(raw, upstream, path, encoded):
    target = read_target(PREFIX + raw)
    assert (target.upstream, target.path, target.encoded) == (upstream, path, encoded)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "/",
        "config/",
        "/config",
        "a//b",
        "../config",
        "a/../config",
        "./config",
        "%2e%2e/config",
        "%2E/config",
        "a%2fb",
        "a%2Fb",
        "a%5cb",
        "a\\b",
        "%252e%252e/config",
        "config%00",
        "config%0a",
        "config%0d%0aX: y",
        "config%",
        "config%4",
        "config%zz",
        "%ff",
        "%c0%ae%c0%ae/config",
        "конфиг",
        "a b",
        "config;x=1",
        "config?a=%",
        "config?a=%zz",
        "config?a=%ff",
        "config?a;b",
        "config?a=%00",
        "config?&",
        "config?a&b=1",
        "@/config",
        "@",
        "@eu",
        "@EU/config",
        "@a@b/config",
        "@..%2f/config",
        "config#x",
        "config?" + "&".join(f"a{n}=1" for n in range(40)),
        "a" * 5000,
        "http://elsewhere/config",
        "config%3fx=1",
        "*",
    ],
)
def test_everything_else_is_refused(raw):
    with pytest.raises(BadTarget):
        read_target(PREFIX + raw)


@pytest.mark.parametrize(
    "raw",
    [
        "http://elsewhere/api/management/config",
        "//elsewhere/api/management/config",
        "/api/management",
        "/api/managementx/config",
        "",
    ],
)
def test_other_hosts_and_prefixes_are_refused(raw):
    with pytest.raises(BadTarget):
        read_target(raw)


def test_refusal_repeats_nothing_of_the_target():
    with pytest.raises(BadTarget) as caught:
        read_target(PREFIX + "sk-secret%00")
    assert "sk-secret" not in str(caught.value)
