// The tabs of one browser that show the same address: the one that holds the lock requests for all,
// and sends the others what came of it. A lock is free again when its tab retires, is closed or
// crashes; the next in line leads then. Web Locks need HTTPS or localhost; without them every tab
// leads itself.

export class Tabs {
  #channel;
  #lock = null;

  constructor(name, { onOutcome, onLead }) {
    this.name = name;
    this.leads = false;
    this.onLead = onLead;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => onOutcome(data);
  }

  // Lead, or wait in line to lead.
  seek() {
    if (this.#lock) return;
    this.#lock = new AbortController();
    const { signal } = this.#lock;
    const lead = () =>
      new Promise((release) => {
        if (signal.aborted) return release();
        signal.addEventListener("abort", release);
        this.leads = true;
        this.onLead();
      });
    if (!navigator.locks) lead();
    else navigator.locks.request(this.name, { signal }, lead).catch(() => {}); // retired in line
  }

  // Neither lead nor wait for it.
  retire() {
    this.#lock?.abort();
    this.#lock = null;
    this.leads = false;
  }

  send(outcome) {
    this.#channel.postMessage(outcome);
  }

  leave() {
    this.retire();
    this.#channel.close();
  }
}
