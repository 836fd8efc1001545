// Lines of the upstream's log (contract 8.6): [2026-08-22 22:39:03] [7f3a91c2] [info ] [file.go:9] text.

const HEAD = /^\[(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\] \[([^\]]{1,64})\] \[(\w+) *\]/;
const RANKS = { trace: 0, debug: 0, info: 1, warn: 2, warning: 2, error: 3, fatal: 3, panic: 3 };
const NO_REQUEST = "--------";
const STYLES = ["debug", "info", "warn", "error"];

export const stampOf = (text) => text.match(HEAD)?.slice(1, 3).join("T") || "";
// The upstream writes its own local time; as milliseconds, as if that were UTC.
export const localTime = (stamp) => Date.parse(`${stamp}Z`);

// A line as it is held: text, rank of its level, request id, instant (milliseconds), and whether it
// notes a management call, such as this page's own. A line without a head (a stack trace) belongs to
// the one before it.
export function lineOf(text, before, offset) {
  const head = text.match(HEAD);
  if (!head) return { ...(before || { rank: 1, id: "", at: 0, isManagement: false }), text, node: null };
  const [, day, time, id, level] = head;
  return {
    text,
    rank: RANKS[level.toLowerCase()] ?? 1,
    id: id === NO_REQUEST ? "" : id,
    at: localTime(`${day}T${time}`) - offset,
    isManagement: text.includes("/v0/management/"),
    node: null,
  };
}

export const rankOf = (level) => RANKS[level] ?? 0;

// Whether a line passes {rank, text (lower case), id, management}.
export function passes(line, filter) {
  return (
    line.rank >= filter.rank &&
    (filter.management || !line.isManagement) &&
    (!filter.id || line.id === filter.id) &&
    (!filter.text || line.text.toLowerCase().includes(filter.text))
  );
}

// Its row; the request id is a button that filters by it.
export function rowOf(line) {
  const row = document.createElement("li");
  row.className = `log-${STYLES[line.rank]}`;
  const at = line.id ? line.text.indexOf(line.id) : -1;
  if (at < 0) row.textContent = line.text;
  else {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = line.id;
    row.append(line.text.slice(0, at), button, line.text.slice(at + line.id.length));
  }
  return row;
}
