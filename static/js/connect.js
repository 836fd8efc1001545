// The page "Connect a client": a pasted key and a chosen model in all snippets, and copying them.
// The key lives in this page alone: its field has no name, and nothing stores or sends it.
(() => {
  const PLAIN = /^[A-Za-z0-9._~+/=:@,-]{1,200}$/;
  const find = (id) => document.getElementById(id);
  const field = find("own-key");
  if (!field) return;
  const places = [...document.querySelectorAll("[data-key]")];
  const unset = places[0].textContent;
  const chosenKey = find("id_key");
  const chosenModel = find("id_model");
  find("own").hidden = false;

  const key = () => (PLAIN.test(field.value.trim()) ? field.value.trim() : "");
  const shown = () => (find("own-shown").checked ? key() : `••••${key().slice(-4)}`);

  function fillKey() {
    for (const place of places) place.textContent = key() ? shown() : unset;
    find("own-wrong").hidden = !field.value.trim() || Boolean(key());
    const lastFour = /…(\S{4})$/.exec(chosenKey.selectedOptions[0]?.text ?? "");
    find("own-other").hidden = !key() || !lastFour || key().endsWith(lastFour[1]);
  }

  function fillModel() {
    for (const place of document.querySelectorAll("[data-model]"))
      place.textContent = chosenModel.value || place.dataset.model;
  }

  function textOf(snippet) {
    const copy = snippet.cloneNode(true);
    if (key()) for (const place of copy.querySelectorAll("[data-key]")) place.textContent = key();
    return copy.textContent;
  }

  for (const button of document.querySelectorAll("[data-snippet]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const snippet = find(button.dataset.snippet);
      try {
        await navigator.clipboard.writeText(textOf(snippet));
        button.textContent = button.ariaLabel = button.dataset.copied;
      } catch {
        getSelection().selectAllChildren(snippet);
        button.textContent = button.ariaLabel = button.dataset.selected;
      }
    });
  }
  find("own").addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", fillKey);
  find("own-shown").addEventListener("change", fillKey);
  chosenKey.addEventListener("change", fillKey);
  chosenModel.addEventListener("change", fillModel);
  // A browser that goes back restores what was chosen.
  fillKey();
  fillModel();
})();
