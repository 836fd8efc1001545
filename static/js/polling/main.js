// Decides when the page is requested again: never in a hidden tab, never twice at once, by one tab
// alone of those that show the same, less and less often while it fails, at once on return to a tab
// whose figures are old, and no more once the server requests a stop or a new sign-in.
//
// One element with data-poll (seconds) and data-poll-url is polled for the whole page: its region,
// or else what the frame has. What is requested, and how it is shown, is the other modules' part.

import * as notice from "./notice.js";
import { isBehind, moveTexts, replaceParts } from "./parts.js";
import { request } from "./request.js";
import { jittered, pause } from "./schedule.js";
import { Tabs } from "./tabs.js";

let poll = null; // the state of what is polled
let timer = 0;

const polled = () => document.querySelector("#region[data-poll]") || document.querySelector("[data-poll]");
const isVisible = () => document.visibilityState === "visible";

// Begins with what the page polls now, which differs after a region that is polled no more.
function adopt() {
  const element = polled();
  const url = element?.dataset.pollUrl;
  if (url === poll?.url) return element;
  poll?.tabs.leave();
  poll = element && begin(element, url);
  return element;
}

function begin(element, url) {
  const user = document.body.dataset.user || "";
  const state = { url, failures: 0, inFlight: false, stopped: false, wanted: false, sentAt: 0 };
  state.shownAt = Date.now();
  state.due = Date.now() + jittered(Number(element.dataset.poll));
  state.tabs = new Tabs(`poll ${user} ${url}`, {
    onOutcome: (outcome) => poll === state && isVisible() && settle(outcome, { isOurs: false }),
    onLead: schedule,
  });
  return state;
}

function settle(outcome, { isOurs }) {
  poll.failures = outcome.failures;
  poll.due = Date.now() + outcome.wait;
  poll.stopped = Boolean(outcome.stopped);
  if (outcome.etag) {
    replaceParts(outcome.html);
    moveTexts(outcome.live);
    poll.shownAt = Date.now();
  }
  poll.wanted = !isOurs && needsMore(outcome);
  if (poll.stopped) poll.tabs.retire();
  show(outcome);
  adopt();
  schedule();
}

// Whether this tab showed something older than the one that requested, which got only what was new to
// it. Once in a while is enough: tabs must not chase each other.
function needsMore({ etag, wait }) {
  return Boolean(etag) && isBehind(etag) && Date.now() - poll.sentAt > wait;
}

function show({ signIn, stopped, failed, requestId }) {
  document.getElementById("region")?.classList.toggle("stale", Boolean(failed));
  if (signIn) notice.signIn(signIn);
  else if (stopped) notice.stopped();
  else if (failed) notice.failing(poll, requestId);
  else notice.hide();
}

async function run() {
  const element = adopt();
  const state = poll;
  if (!state || !isVisible() || state.stopped || state.inFlight) return;
  if (!isDue(state)) return schedule();
  state.inFlight = true;
  state.sentAt = Date.now();
  const outcome = await request(element, state.url);
  state.inFlight = false;
  if (state !== poll) return;
  outcome.failures = outcome.failed ? state.failures + 1 : 0;
  const seconds = pause(Number(element.dataset.poll), outcome.failures);
  outcome.wait = jittered(Math.max(seconds, outcome.retryAfter || 0));
  state.tabs.send(outcome);
  settle(outcome, { isOurs: true });
}

const isDue = (state) => state.wanted || (state.tabs.leads && Date.now() >= state.due);

// One timer; none in a hidden tab, or in one that another leads.
function schedule() {
  clearTimeout(timer);
  if (!poll || !isVisible() || poll.stopped || poll.inFlight) return;
  if (poll.wanted) timer = setTimeout(run, 50);
  else if (poll.tabs.leads) timer = setTimeout(run, Math.max(poll.due - Date.now(), 50));
}

function comeOrGo() {
  if (!adopt() || poll.stopped) return;
  if (isVisible()) {
    poll.wanted ||= Date.now() >= poll.due;
    poll.tabs.seek();
  } else poll.tabs.retire();
  run();
}

document.addEventListener("visibilitychange", comeOrGo);
// Another script changed something that the page shows.
document.addEventListener("poll:now", () => {
  if (!adopt()) return;
  poll.wanted = true;
  run();
});
comeOrGo();
