// The lines that the browser holds, the newest few thousand, and the rows of those that pass the
// filter.

import { lineOf, passes, rowOf } from "./line.js";

export class View {
  constructor(box, most) {
    Object.assign(this, { box, most, list: box.querySelector("ol"), held: [], shown: 0, received: 0 });
    this.follows = true;
    // Rows get their height only once they are drawn, and then more than was estimated.
    new ResizeObserver(() => this.scroll()).observe(this.list);
    this.filter = { rank: 0, text: "", id: "", management: false };
  }

  clear() {
    this.held = [];
    this.last = null;
    this.shown = this.received = 0;
    this.list.replaceChildren();
  }

  // Adds lines at the end; with `onlyPassing`, those that pass the filter alone.
  add({ lines, offset }, onlyPassing = false) {
    const added = lines.map((text) => (this.last = lineOf(text, this.last, offset)));
    this.received += added.length;
    this.#append(onlyPassing ? added.filter((line) => passes(line, this.filter)) : added);
    return added;
  }

  // A note between the lines.
  note(text) {
    const row = Object.assign(document.createElement("li"), { className: "log-gap", textContent: text });
    this.list.append(row);
    this.held.push({ text, isNote: true, at: this.held.at(-1)?.at || 0, node: row });
  }

  #append(entries) {
    const rows = document.createDocumentFragment();
    for (const entry of entries.slice(-this.most)) this.#show(entry, rows);
    this.held.push(...entries.slice(-this.most));
    this.list.append(rows);
    for (const { node, isNote } of this.held.splice(0, this.held.length - this.most)) {
      if (!isNote && node) this.shown -= 1;
      node?.remove();
    }
    this.scroll();
  }

  #show(entry, rows) {
    if (!passes(entry, this.filter)) return;
    rows.append((entry.node = rowOf(entry)));
    this.shown += 1;
  }

  refilter(filter) {
    this.filter = filter;
    this.shown = 0;
    const rows = document.createDocumentFragment();
    for (const entry of this.held) {
      if (entry.isNote) rows.append(entry.node);
      else {
        entry.node = null;
        this.#show(entry, rows);
      }
    }
    this.list.replaceChildren(rows);
    this.scroll();
  }

  scroll() {
    if (this.follows) this.box.scrollTop = this.box.scrollHeight;
  }

  get isAtEnd() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < 30;
  }

  // The lines that have a row.
  get lines() {
    return this.held.filter(({ node }) => node);
  }

  text() {
    return this.lines.map(({ text }) => `${text}\n`);
  }
}
