// What is new in the upstream's log, request by request: by cursor, which outlives rotation. An
// upstream before 7.2.6 gives none and is read by seconds; of a second that was not over, the lines
// that were read already are left out.

import { retryAfter } from "../polling/schedule.js";
import { localTime, stampOf } from "./line.js";

const PATIENCE_MS = 45_000; // the proxy itself gives up sooner
const QUARTER_HOUR = 900_000;

// What the proxy's codes mean, in the reader's language.
const meaningOf = (code) => JSON.parse(document.getElementById("reasons").textContent)[code];

// A request that brought nothing; `isOff`: the upstream writes no log file.
export class Failure extends Error {
  constructor(message, { status = 0, code = "", wait = 0 } = {}) {
    super(meaningOf(code) || message.replace(/\.$/, ""));
    Object.assign(this, { status, code, wait, isOff: message === "logging to file disabled" });
  }
}

// The panel of this element has what it waited for, or the reason why not.
export function loaded(element) {
  element.querySelector(".skeleton")?.remove();
}

// GET through the proxy; throws Failure.
export async function get(url, signal = AbortSignal.timeout(PATIENCE_MS)) {
  let response;
  try {
    response = await fetch(url, { signal, headers: { "X-Requested-With": "fetch" } });
  } catch (error) {
    throw new Failure(error.message, { code: "NO_RESPONSE" });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  const { message = body.error, code } = body.error?.message ? body.error : {};
  const wait = retryAfter(response.headers.get("Retry-After") || "");
  throw new Failure(String(message || response.status), { status: response.status, code, wait });
}

export class Source {
  // `first` is the query of the first request, which may have a higher limit of lines than the others.
  constructor(url, usual, { limit = usual, ...first } = {}) {
    Object.assign(this, { url, usual, limit, first, cursor: "", latest: 0, held: 0, offset: 0, hasRead: false });
  }

  // {lines, offset, isGap, isFull, isCut}: the new lines; the upstream's local time minus UTC, in
  // milliseconds; whether lines before them may be missing; whether more are waiting; whether a search
  // did not reach back to its beginning. Throws Failure.
  async next() {
    const query = new URLSearchParams({ limit: this.limit, ...this.#place() });
    let page;
    try {
      page = await (await get(`${this.url}?${query}`)).json();
    } catch (error) {
      if (error.code !== "ANSWER_TOO_LARGE" || this.skipped) throw error;
      Object.assign(this, { cursor: "", first: {}, limit: this.usual, skipped: true });
      return this.next();
    }
    const read = this.#read(page);
    this.limit = this.usual;
    this.hasRead = true;
    return read;
  }

  #place() {
    if (this.cursor) return { cursor: this.cursor };
    return this.latest && !this.skipped ? { after: this.latest - 1 } : this.first;
  }

  #read(page) {
    const all = page.lines || [];
    const isLimited = all.length >= this.limit;
    const isCut = isLimited && Boolean(this.first.after) && !this.latest;
    const bySecond = this.latest && !this.cursor && !this.skipped;
    const lines = bySecond && !isLimited ? all.slice(this.held) : all;
    const isFull = isLimited && Boolean(this.cursor);
    const isGap = Boolean(page["cursor-reset"] || this.skipped || (bySecond && isLimited));
    this.skipped = false;
    this.cursor = page["next-cursor"] || "";
    this.#note(all, page["latest-timestamp"]);
    return { lines, offset: this.offset, isGap, isFull, isCut };
  }

  #note(lines, latest) {
    const stamp = lines.map(stampOf).findLast(Boolean);
    if (!stamp) return;
    const from = lines.findIndex((line) => stampOf(line) === stamp);
    this.held = lines.length - from;
    this.latest = latest;
    if (latest) this.offset = Math.round((localTime(stamp) - latest * 1000) / QUARTER_HOUR) * QUARTER_HOUR;
  }
}
