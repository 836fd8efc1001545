// The hours of the heat map by arrow keys: the whole map is one stop of the Tab key, and Enter opens
// the events of an hour.
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

// The next link in a direction, beyond hours without any; from outside of the hours the first one.
function linkFrom(map, cell, [down, right]) {
  const rows = [...map.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("td")]);
  if (!cell) return map.querySelector("td a");
  let row = rows.findIndex((cells) => cells.includes(cell));
  let column = rows[row].indexOf(cell);
  let link;
  do {
    [row, column] = [row + down, column + right];
    link = rows[row]?.[column]?.querySelector("a");
  } while (rows[row]?.[column] && !link);
  return link;
}

document.addEventListener("keydown", (event) => {
  const map = event.target.closest("#scroll-heat");
  if (!map || !(event.key in STEPS) || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  linkFrom(map, event.target.closest("td"), STEPS[event.key])?.focus();
});
