// A filter that is chosen applies at once, and what is left at "any" is not in the address.
(() => {
  for (const form of document.querySelectorAll("form[data-filters]")) {
    form.addEventListener("change", () => form.requestSubmit());
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (!field.value) field.disabled = true;
    });
  }
  // A menu closes like one: by Escape, or a click elsewhere.
  const menus = [...document.querySelectorAll("details.menu")];
  document.addEventListener("click", (event) =>
    menus.filter((menu) => !menu.contains(event.target)).forEach((menu) => (menu.open = false)),
  );
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") menus.forEach((menu) => (menu.open = false));
  });
})();
