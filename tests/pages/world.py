"""Something to show on every page, and where those pages are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.test import Client

from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator
from monitoring.alerts.engine import evaluate
from providers.accounts.logins.actions import begin
from providers.client_keys.actions import create
from providers.drift.queries import check_drift
from providers.keys.actions import NewKey, add
from providers.keys.families import FAMILIES
from tests.addresses import crawl
from tests.factories import make_event, make_user, store
from tests.monitoring.alerts.receiver import make_channel
from tests.providers.conftest import foreign
from tests.usage.budgets.making import make_budget
from usage.budgets.actions import make_exception
from usage.models import UsageEvent
from usage.statements.actions import make
from usage.users.actions import invite
from usage.users.roles import Role

FILE = "claude-carol@example.com.json"
# States that the addresses alone do not show.
STATES = (
    "/usage/?range=30d",
    "/usage/?range=30d&compare=true&outcome=failed",
    "/usage/?tz=Mars",
    "/usage/?from=2026-01-01&to=2026-01-02",
    "/usage/events/?outcome=failed",
    "/usage/what-if/?range=30d&as_model=openai/gpt-5.4",
    "/usage/what-if/?as_model=none",
    f"/providers/accounts/account/?name={FILE}",
    "/providers/accounts/?q=none-is-called-so",
    "/providers/custom/provider/?name=openrouter",
    "/logs/log/?request_id=7f3a91c2",
    "/logs/?level=loud",
    "/monitoring/policies/?q=delete",
    "/monitoring/alerts/rules/new/?signal=usage.failure_rate",
    "/no/such/page/",
    "/logout/",
)


@dataclass
class World:
    """An upstream with a past, a signed-in client of each role, and the addresses of pages to which
    no link leads, by the role that can open them."""

    upstream: Upstream
    clients: dict[str, Client]
    unlinked: dict[str, list[str]]

    def addresses(self, role: str) -> list[str]:
        """One address of every page that a role can open."""
        return [*pages(self.clients[role]).values(), *self.unlinked.get(role, [])]


def pages(client: Client) -> dict[str, str]:
    """The addresses of the pages that a caller can open, by their routes."""

    def read(address: str) -> str:
        response = client.get(address)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        return response.content.decode() if response.status_code == 200 and is_page else ""

    return crawl(read)


def furnish(upstream: Upstream, simulator: RunningSimulator) -> World:
    """Events, keys, alerts, budgets, and acts that wait for somebody to carry on."""
    ada, bob = make_user("ada", staff=True), make_user("bob")
    _use(upstream)
    foreign(simulator, claude_api_key=[])
    fields = {"api-key": "sk-ant-0123456789abcdef"}
    add(upstream, NewKey(FAMILIES["claude"], fields, owner=ada), ada)
    create(upstream, ada, name="laptop", owner=ada)
    create(upstream, bob, name="notebook", owner=bob)
    check_drift(upstream)
    make_channel("http://127.0.0.1:9/")
    evaluate()
    today = datetime.now(UTC).date()
    make(today.replace(day=1), ada)
    budget = make_budget(scope="user", user=ada, limit=10**6, removes_keys=True)
    make_exception(budget, today, 500, "launch", ada)
    _, secret = invite("carol", Role.USER, ada)
    clients = {"admin": signed_in(ada), "user": signed_in(bob), "anonymous": Client()}
    unlinked = {
        "admin": _left_open(upstream, ada, clients["admin"]),
        "anonymous": [f"/join/{secret}/", "/join/no-such-link/"],
    }
    return World(upstream, clients, unlinked)


def _use(upstream: Upstream) -> None:
    now = datetime.now(UTC)
    events = [
        make_event(
            timestamp=now - timedelta(days=n % 20, minutes=n),
            model=f"model-{n % 12}" if n % 3 else "gpt-5.4",
            failed=n % 7 == 0,
            alias="alias",
        )
        for n in range(60)
    ]
    store(upstream, *events, "no object")


def signed_in(user: User) -> Client:
    """A client of a user who has signed in."""
    client = Client()
    client.force_login(user)
    return client


def _left_open(upstream: Upstream, ada: User, client: Client) -> list[str]:
    """A login of an account, a planned act, a preview of costs, and the cost of an event."""
    login = begin(upstream, ada, client.session.session_key or "", "anthropic")
    act = client.post("/providers/acts/choose/", {"name": FILE, "verb": "note", "value": "shared"})
    days = {"first": "2026-11-01", "last": "2026-11-10"}
    preview = client.post("/usage/prices/recomputations/", days)
    priced = UsageEvent.objects.exclude(input_cost=None).latest("timestamp")
    return [
        f"/providers/accounts/connect/{login.pk}/",
        act.headers["Location"],
        preview.headers["Location"],
        f"/usage/events/{priced.id}/",
    ]
