"""Secrets in responses: gone, whatever they look like; everything else stays."""

import json

import pytest
import yaml

from management_proxy.proxy.rules.policy import Mask
from management_proxy.proxy.rules.response_masks import Unmaskable, _named, masked_body
from tests.secret_looks import NO_SECRETS, SECRETS_IN_TEXT


def masked(mask: Mask, document: object) -> object:
    return json.loads(masked_body(mask, json.dumps(document).encode()))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"api-keys": ["sk-long-client-key", "short"]}, {"api-keys": ["…-key", "…"]}),
        ({"api-keys": None}, {"api-keys": None}),
        (
            {"x": [{"api-key": "sk-ant-000011112222", "base-url": "http://h/v1"}]},
            {"x": [{"api-key": "…2222", "base-url": "http://h/v1"}]},
        ),
        ({"headers": {"X-Any": "anything whatever"}}, {"headers": {"X-Any": "…ever"}}),
        ({"headers": {"X-Any": "anything at all"}}, {"headers": {"X-Any": "…"}}),
        ({"proxy-url": "socks5://user:pass@host:1"}, {"proxy-url": "socks5://…@host:1"}),
        ({"max-retry-credentials": 3, "token": ""}, {"max-retry-credentials": 3, "token": ""}),
    ],
)
def test_named_secrets_are_masked(before, after):
    assert masked(Mask.NAMED, before) == after


@pytest.mark.parametrize("mask", [Mask.NAMED, Mask.CLIENT_KEYS])
def test_masked_secret_is_masked_under_any_name(mask):
    secret = "sk-client-key-0001"
    before = {
        "x": secret,
        "y": {"z": [secret]},
        secret: 1,
        "api-keys": [secret],
        "token-type": "bearer",
        "as": "bearer",
    }
    assert masked(mask, before) == {
        "x": "…0001",
        "y": {"z": ["…0001"]},
        "…0001": 1,
        "api-keys": ["…0001"],
        "token-type": "…",
        "as": "bearer",
    }


@pytest.mark.parametrize(
    "text",
    [
        "x: &k shorty\napi-keys: [*k]\n",
        "x: &ks [shorty]\napi-keys: *ks\n",
        "? &k shorty\n: 1\napi-keys: [*k]\n",
        "x: &h {X-Any: shorty}\nheaders: {<<: *h}\n",
        "x: &base {api-key: shorty}\ncodex-api-key: [{<<: *base}]\n",
    ],
)
def test_secret_that_a_yaml_alias_finds_is_masked_where_it_is_written(text):
    assert b"shorty" not in masked_body(Mask.YAML, text.encode())


def test_masked_secret_is_masked_in_entries_named_by_keys():
    before = {"claude": {"http://h|sk-a": {"x": "sk-key-0001-long-1"}}, "key": "sk-key-0001-long-1"}
    after = {"claude": {"http://h|…": {"x": "…ng-1"}}, "key": "…ng-1"}
    assert masked(Mask.KEYS_IN_NAMES, before) == after


def test_keys_in_names_are_masked_and_stay_apart():
    before = {
        "claude": {
            "http://h|sk-ant-aaaaaaaa1111": {"success": 1},
            "http://h|sk-ant-bbbbbbbb1111": {"success": 2},
        }
    }
    assert masked(Mask.KEYS_IN_NAMES, before) == {
        "claude": {"http://h|…1111": {"success": 1}, "http://h|…1111 (2)": {"success": 2}}
    }


@pytest.mark.parametrize("mask", [Mask.NAMED, Mask.CLIENT_KEYS, Mask.KEYS_IN_NAMES, Mask.LOG_LINES])
def test_secret_where_the_contract_has_none_is_masked_too(mask):
    assert masked(mask, {"api-keys": ["sk-client-key-0001"], "lines": []}) == {
        "api-keys": ["…0001"],
        "lines": [],
    }


def test_values_in_log_lines_are_masked():
    before = {
        "lines": ['200 | DELETE "/v0/management/api-keys?value=sk-client-secret-1"', "GET /x?a=1"],
        "line-count": 2,
    }
    after = {
        "lines": ['200 | DELETE "/v0/management/api-keys?value=…et-1"', "GET /x?a=1"],
        "line-count": 2,
    }
    assert masked(Mask.LOG_LINES, before) == after


@pytest.mark.parametrize(("secret", "text"), SECRETS_IN_TEXT)
def test_log_line_shows_no_secret(secret, text):
    [line] = masked(Mask.LOG_LINES, {"lines": [text]})["lines"]
    assert secret not in line


@pytest.mark.parametrize("text", NO_SECRETS)
def test_log_line_without_secrets_stays(text):
    assert masked(Mask.LOG_LINES, {"lines": [text]}) == {"lines": [text]}


def test_yaml_keeps_its_meaning_without_secrets_and_comments():
    text = (
        b"# old: sk-commented-out-key\napi-keys:\n  - sk-client-key-aaaa\nport:"
        b" 8317\nclaude-api-key:\n  - api-key: sk-ant-key-1-bbbb\n    weight: 2\n"
    )
    after = masked_body(Mask.YAML, text)
    assert yaml.safe_load(after) == {
        "api-keys": ["…aaaa"],
        "port": 8317,
        "claude-api-key": [{"api-key": "…bbbb", "weight": 2}],
    }
    assert b"commented" not in after


@pytest.mark.parametrize(
    "mask", [Mask.NAMED, Mask.CLIENT_KEYS, Mask.KEYS_IN_NAMES, Mask.LOG_LINES, Mask.YAML]
)
@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", b"[" * 100_000, b"\x00: ["])
def test_what_cannot_be_read_does_not_pass(mask, body):
    with pytest.raises(Unmaskable):
        masked_body(mask, body)


def test_yaml_that_names_itself_a_billion_times_does_not_pass():
    lines = ["a0: &a0 [x]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)
    ]
    with pytest.raises(Unmaskable):
        masked_body(Mask.YAML, "\n".join(lines).encode())


def test_unquoted_keys_of_digits_are_masked_and_counts_are_not():
    document = {"api-keys": [12345678901, 31], "relay": [{"api-key": 98765432101}], "tokens": 5}
    masked = str(_named(document))
    assert "12345678901" not in masked
    assert "98765432101" not in masked
    assert "31" not in masked
    assert _named(document)["tokens"] == 5
