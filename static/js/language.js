// A [data-submits] menu applies what is chosen in it at once; without scripts, its form has a button.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
