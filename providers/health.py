"""What is wrong with what we manage: differences with an upstream, changes that do not settle, and
client keys that cannot be removed or given back."""

from collections.abc import Iterator
from datetime import timedelta

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef
from django.db.models.functions import JSONObject
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from management_proxy.models import Upstream
from monitoring.health import Action, Finding, Level, once
from providers.models import DriftCheck, Intent, WithheldKey
from providers.models.keys import key_name

_LONG = timedelta(minutes=5)
_MOST_SHOWN = 20
_KINDS = {
    "only here": gettext_noop("only here"),
    "only there": gettext_noop("only there"),
    "different": gettext_noop("different"),
}


def _upstreams() -> list[Upstream]:
    """All upstreams with all that the checks need of them, in one statement: `drift_check`, whether
    changes have waited for long, and the withheld keys that failed."""
    old = Intent.objects.filter(
        upstream=OuterRef("pk"),
        state__in=Intent.UNSETTLED,
        requested_at__lt=timezone.now() - _LONG,
    )
    failed = WithheldKey.objects.filter(client_key__upstream=OuterRef("pk")).exclude(error="")
    shown = JSONObject(
        key="client_key",
        name="client_key__name",
        last_four="client_key__last_four",
        state="state",
        error="error",
    )
    upstreams = Upstream.objects.select_related("drift_check").annotate(
        waits=Exists(old), failed_keys=ArraySubquery(failed.values(shown=shown)[:_MOST_SHOWN])
    )
    return list(upstreams.order_by("name"))


def _read() -> list[Upstream]:
    return once("upstreams of providers", _upstreams)


def check_differences() -> Iterator[Finding]:
    """A warning for each upstream that lost or changed something of ours, as last compared."""
    for upstream in _read():
        check: DriftCheck | None = getattr(upstream, "drift_check", None)
        differences = check.differences if check and upstream.is_enabled else []
        ours = [d for d in differences if d["kind"] != "only there" or "revoked" in d["detail"]]
        if ours:
            thing, kind = gettext(ours[0]["thing"]), gettext(_KINDS[ours[0]["kind"]])
            first = f"{thing} {ours[0]['label']} ({kind})"
            yield Finding(
                Level.WARNING,
                (
                    gettext("The upstream differs from what Tollgate manages: %(first)s.")
                    if len(ours) == 1
                    else gettext(
                        "The upstream differs from what Tollgate manages: %(first)s and %(rest)s"
                        " more."
                    )
                )
                % {"first": first, "rest": len(ours) - 1},
                gettext(
                    "Keys in use may be missing or changed, or revoked ones present again; another"
                    " tool writes this upstream, too."
                ),
                gettext(
                    "Choose a direction for each difference, or run manage.py"
                    " reconcile_providers --apply."
                ),
                subject=upstream.name,
                action=Action(gettext("Differences"), "providers:drift", is_link=True),
            )


def check_unsettled() -> Iterator[Finding]:
    """A warning for changes whose outcome has been uncertain for long."""
    for upstream in _read():
        if upstream.waits:  # type: ignore[attr-defined]
            yield Finding(
                Level.WARNING,
                gettext(
                    "Changes have been waiting for more than five minutes, or their outcome is"
                    " unknown."
                ),
                gettext("Whether the upstream has them is not certain."),
                gettext(
                    "Make sure that the collector runs, which settles them, or run manage.py"
                    " reconcile_providers --apply."
                ),
                subject=upstream.name,
                action=Action(gettext("Changes"), "providers:changes", is_link=True),
            )


def check_withheld() -> Iterator[Finding]:
    """Client keys that could not be removed at a limit, or not be given back after it."""
    fix = gettext(
        "Tollgate tries again by itself; see that the upstream responds, and that it lists more"
        " client keys than this one."
    )
    for upstream in _read():
        for row in upstream.failed_keys:  # type: ignore[attr-defined]
            name = key_name(row["key"], row["name"], row["last_four"])
            texts = {"key": name, "error": row["error"]}
            link = Action(
                gettext("Client key"), "providers:client-key", (row["key"],), is_link=True
            )
            if row["state"] == WithheldKey.State.WITHHELD:
                what = gettext("Client key %(key)s could not be given back: %(error)s.") % texts
                why = gettext("Its clients are refused though they need not be.")
                yield Finding(Level.ERROR, what, why, fix, subject=upstream.name, action=link)
            else:
                what = gettext("Client key %(key)s could not be removed: %(error)s.") % texts
                why = gettext("It works on beyond the limit that should remove it.")
                yield Finding(Level.WARNING, what, why, fix, subject=upstream.name, action=link)
