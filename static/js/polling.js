// Decides when a [data-poll] region is requested again: never while the tab is hidden, never twice at
// once, less and less often while it fails, at once on return to the tab, and no more once the server
// requests a stop or a new sign-in. A region names its seconds (data-poll) and its address
// (data-poll-url). The response holds the region again, and may hold more elements with an id, which
// replace theirs.
(() => {
  const LONGEST_SECONDS = 300;
  const PATIENCE_MS = 30_000; // a request that hangs must not end the polling
  const KEPT = "details, .scroll";
  const FOCUSABLE = "a[href], button, summary, input, select, textarea, [tabindex]";
  const states = new Map();
  let timer = 0;

  const regions = () => [...document.querySelectorAll("[data-poll][id]")];
  const isVisible = () => document.visibilityState === "visible";
  const seconds = (region) => Number(region.dataset.poll);
  // Later by up to a tenth, never earlier: Retry-After is a promise.
  const jittered = (wait) => wait * (1 + Math.random() / 10) * 1000;

  function stateOf(region) {
    if (!states.has(region.id))
      states.set(region.id, {
        failures: 0,
        due: Date.now() + jittered(seconds(region)),
        inFlight: false,
        stopped: false,
      });
    return states.get(region.id);
  }

  function retryAfter(response) {
    const given = response.headers.get("Retry-After") || "";
    const wait = /^\d+$/.test(given) ? Number(given) : (Date.parse(given) - Date.now()) / 1000;
    return wait > 0 ? wait : 0;
  }

  function notify(text) {
    const notice = document.getElementById("poll-notice");
    if (!notice || notice.textContent === text) return;
    notice.textContent = text;
    notice.hidden = !text;
  }

  // What the reader has opened, scrolled and focused, by id or else by position.
  function capture(element) {
    const kept = [...element.querySelectorAll(KEPT)].map((e, n) => [
      e.id || n,
      { open: e.open, left: e.scrollLeft, top: e.scrollTop },
    ]);
    const focused = [...element.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
    return { kept: new Map(kept), focused, tag: document.activeElement?.tagName };
  }

  function restore(element, captured) {
    [...element.querySelectorAll(KEPT)].forEach((e, n) => {
      const was = captured.kept.get(e.id || n);
      if (!was) return;
      if (e.matches("details")) e.open = was.open;
      [e.scrollLeft, e.scrollTop] = [was.left, was.top];
    });
    const target = captured.focused < 0 ? null : element.querySelectorAll(FOCUSABLE)[captured.focused];
    if (target?.tagName === captured.tag) target.focus({ preventScroll: true });
  }

  function replace(region, html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = [...holder.content.children];
    if (!fresh.some((element) => element.id === region.id))
      throw new Error("the response does not contain the region");
    for (const element of fresh) {
      const old = element.id && document.getElementById(element.id);
      if (!old) continue;
      const captured = capture(old);
      old.replaceWith(element);
      restore(element, captured);
      window.htmx?.process(element);
    }
  }

  // A region in which the reader types or selects text is left alone.
  function isInUse(region) {
    const active = document.activeElement;
    if (region.contains(active) && active.matches("input, select, textarea")) return true;
    const selection = document.getSelection();
    return Boolean(selection && !selection.isCollapsed && region.contains(selection.anchorNode));
  }

  function mustStop(response) {
    return (
      [286, 401, 403].includes(response.status) ||
      response.type === "opaqueredirect" ||
      response.headers.get("HX-Poll") === "stop"
    );
  }

  async function request(region, state) {
    const response = await fetch(region.dataset.pollUrl, {
      headers: { "HX-Request": "true" },
      redirect: "manual", // a redirect is the way to the sign-in page
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    state.retryAfter = retryAfter(response);
    state.stopped = mustStop(response);
    if (state.stopped && !response.ok) return;
    if (!response.ok) throw new Error(`status ${response.status}`);
    const html = await response.text();
    if (html || !state.stopped) replace(region, html);
    state.failures = 0;
  }

  async function poll(region) {
    const state = stateOf(region);
    state.inFlight = true;
    state.retryAfter = 0;
    try {
      await request(region, state);
    } catch {
      state.failures += 1;
    }
    state.inFlight = false;
    const backoff = Math.min(
      seconds(region) * 2 ** state.failures,
      Math.max(LONGEST_SECONDS, seconds(region)),
    );
    state.due = Date.now() + jittered(Math.max(backoff, state.retryAfter));
    show(state, region.id);
    schedule();
  }

  // One notice for all regions: one that is well must not hide that another is not.
  function show(state, id) {
    document.getElementById(id)?.classList.toggle("stale", state.failures > 0);
    const all = regions().map(stateOf);
    const failing = all.filter((one) => one.failures);
    if (all.some((one) => one.stopped))
      notify("Updates have stopped. Reload the page to continue; you may have to sign in again.");
    else if (failing.length) {
      const next = new Date(Math.min(...failing.map((one) => one.due))).toLocaleTimeString();
      notify(
        `The figures are not up to date: the server does not respond. Next attempt at ${next}.`,
      );
    } else notify("");
  }

  function run() {
    for (const region of regions()) {
      const state = stateOf(region);
      if (!isVisible() || state.stopped || state.inFlight || Date.now() < state.due) continue;
      if (isInUse(region)) state.due = Date.now() + 1000;
      else poll(region);
    }
    schedule();
  }

  // One timer, for the region that is due next; none in a hidden tab.
  function schedule() {
    clearTimeout(timer);
    const waiting = regions()
      .map(stateOf)
      .filter((state) => !state.stopped && !state.inFlight);
    if (!isVisible() || !waiting.length) return;
    timer = setTimeout(
      run,
      Math.max(Math.min(...waiting.map((state) => state.due)) - Date.now(), 50),
    );
  }

  document.addEventListener("visibilitychange", run);
  // Another script changed something that the regions show.
  document.addEventListener("poll:now", () => {
    regions()
      .map(stateOf)
      .forEach((state) => (state.due = 0));
    run();
  });
  run();
})();
