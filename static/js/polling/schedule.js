// How long to wait: pure functions.

const LONGEST_SECONDS = 300;

// Later by up to a tenth, never earlier: Retry-After is a promise. In milliseconds.
export const jittered = (seconds) => seconds * (1 + Math.random() / 10) * 1000;

// The seconds between two requests, after so many failures in a row.
export function pause(seconds, failures) {
  return Math.min(seconds * 2 ** failures, Math.max(LONGEST_SECONDS, seconds));
}

// The seconds of a Retry-After header, which may be a number or a date; 0 for none.
export function retryAfter(header) {
  const wait = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return wait > 0 ? wait : 0;
}
