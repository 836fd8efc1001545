// Buttons `data-copy="<id>"` copy the text of that element; without access to the clipboard, they
// select it. What the button then says is in its attributes.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = button.dataset.copied;
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = button.dataset.selected;
    }
  });
}
