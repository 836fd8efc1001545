// A collection that was asked for by hand: says how it went, then has the page's regions read again.
(() => {
  function told({ status, responseText }) {
    let answer = {};
    try {
      answer = JSON.parse(responseText);
    } catch {
      /* an answer of a proxy in between */
    }
    if (status === 200)
      return `Collected: ${answer.stored} stored, ${answer.duplicates} duplicates.`;
    if (status === 202)
      return `A run is in progress (for ${Math.round(answer.ageSeconds || 0)} s).`;
    return `Collection failed: ${answer.error?.message || answer.error || status || "no answer"}`;
  }

  for (const button of document.querySelectorAll("[data-collect]")) button.hidden = false;
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.target.matches("[data-collect]")) return;
    document.getElementById("collect-outcome").textContent = told(event.detail.xhr);
    document.dispatchEvent(new Event("poll:now"));
  });
})();
