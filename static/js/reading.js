// A page that was shown before its upstream had responded gets its content as soon as that is read: the
// same address is requested once more, by a request that waits, and its <main> takes the place of this
// one. `data-read-after` says in how many seconds: 0 for such a page, more for one whose upstream could
// not be read. One whose region is polled recovers by that, and a hidden tab sends nothing.

const PAUSE_SECONDS = 15;
const HEAD = "link[rel=stylesheet], script[src]";
const main = () => document.getElementById("main");
let timer = 0;
let hasTyped = false;

function plan(seconds = main()?.dataset.readAfter) {
  clearTimeout(timer);
  if (seconds === undefined) return;
  if (Number(seconds) && document.querySelector("#region[data-poll]")) return;
  timer = setTimeout(() => read(), seconds * 1000);
}

// What the reader types is left alone.
const isInUse = () =>
  hasTyped || (main().contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));

async function read({ isWanted = false } = {}) {
  clearTimeout(timer);
  if (document.hidden) return document.addEventListener("visibilitychange", () => read(), { once: true });
  if (isInUse() && !isWanted) return plan(PAUSE_SECONDS);
  main().ariaBusy = "true";
  try {
    const response = await fetch(location.href, { headers: { "Tollgate-Wait": "true" } });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (response.redirected) return location.replace(response.url);
    if (!page.getElementById("main")) return plan(PAUSE_SECONDS);
    if (!isInUse() || isWanted) await show(page);
    plan();
  } catch {
    plan(PAUSE_SECONDS); // Tollgate itself does not respond
  } finally {
    main().ariaBusy = null;
  }
}

// Styles come before what they are for, scripts after what they act on.
async function show(page) {
  const [styles, scripts] = added(page);
  const loaded = (link) => new Promise((done) => Object.assign(link, { onload: done, onerror: done }));
  const waits = styles.map(loaded);
  document.head.append(...styles);
  await Promise.all(waits);
  const fresh = document.adoptNode(page.getElementById("main"));
  const said = main().querySelectorAll("[data-message]");
  const focused = document.activeElement?.id;
  main().replaceWith(fresh);
  hasTyped = false;
  fresh.prepend(...said);
  document.title = page.title;
  window.htmx.process(fresh);
  document.getElementById(focused)?.focus({ preventScroll: true });
  document.head.append(...scripts);
}

// The styles and scripts that the page has and this one lacks.
function added(page) {
  const address = (one) => one.getAttribute("src") || one.getAttribute("href");
  const present = new Set([...document.head.querySelectorAll(HEAD)].map(address));
  const missing = [...page.head.querySelectorAll(HEAD)].filter((one) => !present.has(address(one)));
  const copies = missing.map((one) => {
    const copy = document.createElement(one.localName);
    for (const { name, value } of one.attributes) copy.setAttribute(name, value);
    return copy;
  });
  return [copies.filter((one) => one.localName === "link"), copies.filter((one) => one.localName === "script")];
}

document.addEventListener("input", () => (hasTyped = true));
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-read-now]")) return;
  event.preventDefault();
  read({ isWanted: true });
});
plan();
