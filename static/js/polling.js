// Decides when a [data-poll] region is requested again: never while the tab is hidden, never twice at
// once, less and less often while it fails, at once on return to the tab, and no more once the server
// says stop or wants a new sign-in. A region names its seconds (data-poll) and its address
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

  function retryAfter(answer) {
    const given = answer.headers.get("Retry-After") || "";
    const wait = /^\d+$/.test(given) ? Number(given) : (Date.parse(given) - Date.now()) / 1000;
    return wait > 0 ? wait : 0;
  }

  function say(text) {
    const notice = document.getElementById("poll-notice");
    if (!notice || notice.textContent === text) return;
    notice.textContent = text;
    notice.hidden = !text;
  }

  // What the reader has opened, scrolled and focused, by id or else by place.
  function remember(element) {
    const kept = [...element.querySelectorAll(KEPT)].map((e, n) => [
      e.id || n,
      { open: e.open, left: e.scrollLeft, top: e.scrollTop },
    ]);
    const focused = [...element.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
    return { kept: new Map(kept), focused, tag: document.activeElement?.tagName };
  }

  function restore(element, memory) {
    [...element.querySelectorAll(KEPT)].forEach((e, n) => {
      const was = memory.kept.get(e.id || n);
      if (!was) return;
      if (e.matches("details")) e.open = was.open;
      [e.scrollLeft, e.scrollTop] = [was.left, was.top];
    });
    const target = memory.focused < 0 ? null : element.querySelectorAll(FOCUSABLE)[memory.focused];
    if (target?.tagName === memory.tag) target.focus({ preventScroll: true });
  }

  function replace(region, html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = [...holder.content.children];
    if (!fresh.some((element) => element.id === region.id))
      throw new Error("the answer is not the region");
    for (const element of fresh) {
      const old = element.id && document.getElementById(element.id);
      if (!old) continue;
      const memory = remember(old);
      old.replaceWith(element);
      restore(element, memory);
      window.htmx?.process(element);
    }
  }

  // Somebody who types, or has marked text to copy, is not disturbed.
  function isInUse(region) {
    const active = document.activeElement;
    if (region.contains(active) && active.matches("input, select, textarea")) return true;
    const selection = document.getSelection();
    return Boolean(selection && !selection.isCollapsed && region.contains(selection.anchorNode));
  }

  function mustStop(answer) {
    return (
      [286, 401, 403].includes(answer.status) ||
      answer.type === "opaqueredirect" ||
      answer.headers.get("HX-Poll") === "stop"
    );
  }

  async function request(region, state) {
    const answer = await fetch(region.dataset.pollUrl, {
      headers: { "HX-Request": "true" },
      redirect: "manual", // a redirect is the way to the login
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    state.retryAfter = retryAfter(answer);
    state.stopped = mustStop(answer);
    if (state.stopped && !answer.ok) return;
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const html = await answer.text();
    if (html || !state.stopped) replace(region, html);
    state.failures = 0;
  }

  async function ask(region) {
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
    tell(state, region.id);
    schedule();
  }

  function tell(state, id) {
    document.getElementById(id)?.classList.toggle("stale", state.failures > 0);
    const next = new Date(state.due).toLocaleTimeString();
    if (state.stopped)
      say("Updates have stopped. Reload the page to go on; you may have to sign in again.");
    else
      say(
        state.failures
          ? `The figures are not up to date: the server does not answer. Next try at ${next}.`
          : "",
      );
  }

  function run() {
    for (const region of regions()) {
      const state = stateOf(region);
      if (!isVisible() || state.stopped || state.inFlight || Date.now() < state.due) continue;
      if (isInUse(region)) state.due = Date.now() + 1000;
      else ask(region);
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
