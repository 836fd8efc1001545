// Light, dark or as the system says. Loaded before the first paint, so that nothing flashes.
(() => {
  const root = document.documentElement;
  const chosen = () => localStorage.getItem("theme") || "auto";
  const apply = (theme) => (theme === "auto" ? root.removeAttribute("data-theme") : root.setAttribute("data-theme", theme));
  apply(chosen());
  document.addEventListener("DOMContentLoaded", () => {
    const group = document.querySelector("[data-theme-switch]");
    if (!group) return;
    const mark = () => group.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.theme === chosen())));
    group.hidden = false;
    mark();
    group.addEventListener("click", (event) => {
      const theme = event.target.dataset.theme;
      if (!theme) return;
      localStorage.setItem("theme", theme);
      apply(theme);
      mark();
    });
  });
})();
