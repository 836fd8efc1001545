// What every page's frame does: menus close as menus do, the drawer of narrow screens opens by Enter
// too, and what is chosen in a [data-submits] menu applies at once; without scripts, its form has a
// button.
(() => {
  const drawer = document.getElementById("menu");
  const open = () => document.querySelectorAll("details.menu[open]");

  document.addEventListener("click", (event) =>
    open().forEach((menu) => (menu.open = menu.contains(event.target))),
  );
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === drawer) drawer.click();
    if (event.key !== "Escape") return;
    // What had the focus within is hidden now: it returns to where the menu was opened.
    const close = (menu, control) => {
      if (menu.contains(document.activeElement)) control.focus();
    };
    for (const menu of open()) {
      close(menu, menu.querySelector("summary"));
      menu.open = false;
    }
    if (drawer?.checked) {
      close(drawer.parentElement, drawer);
      drawer.checked = false;
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });
})();
