"""What a hostile or careless caller may send, and what must hold whatever it was."""

import json
import string
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from management_proxy.proxy.rules.policy_table import POLICIES, rows_for_path
from tests.management_proxy.contract_routes import ROUTES

PATHS = sorted({route.path for route in ROUTES})
ODD_PARTS = [
    "",
    ".",
    "..",
    "%2e%2e",
    "%252e%252e",
    "%2f",
    "%5c",
    "\\",
    "%00",
    "%0d%0aX-Injected: y",
    "@",
    "@default",
    "@nowhere",
    "@default@x",
    "//elsewhere",
    "http:",
    "usage-queue",
    "api-call",
    "%75sage-queue",
    "v0",
    "management",
    "..;",
    "%c0%ae",
    "%ff",
    "é",
    "{}",
    "*",
    "$TOKEN$",
    "~",
    "a" * 300,
]
ODD_QUERIES = [
    "",
    "all=true",
    "ALL=1",
    "all",
    "index=0",
    "index=0&value=k",
    "count=100",
    "name=..%2fconfig.yaml",
    "a;b",
    "%",
    "state=",
    "limit=1",
    "limit=1&limit=2",
    "value=" + "v" * 300,
    "&&",
    "=",
    "a=%00",
    "%61ll=1",
]
ODD_BODIES = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'{"items":[]}',
    b'["a"]',
    b'[""]',
    b'{"value":true}',
    b'{"value":"\xff"}',
    b"[" * 5000,
    b'{"a":' * 3000,
    b"x" * 5000,
    b"\x00",
    b"a: &a [*a]",
    b"- x",
    b'{"codex":1}',
    b'["\xe2\x80\xa6abcd"]',
    b'{"state":"x","code":"y"}',
    b'{"name":"a.json","disabled":true}',
]
ODD_HEADERS = {
    "Authorization": ["Bearer x", "Basic eDp5", "x", ""],
    "X-Management-Key": ["x"],
    "X-Forwarded-For": ["1.2.3.4", "127.0.0.1, evil"],
    "X-Real-Ip": ["1.2.3.4"],
    "Forwarded": ["for=1.2.3.4"],
    "Connection": ["close", "X-Tollgate-Confirm"],
    "Te": ["trailers"],
    "Range": ["bytes=0-1", "bytes=9-1", "x"],
    "If-None-Match": ['"x"', "*"],
    "Content-Type": [
        "text/html",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "x" * 200,
    ],
    "Accept": ["*/*", "text/html"],
    "X-Tollgate-Confirm": ["delete all auth files", "empty api-keys", "x"],
    "X-Tollgate-Reveal": ["secrets", "x"],
    "X-Tollgate-Reason": ["because", "é"],
    "X-Csrftoken": ["x" * 32, ""],
    "X-Http-Method-Override": ["DELETE"],
    "Origin": ["http://evil.test", "null"],
    "Cookie2": ["x"],
    "Content-Encoding": ["gzip"],
}
METHODS = [
    "GET",
    "PUT",
    "PATCH",
    "POST",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "X",
]


@dataclass(frozen=True)
class Sent:
    """One request: its target is as in the request line, below the prefix."""

    role: str
    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def _targets() -> st.SearchStrategy[str]:
    part = st.one_of(
        st.sampled_from(ODD_PARTS), st.text(string.printable, max_size=8), st.sampled_from(PATHS)
    )
    path = st.one_of(
        st.sampled_from(PATHS),
        st.sampled_from(PATHS).map(lambda path: f"@default/{path}"),
        st.lists(part, max_size=5).map("/".join),
    )
    query = st.one_of(
        st.just(""), st.sampled_from(ODD_QUERIES), st.text(string.printable, max_size=12)
    )
    return st.tuples(path, query).map(lambda pair: f"{pair[0]}?{pair[1]}" if pair[1] else pair[0])


def _headers() -> st.SearchStrategy[dict[str, str]]:
    pair = st.sampled_from(sorted(ODD_HEADERS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(ODD_HEADERS[name]))
    )
    return st.lists(pair, max_size=4).map(dict)


def requests() -> st.SearchStrategy[Sent]:
    """Requests of every kind: routes of the contract with odd queries, headers and bodies, anything
    at all, and some that are in order."""
    body = st.one_of(st.sampled_from(ODD_BODIES), st.binary(max_size=40))
    roles = st.sampled_from(["staff", "staff", "staff", "user", "stranger"])
    queries = st.sampled_from(
        ["", "", "?limit=1", "?state=abc", "?name=a.json", *(f"?{query}" for query in ODD_QUERIES)]
    )
    route = st.tuples(st.sampled_from(ROUTES), queries).map(
        lambda pair: (pair[0].method, pair[0].path + pair[1])
    )
    anything = st.tuples(st.sampled_from(METHODS), _targets())
    sent = st.tuples(roles, st.one_of(route, anything), _headers(), st.one_of(st.just(b""), body))
    in_order = st.sampled_from(
        [Sent("staff", "GET", route.path) for route in ROUTES if route.method == "GET"]
    )
    return st.one_of(sent.map(lambda parts: Sent(parts[0], *parts[1], *parts[2:])), in_order)


def broken_promises(
    sent: Sent,
    status: int,
    headers: dict[str, str],
    body: bytes,
    reached: list[Any],
    secrets: list[str],
) -> list[str]:
    """Which of the proxy's promises the response breaks; `reached` are the (method, target,
    headers) that came upstream."""
    promises = {
        f"status {status} of ours": status < 500 or status in (502, 503, 504),
        "an envelope for every refusal": not _is_ours(status, reached) or _has_code(sent, body),
        "a stranger gets nothing": sent.role != "stranger" or (status == 401 and not reached),
        "another user gets nothing but logins": sent.role != "user"
        or all("auth" in target for _, target, _ in reached),
        "a secret in the response": not any(
            secret in text for secret in secrets for text in (body.decode("latin-1"), str(headers))
        ),
        "an upstream header in the response": not any(
            name.lower().startswith(("access-control-", "x-cpa-", "set-cookie2"))
            for name in headers
        ),
        "more than one attempt": len(reached) <= 1,
        "an unlisted path upstream": all(
            _is_listed(method, target) for method, target, _ in reached
        ),
        "a header of the caller's upstream": not any(
            _leaks(sent, headers) for _, _, headers in reached
        ),
    }
    return [promise for promise, holds in promises.items() if not holds]


def _is_ours(status: int, reached: list[Any]) -> bool:
    return status >= 400 and not reached


def _has_code(sent: Sent, body: bytes) -> bool:
    return sent.method == "HEAD" or bool(json.loads(body)["error"]["code"])


def _is_listed(method: str, target: str) -> bool:
    path = target.removeprefix("/v0/management/").partition("?")[0]
    return (
        target.startswith("/v0/management/")
        and any(method in row.methods for row in rows_for_path(path))
        and ".." not in path
    )


def _leaks(sent: Sent, headers: dict[str, str]) -> bool:
    forbidden = {
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "cookie",
        "cookie2",
        "x-management-key",
        "te",
        "origin",
        "x-http-method-override",
        "x-csrftoken",
    }
    return bool(forbidden & headers.keys()) or headers.get("authorization") == sent.headers.get(
        "Authorization", "absent"
    )


# A table that no fuzz can reach any more would prove nothing.
assert len(POLICIES) > 80
