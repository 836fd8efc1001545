// The notice above the page while it is not renewed: why, how old what it shows is, and when the next
// attempt follows. Its texts are attributes of the element, in the reader's language.

const element = () => document.getElementById("poll-notice");
let ticking = 0;

function span(milliseconds) {
  const seconds = Math.max(Math.round(milliseconds / 1000), 0);
  const [value, unit] = seconds < 120 ? [seconds, "second"] : [Math.round(seconds / 60), "minute"];
  const style = { style: "unit", unit, unitDisplay: "short" };
  return new Intl.NumberFormat(document.documentElement.lang || "en", style).format(value);
}

function write(reason, rest = "") {
  const notice = element();
  if (!notice) return;
  const [spoken, silent] = notice.children;
  // A screen reader hears the reason once, and no countdown.
  if (spoken.textContent !== reason) spoken.textContent = reason;
  silent.textContent = rest;
  notice.hidden = !reason;
}

export function hide() {
  clearInterval(ticking);
  write("");
}

export function stopped() {
  clearInterval(ticking);
  write(element()?.dataset.stopped);
}

// Counts down to the next attempt; `state` gives `due`, `shownAt` (milliseconds) and `inFlight`. A server
// that reported an error named the request, by which its log is searched.
export function failing(state, requestId) {
  const tick = () => {
    const { failing: noResponse, broken, retry, retryNow } = element()?.dataset || {};
    const reason = requestId ? broken.replace("{id}", requestId) : noResponse;
    const text = state.inFlight ? retryNow : retry;
    const age = span(Date.now() - state.shownAt);
    write(reason, text?.replace("{age}", age).replace("{wait}", span(state.due - Date.now())));
  };
  clearInterval(ticking);
  ticking = setInterval(tick, 1000);
  tick();
}

const isUnsaved = (input) => input.value !== input.defaultValue;

// Leads to the sign-in page, and from there back to this page with its filters; unless the reader
// would lose what was typed into a form.
export function signIn(address) {
  const way = new URL(address, location.href);
  way.searchParams.set("next", location.pathname + location.search);
  const inputs = document.querySelectorAll("form[method=post] :is(input[type=text], textarea)");
  if (![...inputs].some(isUnsaved)) return location.assign(way);
  clearInterval(ticking);
  write(element()?.dataset.signedOut);
  const link = Object.assign(document.createElement("a"), { href: way.href });
  link.textContent = element().dataset.signIn;
  element().children[1].replaceChildren(link);
}
