"""Pages are light, do not shift while they load, complain of nothing, and call no other host."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.browser import CHROMIUM, REQUIRED
from tests.factories import make_event, make_upstream, store
from tests.web_server import web_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="NO BROWSER: install Chromium to run this"
    ),
]
WIDE = {"width": 1440, "height": 900}
# Bytes on the wire; the first page brings what later ones find in the cache.
PAGES = (
    ("/", 120_000),
    ("/usage/?range=30d", 40_000),
    ("/usage/failures/", 40_000),
    ("/usage/speed/", 40_000),
    ("/monitoring/", 40_000),
    ("/monitoring/proxy/", 40_000),
    ("/providers/accounts/", 40_000),
    ("/?range=30d", 40_000),
)
# What shifted while the page loaded, as browsers measure it.
SHIFTS = """new Promise(found => {
    const shifts = [];
    const html = source => source.node?.outerHTML?.slice(0, 90);
    const seen = list => list.getEntries().forEach(
        entry => shifts.push([entry.value, ...entry.sources.map(html)]));
    new PerformanceObserver(seen).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => setTimeout(() => found(shifts), 50));
})"""

# What moves as the page grows: the last tile, card or act is taken away until one is left, as if
# those after it were still on the way. A browser that gets the page in pieces shows each of these.
MOVED = """() => {
    const boxes = [...document.querySelectorAll("main :is(.tile, .card, .page-actions > *)")];
    const place = box => {
        const { left, top, width } = box.getBoundingClientRect();
        return [left, top, width].map(Math.round).join();
    };
    const whole = boxes.map(place);
    const moved = [];
    while (boxes.length > 1) {
        boxes.pop().remove();
        boxes.forEach((box, n) => {
            const { visibility } = getComputedStyle(box);
            if (visibility === "visible" && place(box) !== whole[n]) {
                moved.push([boxes.length, box.innerText.slice(0, 40), whole[n], place(box)]);
            }
        });
    }
    return moved;
}"""


def received(page) -> dict[str, int]:
    """Bytes on the wire by address, of what the page loads from now on."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    addresses: dict[str, str] = {}
    bytes_of: dict[str, int] = {}

    def ended(event: dict) -> None:
        address = addresses.get(event["requestId"], "")
        bytes_of[address] = bytes_of.get(address, 0) + int(event["encodedDataLength"])

    session.on(
        "Network.responseReceived",
        lambda event: addresses.__setitem__(event["requestId"], event["response"]["url"]),
    )
    session.on("Network.loadingFinished", ended)
    return bytes_of


def test_pages_are_light_calm_and_keep_to_themselves(staff_page, tmp_path):
    """On the real web server, which compresses; all is cold for the first page."""
    today = datetime.now(UTC).replace(hour=0, minute=30)
    events = [
        make_event(
            timestamp=today - timedelta(days=n % 20), model=f"model-{n % 5}", failed=not n % 7
        )
        for n in range(60)
    ]
    store(make_upstream(), *events)
    complaints, strangers = [], []
    with web_server(tmp_path) as server:
        page = staff_page(server.url, viewport=WIDE)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda sent: strangers.append(sent.url))
        bytes_of = received(page)
        for path, most in PAGES:
            bytes_of.clear()
            page.goto(path, wait_until="networkidle")
            assert 0 < sum(bytes_of.values()) < most, (path, bytes_of)
            shifts = page.evaluate(SHIFTS)
            # Columns of a table may settle by a pixel while its rows come on a busy machine; of the
            # score that browsers report, two digits count.
            assert round(sum(shift for shift, *_ in shifts), 2) == 0, (path, shifts)
            assert page.evaluate(MOVED) == [], path
    ours = (server.url, "data:", "blob:")
    assert [url for url in strangers if not url.startswith(ours)] == []
    assert complaints == []
