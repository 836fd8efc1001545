"""Health: what is wrong, why it matters and the exact step that fixes it, from checks that every
app registers.

A check reads what is already known and is quick: pages and scrapes run all of them every few
seconds (`monitoring/api/recent.py`). What is read of every upstream is read of all at once
(`once`). What has to call an upstream is registered as an examination; it runs only on demand (the
doctor), before the checks, which then read what it learnt. A check that fails is a finding itself,
so that one broken part never hides the others.
"""

import logging
from collections.abc import Callable, Hashable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import TextChoices
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from monitoring.logs import monitoring_kinds as kinds

logger = logging.getLogger(__name__)


class Level(TextChoices):
    """How bad a finding is, from fine to urgent; the exit code and the order of lists follow it."""

    OK = "ok", _("ok")
    NOTICE = "notice", _("notice")
    WARNING = "warning", _("warning")
    ERROR = "error", _("error")

    @property
    def rank(self) -> int:
        """0 for `ok`, growing with urgency."""
        return list(Level).index(self)


@dataclass(frozen=True)
class Action:
    """A button that fixes a finding: POST to a URL name with its arguments, or a link to follow."""

    label: str
    url_name: str
    args: tuple[object, ...] = ()
    is_link: bool = False

    @property
    def url(self) -> str:
        """Where the button or link leads."""
        return reverse(self.url_name, args=self.args)


@dataclass(frozen=True)
class Finding:
    """One result of a check; without secrets, since reports are copied.

    `summary` says what is (or is not) wrong, `why` why it matters, `fix` the exact step to take;
    `subject` is the upstream or other thing concerned, empty for the installation; `check` is
    filled in by the registry. `section` is its part of the runbook where that is not the check's.
    """

    level: Level
    summary: str
    why: str = ""
    fix: str = ""
    subject: str = ""
    action: Action | None = None
    check: str = ""
    section: str = ""

    @property
    def runbook(self) -> str:
        """Where the page of the runbook has what to do."""
        return f"{reverse('monitoring:runbook')}#{section_of(self.section or self.check)}"


def section_of(name: str) -> str:
    """The fragment of the section about a check, or a part of one."""
    return f"finding-{name.replace(' ', '-').replace('_', '-')}"


T = TypeVar("T")
Check = Callable[[], Iterable[Finding]]
Examination = Callable[[], None]

_checks: dict[str, Check] = {}
_examinations: dict[str, Examination] = {}
_known: ContextVar[dict[Hashable, Any] | None] = ContextVar("known_to_these_checks", default=None)


def register(name: str, check: Check) -> None:
    """Add a check under a short name (`lease`, `breaker`), or replace the one of that name."""
    _checks[name] = check


def check_names() -> set[str]:
    """The names of all checks, with that of the database."""
    return {*_checks, "database"}


def register_examination(name: str, examination: Examination) -> None:
    """Add what calls upstreams when the doctor is run; it raises nothing and risks no
    ban."""
    _examinations[name] = examination


def examine() -> None:
    """Learn afresh what requests can show; nothing happens while the database is out of
    reach."""
    if database_finding().level == Level.OK:
        for examination in _examinations.values():
            examination()


def findings() -> list[Finding]:
    """What every check finds, the worst first; the database alone if that is out of reach."""
    found = [Finding(Level.OK, gettext("The database responds."), check="database")]
    token = _known.set({})
    try:
        for name, check in _checks.items():
            try:
                found += [replace(finding, check=name) for finding in check()]
            except Exception as error:  # whatever broke, the other checks still matter
                # The checks read the database; only when one fails is it queried for itself.
                database = database_finding()
                if database.level != Level.OK:
                    return [database]
                found.append(_broken(name, error))
    finally:
        _known.reset(token)
    return sorted(found, key=lambda finding: (-finding.level.rank, finding.subject))


def once(key: Hashable, read: Callable[[], T]) -> T:
    """What `read` returns, read once by all checks that run together."""
    known = _known.get()
    if known is None:
        return read()
    if key not in known:
        known[key] = read()
    found: T = known[key]
    return found


def _broken(name: str, error: Exception) -> Finding:
    kinds.CHECK_FAILED.log_exception(logger, logging.ERROR, check=name)
    return Finding(
        Level.ERROR,
        gettext("The check “%(name)s” failed: %(error)s.")
        % {"name": name, "error": type(error).__name__},
        gettext("What it watches is unknown."),
        gettext("See the log."),
        check=name,
    )


def database_finding() -> Finding:
    """Whether the database responds."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        reason = str(error).strip().split("\n")[0]
        return Finding(
            Level.ERROR,
            gettext("The database is unreachable: %(reason)s") % {"reason": reason},
            gettext("Nothing can be stored or shown."),
            gettext("Check DATABASE_URL, and that the server runs."),
            check="database",
        )
    return Finding(Level.OK, gettext("The database responds."), check="database")


def worst(found: Iterable[Finding]) -> Level:
    """The most urgent level among findings; `ok` if there are none."""
    return max((finding.level for finding in found), key=lambda level: level.rank, default=Level.OK)


def troubles(found: Iterable[Finding], subject: str | None = None) -> list[Finding]:
    """The findings that are not `ok`, of one subject if one is given."""
    return [
        finding
        for finding in found
        if finding.level != Level.OK and subject in (None, finding.subject)
    ]
