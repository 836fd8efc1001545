"""The table of policies against the contract's table of routes, both ways."""

import re
from collections.abc import Callable

import pytest

from management_proxy.proxy.rules.policy import (
    READ_SECRETS,
    BodyRule,
    Effect,
    Form,
    Policy,
    Role,
)
from management_proxy.proxy.rules.policy_table import NEVER, POLICIES, rows_for_path
from tests.management_proxy.contract_routes import ROUTES, Route

REFUSED = [
    route
    for route in ROUTES
    if any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", never), str(route)) for never in NEVER)
]
PASSED = [route for route in ROUTES if route not in REFUSED]
# Personal data; no secrets of the upstream.
NOT_MASKED = {"auth-files"}


def rows_of(route: Route) -> list[Policy]:
    """The plain rows of a route."""
    return [
        row
        for row in rows_for_path(route.path)
        if route.method in row.methods and row.form is Form.PLAIN
    ]


def wrong(claim: Callable[[Route, Policy], bool], routes: list[Route] = PASSED) -> list[str]:
    """The routes of whose row the claim does not hold."""
    return [str(route) for route in routes for row in rows_of(route) if not claim(route, row)]


def test_what_never_passes_is_five_routes_without_a_row():
    assert [str(route) for route in REFUSED] == [
        "GET usage-queue",
        "GET oauth-callback",
        "POST api-call",
        "DELETE plugins/some-plugin",
        "POST plugin-store/some-plugin/install",
    ]
    assert not [route for route in REFUSED if rows_of(route)]


def test_every_other_route_of_the_contract_has_one_plain_row():
    assert [str(route) for route in PASSED if len(rows_of(route)) != 1] == []


def test_every_row_is_a_route_of_the_contract():
    offered = {(route.method, row) for route in PASSED for row in rows_for_path(route.path)}
    assert [
        str(policy)
        for policy in POLICIES
        for method in policy.methods
        if (method, policy) not in offered
    ] == []


def test_limits_are_those_that_the_contract_suggests():
    assert wrong(lambda route, row: row.limits.total == route.seconds) == []


def test_only_reads_that_may_be_repeated_are_retried():
    assert (
        wrong(lambda route, row: row.retries == (route.repeatable and row.effect is Effect.READ))
        == []
    )


def test_what_rewrites_the_configuration_goes_through_the_funnel():
    rewriting = [route for route in PASSED if route.rewrites]
    assert (
        wrong(
            lambda route, row: row.writes_through_funnel or route.path.startswith("plugins/"),
            rewriting,
        )
        == []
    )


def test_whatever_is_no_get_is_a_write_audited_and_never_retried():
    writes = [policy for policy in POLICIES if policy.methods != ("GET",)]
    assert [
        str(p) for p in writes if p.effect is not Effect.WRITE or not p.audited or p.retries
    ] == []


def test_secrets_are_masked_or_need_a_permission():
    secret = [route for route in PASSED if route.secret and route.method == "GET"]
    assert (
        wrong(
            lambda _, row: bool(
                row.masks
                or row.permission == READ_SECRETS
                or row.effect is Effect.START
                or row.path in NOT_MASKED
            ),
            secret,
        )
        == []
    )


def test_every_destructive_form_needs_a_permission_and_a_confirmation():
    forms = {
        (policy.path, policy.form)
        for policy in POLICIES
        if policy.form and policy.permission and policy.confirmation
    }
    lists = [
        policy.path for policy in POLICIES if policy.body is BodyRule.KEY_LIST and not policy.form
    ]
    maps = [
        policy.path
        for policy in POLICIES
        if policy.body is BodyRule.PROVIDER_MAP and not policy.form
    ]
    emptied = {(path, Form.EMPTY) for path in (*lists, *maps)}
    assert (len(lists), len(maps)) == (8, 3)
    assert (
        forms
        == {(p.path, p.form) for p in POLICIES if p.form}
        == {("auth-files", Form.ALL), ("config.yaml", Form.EMPTY)}
        | emptied
        | {(path, Form.INDEX) for path in lists}
    )


def test_a_row_that_streams_masks_nothing_or_piece_by_piece():
    assert not [p for p in POLICIES if p.streams and not p.passes_chunks(p.masks)]


def test_only_logins_are_open_to_others_than_staff():
    open_to_others = {p.path for p in POLICIES if p.role is not Role.STAFF}
    logins = {f"{name}-auth-url" for name in ("anthropic", "codex", "antigravity", "kimi", "xai")}
    assert open_to_others == logins | {"get-auth-status", "oauth-callback", "oauth-session"}


@pytest.mark.parametrize(
    "path",
    [
        "usage",
        "usage/export",
        "x",
        "config/",
        "CONFIG",
        "api-keys/0",
        "auth-url",
        "-auth-url",
        "plugins/a/b/config",
        "request-log-by-id/a.b",
    ],
)
def test_unlisted_paths_have_no_row(path):
    assert not rows_for_path(path)
