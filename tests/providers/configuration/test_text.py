"""Hiding, restoring and changing the upstream's configuration as text."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.configuration.document import (
    InvalidText,
    check_replacement,
    scalars,
    set_value,
    value_at,
)
from providers.configuration.text import hidden, restored
from tests.factories import recordings_in
from tests.secret_looks import SECRETS_IN_TEXT

TEXT = """# configuration — äöü 😀
host: "127.0.0.1"
remote-management:
  secret-key: "$2a$10$abcdefghijklmnopqrstuv"   # the key
  allow-remote: true
api-keys:
  - "sk-team-alpha-5f2c91aa"
  - sk-team-beta-77d0e3b1
#  - sk-old-commented-key-1234
# api-key: oldsecret
proxy-url: socks5://user:pw@1.2.3.4:1080
tls: {enable: false, cert: /x, key: /etc/tls/key.pem}
openai-compatibility:
  - name: relay # stays
    base-url: http://relay.example.com
    api-key-entries:
      - {api-key: 'sk-or-v1-first-0123456789abcdef', proxy-url: ""}
    headers:
      X-Team: |
        top
        secret
debug: false
"""
SECRETS = [
    "$2a$10$abc",
    "alpha-5f2c",
    "beta-77d0",
    "old-commented",
    "oldsecret",
    "user:pw",
    "sk-or-v1",
    "top\n",
]
RECORDED = [
    x.body.decode()
    for x in recordings_in("management.jsonl")["management.jsonl"]
    if x.path.endswith("/config.yaml") and x.method == "GET"
]


def test_no_secret_is_visible_and_everything_else_is():
    shown = hidden(TEXT)
    assert [secret for secret in SECRETS if secret in shown] == []
    for kept in (
        "# configuration — äöü 😀",
        "/etc/tls/key.pem",
        "name: relay # stays",
        "http://relay.example.com",
        "# the key",
    ):
        assert kept in shown


@pytest.mark.parametrize("text", [TEXT, *RECORDED])
def test_restoring_what_was_not_edited_gives_the_same_bytes(text):
    assert restored(hidden(text), text) == text


def test_edits_around_hidden_values_keep_them():
    edited = hidden(TEXT).replace("debug: false", "debug: true").replace("  - hidden-3…e3b1\n", "")
    text = restored(edited, TEXT)
    assert 'secret-key: "$2a$10$abcdefghijklmnopqrstuv"   # the key' in text
    assert value_at(text, ("debug",)) == "true"
    assert "beta-77d0" not in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("http://relay.example.com", "hidden-2…91aa"),
        ("http://relay.example.com", "https://evil.example/hidden-2…91aa"),
        ('host: "127.0.0.1"', "host: hidden-1…stuv"),
        ("debug: false", "debug: false # hidden-2…91aa"),
        ("debug: false", "nickname: hidden-7…cdef"),
        ("debug: false", "nickname: hidden-8…"),
    ],
)
def test_placeholder_where_its_secret_would_show_is_refused(old, new):
    with pytest.raises(InvalidText, match="hidden values occur"):
        restored(hidden(TEXT).replace(old, new), TEXT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("hidden-2…91aa", "hidden-2…91aaX"),
        ("hidden-2…91aa", "hidden-99…91aa"),
        ("hidden-2…91aa", "hidden-0…"),
    ],
)
def test_changed_placeholder_is_refused_with_its_line(old, new):
    with pytest.raises(InvalidText) as caught:
        restored(hidden(TEXT).replace(old, new), TEXT)
    assert caught.value.line == 7


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("debug",), True, "debug: true"),
        (("redis-usage-queue-retention-seconds",), 600, "redis-usage-queue-retention-seconds: 600"),
        (("remote-management", "allow-remote"), False, "  allow-remote: false"),
        (("remote-management", "disable-control-panel"), True, "  disable-control-panel: true"),
        (("routing", "strategy"), 'a "b" \\', '  strategy: "a \\"b\\" \\\\"'),
    ],
)
def test_one_value_is_set_and_the_rest_stays(path, value, line):
    text = set_value(TEXT, path, value)
    assert line in text.splitlines()
    assert value_at(text, path) == (value if isinstance(value, str) else str(value).lower())
    assert set(TEXT.splitlines()) - set(text.splitlines()) <= {
        line for line in TEXT.splitlines() if path[-1] in line
    }


@pytest.mark.parametrize("path", [("host",), ("tls", "enable"), ("routing", "strategy"), ("new",)])
def test_a_value_is_set_among_lines_that_end_in_crlf(path):
    text = TEXT.replace("\n", "\r\n") + "routing:\r\n  # how\r\n  session-affinity: true\r\n"
    after = set_value(text, path, "x")
    assert value_at(after, path) == "x"
    assert after.count("\n") == after.count("\r\n")


def test_value_of_an_empty_name_is_set():
    assert set_value("debug:\nport: 1\n", ("debug",), True) == "debug: true\nport: 1\n"


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("", "empty"),
        ("# nothing\n", "secret-key is missing"),
        ("- a\n", "mapping"),
        ("just text", "mapping"),
        ("a: [1\n", "no valid YAML"),
        ("a: 1\na: 2\n", "twice"),
        ("a: 1\n---\nb: 2\n", "one document"),
        ("? [x]\n: 1\n", "plain text"),
        ("a: " + "[" * 60, "deeper"),
        ("a: \x07", "control"),
        (
            TEXT.replace('secret-key: "$2a$10$abcdefghijklmnopqrstuv"', 'secret-key: ""'),
            "secret-key",
        ),
        (
            TEXT.replace('  - "sk-team-alpha-5f2c91aa"\n  - sk-team-beta-77d0e3b1\n', "  []\n"),
            "api-keys is empty",
        ),
        (TEXT + "# " + "x" * 1_100_000, "larger"),
        (TEXT + "# \ud800", "control"),
        ("a: \t- x: y\n\t", "no valid YAML"),
    ],
)
def test_text_that_everybody_would_regret_is_refused(text, reported):
    with pytest.raises(InvalidText, match=reported):
        check_replacement(text, TEXT)


def test_recorded_configurations_pass_the_checks():
    for text in RECORDED:
        check_replacement(text, text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_never_more(text):
    try:
        scalars(text)
        assert restored(hidden(text), text) == text
    except InvalidText:
        pass


@settings(max_examples=100, deadline=None)
@given(
    st.text(
        st.characters(
            blacklist_categories=["Cs", "Cc"], blacklist_characters="\u2028\u2029\ufeff\x85"
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(["debug", "proxy-url", "new-name"]),
)
def test_any_text_can_be_set_as_a_value(value, name):
    assert value_at(set_value(TEXT, (name,), value), (name,)) == value


@pytest.mark.parametrize(
    "secret", [secret for secret, text in SECRETS_IN_TEXT if text == f"saw {secret} there"]
)
def test_key_that_is_commented_out_is_hidden_by_its_form(secret):
    shown = hidden(f"api-keys:\n  # - {secret}\n  - sk-another-key\n")
    assert secret not in shown


ALIASED = [
    "x: &k sk-aliased-0001\napi-keys: [*k]\n",
    "x: &k shorty\napi-keys:\n  - *k\n",
    'x: &k !!str "sk-\\x61liased-0001"\napi-keys: [*k]\n',
    "x: &k |\n  sk-aliased-0001\napi-keys: [*k]\n",
    "x: &ks [sk-aliased-0001, shorty]\napi-keys: *ks\n",
    "x: &a sk-aliased-0001\ny: &b [*a]\nz: &c [*b]\napi-keys: *c\n",
    "x: &k harmless\ny: &k sk-aliased-0001\napi-keys: [*k]\n",
    "? &k sk-aliased-0001\n: 1\napi-keys: [*k]\n",
    "x: &h {X-Any: shorty}\ncodex-api-key: [{headers: *h}]\n",
    "x: &h {X-Any: shorty}\ncodex-api-key: [{headers: {<<: *h}}]\n",
    "x: &base {api-key: sk-aliased-0001}\ncodex-api-key: [{<<: *base, weight: 2}]\n",
    "x: &k sk-aliased-0001\ny: &base {api-key: *k}\ncodex-api-key: [{<<: [*base]}]\n",
    "x: &u http://user:shorty@h\napi-keys: [*u]\n",
]


@pytest.mark.parametrize("text", ALIASED)
def test_secret_that_an_alias_finds_is_hidden_where_it_is_written(text):
    shown = hidden(text)
    assert "sk-" not in shown
    assert "liased" not in shown
    assert "shorty" not in shown
    assert restored(shown, text) == text


def test_anchor_of_a_hidden_secret_and_what_no_alias_finds_stay_visible():
    text = "x: &k harmless\ny: &k sk-aliased-0001\nz: &l note\napi-keys: [*k]\nlast: *l\n"
    assert hidden(text) == (
        "x: &k harmless\ny: &k hidden-1…\nz: &l note\napi-keys: [*k]\nlast: *l\n"
    )


def test_removing_the_alias_does_not_show_the_secret_at_its_anchor():
    text = ALIASED[0]
    with pytest.raises(InvalidText, match="hidden values occur"):
        restored(hidden(text).replace("*k", "other"), text)
    moved = hidden(text).replace("x: &k", "renamed: &k")
    assert restored(moved, text) == text.replace("x: &k", "renamed: &k")


def test_any_number_of_aliases_of_a_large_list_is_followed_once():
    keys = ", ".join(f"sk-{number}" for number in range(3000))
    names = "".join(f"n{number}: *ks\nn{number}-key: *ks\n" for number in range(3000))
    began = time.thread_time()
    assert "sk-" not in hidden(f"x: &ks [{keys}]\n{names}")
    assert time.thread_time() - began < 5
