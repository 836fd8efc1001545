// Decides when a [data-poll] region is asked for again: never while the tab is hidden, never twice at once, less and less
// often while it fails, at once on return to the tab, and no more once the server says stop or wants a new sign-in.
(() => {
  const LONGEST = 300;
  const states = new WeakMap();
  const regions = () => document.querySelectorAll("[data-poll]");
  const jitter = (seconds) => seconds * (0.9 + Math.random() * 0.2) * 1000;

  function stateOf(region) {
    if (!states.has(region)) states.set(region, { failures: 0, due: Date.now() + jitter(Number(region.dataset.poll)), inFlight: false, stopped: false });
    return states.get(region);
  }

  function wait(region, state, retryAfter) {
    const backoff = Math.min(Number(region.dataset.poll) * 2 ** state.failures, LONGEST);
    return jitter(Math.max(backoff, retryAfter || 0));
  }

  function keepOpen(from, to) {
    const open = [...from.querySelectorAll("details")].map((d) => d.open);
    [...to.querySelectorAll("details")].forEach((d, n) => (d.open = Boolean(open[n])));
    const offsets = [...from.querySelectorAll(".scroll")].map((s) => [s.scrollLeft, s.scrollTop]);
    return () => [...to.querySelectorAll(".scroll")].forEach((s, n) => offsets[n] && ([s.scrollLeft, s.scrollTop] = offsets[n]));
  }

  function replace(region, state, html) {
    const holder = document.createElement("template");
    holder.innerHTML = html.trim();
    const fresh = holder.content.firstElementChild;
    if (!fresh) return;
    const restore = keepOpen(region, fresh);
    states.set(fresh, state);
    region.replaceWith(fresh);
    restore();
    if (window.htmx) window.htmx.process(fresh);
  }

  async function ask(region) {
    const state = stateOf(region);
    if (state.stopped || state.inFlight || document.visibilityState !== "visible" || Date.now() < state.due) return;
    if (region.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")) return;
    state.inFlight = true;
    let retryAfter = 0;
    try {
      const answer = await fetch(region.dataset.pollUrl, { headers: { "HX-Request": "true" }, redirect: "manual" });
      retryAfter = Number(answer.headers.get("Retry-After")) || 0;
      state.stopped = answer.status === 286 || answer.status === 401 || answer.status === 403 || answer.type === "opaqueredirect" || answer.headers.get("HX-Poll") === "stop";
      if (answer.ok) {
        state.failures = 0;
        replace(region, state, await answer.text());
      } else if (!state.stopped) {
        state.failures += 1;
      }
    } catch {
      state.failures += 1;
    }
    state.inFlight = false;
    state.due = Date.now() + wait(region, state, retryAfter);
    if (state.failures) region.classList.add("stale");
  }

  const tick = () => regions().forEach((region) => ask(region));
  setInterval(tick, 500);
  document.addEventListener("visibilitychange", tick);

  // A collection that was asked for by hand: say how it went.
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.target.matches("[data-collect]")) return;
    const { status, responseText } = event.detail.xhr;
    const outcome = document.getElementById("collect-outcome");
    let answer = {};
    try { answer = JSON.parse(responseText); } catch { /* an answer of a proxy in between */ }
    if (status === 200) outcome.textContent = `Collected: ${answer.stored} stored, ${answer.duplicates} duplicates.`;
    else if (status === 202) outcome.textContent = `A run is already in progress (${Math.round(answer.ageSeconds)} s).`;
    else outcome.textContent = `Collection failed: ${answer.error?.message || answer.error || status}`;
  });
})();
