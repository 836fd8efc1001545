// What Tollgate itself did, between the lines of the log by time; loaded now and then, as rows.

import { get } from "./source.js";

const EVERY_MS = 15_000;

export class Marks {
  constructor(url) {
    Object.assign(this, { url, rows: [], loadedAt: 0 });
  }

  // The rows since an instant (milliseconds) if it is time for new ones, else null; in the upstream's
  // time like the lines, `offset` milliseconds from UTC, where that is known.
  async load(since, offset) {
    if (Date.now() - this.loadedAt < EVERY_MS) return null;
    this.loadedAt = Date.now();
    const html = await (await get(`${this.url}&since=${Math.floor(since / 1000)}`)).text();
    this.rows.forEach((row) => row.remove());
    const parsed = Object.assign(document.createElement("template"), { innerHTML: html });
    this.rows = [...parsed.content.children];
    if (offset !== null) this.rows.forEach((row) => this.#time(row, offset));
    return this.rows;
  }

  #time(row, offset) {
    const at = new Date(Number(row.dataset.at) + offset);
    row.querySelector("time").textContent = at.toISOString().slice(11, 19);
  }

  // Puts each before the first shown line that is later.
  place(list, lines) {
    let next = 0;
    for (const row of this.rows) {
      while (next < lines.length && lines[next].at <= Number(row.dataset.at)) next += 1;
      list.insertBefore(row, lines[next]?.node || null);
    }
  }

  hide() {
    this.rows.forEach((row) => row.remove());
  }
}
