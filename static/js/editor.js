// Line numbers beside a [data-editor] text area, and a warning before unsaved text is left.
for (const editor of document.querySelectorAll("[data-editor]")) {
  const area = editor.querySelector("textarea");
  const gutter = document.createElement("pre");
  gutter.className = "gutter";
  gutter.setAttribute("aria-hidden", "true");
  editor.prepend(gutter);
  let lines = 0;

  function number() {
    const wanted = area.value.split("\n").length;
    if (wanted !== lines)
      gutter.textContent = Array.from({ length: wanted }, (_, n) => n + 1).join("\n");
    lines = wanted;
  }

  area.addEventListener("input", number);
  area.addEventListener("scroll", () => (gutter.scrollTop = area.scrollTop));
  number();

  const opened = area.defaultValue;
  let isLeaving = false;
  area.form.addEventListener("submit", () => (isLeaving = true));
  addEventListener("beforeunload", (event) => {
    if (!isLeaving && area.value !== opened) event.preventDefault();
  });
}
