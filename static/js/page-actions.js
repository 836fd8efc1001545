// "Copy link" copies the address, which is the page's whole state; "Print" prints it. What the first
// button then says is in its attributes. Neither is shown without scripts (base.css).
(() => {
  const copy = document.querySelector("[data-copy-address]");
  const print = document.querySelector("[data-print]");
  if (!copy || !print) return;
  const label = copy.textContent;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      copy.textContent = copy.dataset.copied;
    } catch {
      copy.textContent = copy.dataset.selected;
    }
    setTimeout(() => (copy.textContent = label), 3000);
  });
  print.addEventListener("click", () => window.print());
})();
