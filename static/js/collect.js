// A collection that was requested by hand: shows its outcome, then updates the page's regions.
(() => {
  function outcome({ status, responseText }) {
    let body = {};
    try {
      body = JSON.parse(responseText);
    } catch {
      /* a response of a proxy in between */
    }
    if (status === 200)
      return `Collected: ${body.stored} stored, ${body.duplicates} duplicates.`;
    if (status === 202)
      return `A run is in progress (for ${Math.round(body.ageSeconds || 0)} s).`;
    return `Collection failed: ${body.error?.message || body.error || status || "no response"}`;
  }

  for (const button of document.querySelectorAll("[data-collect]")) button.hidden = false;
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.target.matches("[data-collect]")) return;
    document.getElementById("collect-outcome").textContent = outcome(event.detail.xhr);
    document.dispatchEvent(new Event("poll:now"));
  });
})();
