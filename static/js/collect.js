// A collection that was requested by hand: shows its outcome in the reader's language (attributes of
// the element), then updates the page.
(() => {
  const FRESH_SECONDS = 10; // the loop polls every few seconds

  function outcome(xhr, texts) {
    const { status } = xhr;
    let body = {};
    try {
      body = JSON.parse(xhr.responseText);
    } catch {
      /* a response of a proxy in between */
    }
    const fill = (text, values) => text.replace(/{(\w+)}/g, (_, name) => values[name] ?? "");
    if (status === 200) return fill(texts.collected, body);
    // The loop holds its run between two polls: what it collected a moment ago is up to date.
    const now = Date.parse(xhr.getResponseHeader("Date")) || Date.now(); // the server's clock
    const age = Math.max(Math.round((now - Date.parse(body.lastCollectedAt)) / 1000), 0);
    if (status === 202 && age <= FRESH_SECONDS) return fill(texts.upToDate, { age });
    if (status === 202) return fill(texts.running, { age: Math.round(body.ageSeconds || 0) });
    const reason = body.error?.message || body.error || status || texts.noResponse;
    const id = xhr.getResponseHeader("X-Request-Id");
    const outcome = fill(texts.failed, { reason });
    return status >= 500 && id ? `${outcome} (${id})` : outcome;
  }

  for (const button of document.querySelectorAll("[data-collect]")) button.hidden = false;
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.target.matches("[data-collect]")) return;
    const element = document.getElementById("collect-outcome");
    element.textContent = outcome(event.detail.xhr, element.dataset);
    document.dispatchEvent(new Event("poll:now"));
  });
})();
