// One request for what changed, sent by htmx. Its outcome is an object that other tabs can be sent:
// {html, etag, live} of what the server returned, {failed, retryAfter, requestId} (the id if it reported
// an error), or {stopped, signIn}.

import { heldTags } from "./parts.js";
import { retryAfter } from "./schedule.js";

const PATIENCE_MS = 30_000; // a request that hangs must not end the polling
const MARK = "HX-Poll";
const TRY_AGAIN = [408, 425, 429];

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.headers[MARK]) detail.timeout = PATIENCE_MS;
});

function outcome(xhr) {
  const header = (name) => xhr.getResponseHeader(name) || "";
  const { status } = xhr;
  if (status === 401) return { stopped: true, signIn: header("HX-Redirect") || "/login/" };
  const isOver = status === 286 || header(MARK) === "stop";
  const isRefused = status >= 400 && status < 500 && !TRY_AGAIN.includes(status);
  if (isOver || isRefused) return { stopped: true };
  const etag = header("ETag");
  // Without our tags it is not from us: a captive portal, an error page of a proxy.
  if (status >= 400 || !etag.includes(":")) {
    const requestId = status >= 400 ? header("X-Request-Id") : "";
    return { failed: true, retryAfter: retryAfter(header("Retry-After")), requestId };
  }
  return { html: status === 200 ? xhr.responseText : "", etag, live: header("Tollgate-Live") };
}

export function request(element, url) {
  return new Promise((resolve) => {
    const unreachable = () => resolve({ failed: true, retryAfter: 0 });
    window.htmx
      .ajax("GET", url, {
        source: element,
        target: element,
        headers: { [MARK]: "true", "If-None-Match": heldTags() },
        handler: (_, { xhr }) => resolve(outcome(xhr)),
      })
      .then(unreachable, unreachable); // resolved by then, if there was a response
  });
}
