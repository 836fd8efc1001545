// The parts of the page: elements with an id and the tag of their content (monitoring/web/parts.py).

const KEPT = "details, .scroll";
const FOCUSABLE = "a[href], button, summary, input, select, textarea, [tabindex]";
const SWAP = { swapStyle: "none", swapDelay: 0, settleDelay: 0, ignoreTitle: true };

const parts = () => [...document.querySelectorAll("[data-part][id]")];

// What the page shows, as the server wants it in If-None-Match.
export const heldTags = () => `"${parts().map((p) => `${p.id}:${p.dataset.part}`).join(".")}"`;

// Whether the page shows something else than these tags say.
export function isBehind(etag) {
  return [...etag.matchAll(/([\w-]+):([\w-]+)/g)].some(([, id, tag]) => {
    const part = document.getElementById(id);
    return part && part.dataset.part !== tag && !isInUse(part);
  });
}

// A part in which the reader types or selects text is left alone.
function isInUse(part) {
  const active = document.activeElement;
  if (part.contains(active) && active.matches("input, select, textarea")) return true;
  const selection = document.getSelection();
  return Boolean(selection && !selection.isCollapsed && part.contains(selection.anchorNode));
}

// What the reader has opened, scrolled, chosen and focused, by id or else by position.
function capture(element) {
  const kept = [...element.querySelectorAll(KEPT)].map((e, n) => [
    e.id || n,
    { open: e.open, left: e.scrollLeft, top: e.scrollTop },
  ]);
  const focused = [...element.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
  const checked = [...element.querySelectorAll("input[data-kept]:checked")].map((e) => e.value);
  return { kept: new Map(kept), checked: new Set(checked), focused, tag: document.activeElement?.tagName };
}

function restore(element, captured) {
  [...element.querySelectorAll(KEPT)].forEach((e, n) => {
    const was = captured.kept.get(e.id || n);
    if (!was) return;
    if (e.matches("details")) e.open = was.open;
    [e.scrollLeft, e.scrollTop] = [was.left, was.top];
  });
  for (const box of element.querySelectorAll("input[data-kept]")) box.checked = captured.checked.has(box.value);
  const target = captured.focused < 0 ? null : element.querySelectorAll(FOCUSABLE)[captured.focused];
  if (target?.tagName === captured.tag) target.focus({ preventScroll: true });
}

// Replaces the parts that the HTML holds, by htmx.
export function replaceParts(html) {
  if (!html) return;
  const captured = parts()
    .filter((part) => !isInUse(part))
    .map((part) => [part.id, capture(part)]);
  const selectOOB = captured.map(([id]) => `#${id}`).join(",");
  window.htmx.swap(document.body, html, SWAP, { selectOOB });
  for (const [id, was] of captured) {
    const part = document.getElementById(id);
    if (part) restore(part, was);
  }
}

// Texts that move by themselves, sent apart: {name: [text, instant]}.
export function moveTexts(json) {
  for (const [name, [text, instant]] of Object.entries(JSON.parse(json || "{}")))
    for (const element of document.querySelectorAll(`[data-live="${CSS.escape(name)}"]`)) {
      element.textContent = text;
      if (instant) element.dateTime = instant;
    }
}
