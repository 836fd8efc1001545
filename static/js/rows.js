// Adds an empty row to a [data-rows] list from its [data-row] template, numbered as Django's formsets require.
for (const button of document.querySelectorAll("[data-add-row]")) {
  const prefix = button.dataset.addRow;
  const rows = document.querySelector(`[data-rows="${prefix}"]`);
  const template = document.querySelector(`template[data-row="${prefix}"]`);
  const total = document.getElementById(`id_${prefix}-TOTAL_FORMS`);
  button.hidden = false;
  button.addEventListener("click", () => {
    const holder = document.createElement("template");
    holder.innerHTML = template.innerHTML.replaceAll("__prefix__", total.value);
    total.value = Number(total.value) + 1;
    rows.append(holder.content);
    rows.lastElementChild.querySelector("input:not([type=hidden])")?.focus();
  });
}
