// Light, dark or the system's theme. Loaded before the first paint, so that nothing flashes.
(() => {
  const root = document.documentElement;
  // A browser may refuse storage altogether; the choice then lasts as long as the page.
  let choice = "auto";
  try {
    choice = localStorage.getItem("theme") || "auto";
  } catch {
    /* refused */
  }
  const chosen = () => choice;
  const apply = (theme) =>
    theme === "auto" ? root.removeAttribute("data-theme") : root.setAttribute("data-theme", theme);
  apply(chosen());
  document.addEventListener("DOMContentLoaded", () => {
    const group = document.querySelector("[data-theme-switch]");
    if (!group) return;
    const mark = () =>
      group
        .querySelectorAll("button")
        .forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.theme === chosen())));
    mark();
    group.addEventListener("click", (event) => {
      const theme = event.target.dataset.theme;
      if (!theme) return;
      choice = theme;
      try {
        localStorage.setItem("theme", theme);
      } catch {
        /* refused */
      }
      apply(theme);
      mark();
    });
  });
})();
