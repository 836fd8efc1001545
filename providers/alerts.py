"""What rules can watch of accounts, client keys and changes, and the rules that do from the
start."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from management_proxy.models import Upstream
from monitoring.alerts.default_rules import DefaultRule
from monitoring.alerts.signals import Filter, Measurement, Reading, Signal, Unit, one_of
from providers.accounts.auth_files import Health
from providers.client_keys.consumption import consumption_of
from providers.client_keys.limits import standing_of
from providers.models import AccountState, ClientKey, DriftCheck, Intent

# What was read longer ago says nothing of the present.
STATES_HOLD_FOR = timedelta(minutes=10)


def _upstreams() -> Iterable[tuple[str, str]]:
    return ((name, name) for name in Upstream.objects.values_list("name", flat=True))


def _health() -> Iterable[tuple[str, str]]:
    return ((value, str(label)) for value, label in Health.choices)


_UPSTREAM = Filter("upstream", _("Upstream"), _upstreams)


def _states(query: Measurement) -> Iterable[AccountState]:
    wanted = {"health": "health", "provider": "provider", "upstream": "upstream__name"}
    fields = {wanted[name]: value for name, value in query.filters.items()}
    fresh = AccountState.objects.filter(read_at__gt=query.end - STATES_HOLD_FOR, **fields)
    return fresh.filter(upstream__is_enabled=True)


def unwell_accounts(query: Measurement) -> Iterator[Reading]:
    """Seconds since which an account has had the wanted health, by account; without one, failing or
    refused by its provider."""
    states = _states(query)
    if "health" not in query.filters:
        states = (s for s in states if s.is_refused or s.health == Health.FAILING)
    for state in states:
        seconds = (query.end - state.since).total_seconds()
        detail = f"{state.provider}: {state.reason or Health(state.health).label}"
        yield Reading(max(seconds, 0.001), state.label or state.name, detail, _accounts_page())


def plan_ends(query: Measurement) -> Iterator[Reading]:
    """Seconds until an account's plan ends, by account that names an end."""
    for state in _states(query):
        if state.plan_until:
            seconds = (state.plan_until - query.end).total_seconds()
            yield Reading(seconds, state.label or state.name, state.provider, _accounts_page())


def _accounts_page() -> str:
    return reverse("accounts:list")


def used_limits(query: Measurement) -> Iterator[Reading]:
    """The used share, in percent, of the nearest monthly limit, by active key that has one."""
    keys = ClientKey.objects.filter(state=ClientKey.State.ACTIVE).select_related("upstream")
    limited = list(
        keys.exclude(monthly_requests=None, monthly_tokens=None).filter(
            **({"upstream__name": query.filters["upstream"]} if query.filters else {})
        )
    )
    used = consumption_of([key.pk for key in limited])
    for key in limited:
        share = standing_of(key, used[key.pk]).share
        if share is not None:
            yield Reading(100 * share, str(key), url=reverse("providers:client-keys"))


def differences(query: Measurement) -> Iterator[Reading]:
    """How many differences there are with what Tollgate manages, by upstream, as last compared."""
    for check in DriftCheck.objects.select_related("upstream").filter(upstream__is_enabled=True):
        if query.filters.get("upstream") in (None, check.upstream.name):
            ours = [
                d
                for d in check.differences
                if d["kind"] != "only there" or "revoked" in d["detail"]
            ]
            detail = f"{ours[0]['thing']} {ours[0]['label']} ({ours[0]['kind']})" if ours else ""
            yield Reading(float(len(ours)), check.upstream.name, detail, reverse("providers:drift"))


def unsettled_changes(query: Measurement) -> Iterator[Reading]:
    """Seconds since which the oldest change is without an outcome, by upstream."""
    oldest: dict[str, Reading] = {}
    waiting = Intent.objects.filter(state__in=Intent.UNSETTLED).select_related("upstream")
    for intent in waiting.order_by("-requested_at"):
        seconds = (query.end - intent.requested_at).total_seconds()
        name = intent.upstream.name
        oldest[name] = Reading(seconds, name, url=reverse("providers:changes"))
    yield from oldest.values()


SIGNALS = (
    Signal(
        "accounts.unwell",
        _("Time for which an account has been failing, or in the chosen state of health"),
        Unit.SECONDS,
        unwell_accounts,
        _(
            "Open the account: the reason is beside it. An expired or revoked login is connected"
            " anew."
        ),
        (_UPSTREAM, Filter("provider", _("Provider")), one_of("health", _("Health"), _health)),
        url_name="accounts:list",
    ),
    Signal(
        "accounts.plan_ends",
        _("Time until an account's plan ends"),
        Unit.SECONDS,
        plan_ends,
        _(
            "Renew the plan, or connect another account. Tokens are renewed by the upstream, which"
            " shows no end of them: one that it cannot renew is an account that fails."
        ),
        (_UPSTREAM, Filter("provider", _("Provider"))),
        url_name="accounts:list",
    ),
    Signal(
        "client_keys.limit_used",
        _("Used share of a client key's monthly limit"),
        Unit.PERCENT,
        used_limits,
        _("Raise the key's limit, or speak with its owner."),
        (_UPSTREAM,),
        url_name="providers:client-keys",
    ),
    Signal(
        "providers.differences",
        _("Differences between an upstream and Tollgate"),
        Unit.COUNT,
        differences,
        _("Choose a direction for each difference on the page Drift."),
        (_UPSTREAM,),
        url_name="providers:drift",
    ),
    Signal(
        "providers.unsettled",
        _("Time for which a change has had no outcome"),
        Unit.SECONDS,
        unsettled_changes,
        _("Make sure that the collector runs, or run manage.py reconcile_providers --apply."),
        url_name="providers:changes",
    ),
)
DEFAULTS = (
    DefaultRule("account_failing", gettext_noop("Account failing"), "accounts.unwell", 60),
    DefaultRule(
        "account_cooling",
        gettext_noop("Account cooling down"),
        "accounts.unwell",
        300,
        filters={"health": Health.COOLING.value},
    ),
    DefaultRule(
        "plan_ends",
        gettext_noop("Plan of an account ends"),
        "accounts.plan_ends",
        3 * 86_400,
        comparison="at_most",
    ),
    DefaultRule(
        "key_at_limit", gettext_noop("Client key at its limit"), "client_keys.limit_used", 100
    ),
    DefaultRule(
        "drift", gettext_noop("Upstream differs"), "providers.differences", 1, hold_seconds=60
    ),
    DefaultRule("changes_stuck", gettext_noop("Changes do not settle"), "providers.unsettled", 300),
)
