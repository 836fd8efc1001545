// Charts that the server drew, for readers who point, press keys and choose: <usage-chart> shows the
// values of the bucket that is pointed at, leaves out series that are switched off in its legend,
// zooms to the days that are dragged over, and saves what it shows.
//
// The server's SVG holds everything: each bucket is a link with its values, its days, and a title of
// one line a series. An element that a poll replaces takes the former one's choices over at once, so
// that the focus is found where it was.

const SVG = "http://www.w3.org/2000/svg";
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -7, PageDown: 7, Home: -Infinity, End: Infinity };
const choices = new Map();

// Values of about four lines, evenly apart, as usage/web/charts.py chooses them.
function axis(largest) {
  let power = 1;
  while (power * 10 <= largest / 4) power *= 10;
  const factors = power === 1 ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10];
  const step = power * factors.find((factor) => power * factor >= largest / 4);
  const count = Math.max(Math.ceil(largest / step), 1);
  return Array.from({ length: count + 1 }, (_, number) => step * number);
}

function make(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

function add(name, css, parent, text = "") {
  const element = document.createElement(name);
  element.className = css;
  element.textContent = text;
  parent.append(element);
  return element;
}

// A bucket: its link, name, line of text for each series, values (null: not reported), days and place.
function bucketOf(link) {
  const [name, ...lines] = link.querySelector("title").textContent.split("\n");
  link.querySelector("title").remove(); // the values are shown in another way
  link.setAttribute("aria-label", name);
  const hit = link.querySelector(".hit");
  const [x, width] = ["x", "width"].map((key) => Number(hit.getAttribute(key)));
  const values = link.dataset.values.split(",").map((value) => (value === "" ? null : Number(value)));
  return { link, name, lines, values, days: link.dataset.days.split("/"), x, width, middle: x + width / 2 };
}

export class UsageChart extends HTMLElement {
  connectedCallback() {
    if (!choices.has(this.id)) choices.set(this.id, { hidden: new Set(), at: -1, from: -1, drags: false });
    this.choice = choices.get(this.id);
    this.plot = this.querySelector(".plot");
    this.svg = this.querySelector("svg");
    this.buckets = [...this.svg.querySelectorAll("a")].map(bucketOf);
    this.legend = [...this.querySelectorAll(".legend button")];
    this.series = this.legend.map((button) => ({
      label: button.textContent.trim(),
      css: button.querySelector("i").className,
    }));
    this.addParts();
    this.listen();
    if (this.choice.hidden.size) this.draw();
    if (this.plot.matches(":hover")) this.show();
  }

  disconnectedCallback() {
    this.gone.abort();
  }

  addParts() {
    this.chosen = make("rect", { class: "chosen", y: 0, height: 100, width: 0 }, this.svg);
    this.cross = make("line", { class: "cross", y1: 0, y2: 100, hidden: "" }, this.svg);
    this.tip = add("div", "tip", this.plot);
    this.tip.hidden = true;
    this.spoken = add("p", "visually-hidden", this.plot);
    this.spoken.setAttribute("aria-live", "polite");
  }

  listen() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    const on = (target, name, act) => target.addEventListener(name, act, { signal });
    this.legend.forEach((button, number) => on(button, "click", () => this.toggle(number)));
    on(this.plot, "pointermove", (event) => this.pointAt(this.numberAt(event)));
    on(this.plot, "pointerleave", () => this.leave());
    on(this.plot, "pointerdown", (event) => this.press(event));
    on(window, "pointerup", (event) => this.release(event));
    on(this.svg, "dragstart", (event) => event.preventDefault());
    on(this.plot, "click", (event) => this.hasZoomed && event.preventDefault());
    on(this.plot, "keydown", (event) => this.pressKey(event));
    on(this.plot, "focus", () => this.pointAt(this.at));
    on(this.plot, "blur", () => this.leave());
    for (const button of this.querySelectorAll("[data-save]"))
      on(button, "click", () => this.save(button.dataset.save));
  }

  // Pointing ------------------------------------------------------------------------------------

  get at() {
    const last = this.buckets.length - 1;
    return this.choice.at < 0 ? last : Math.min(this.choice.at, last);
  }

  numberAt(event) {
    const box = this.svg.getBoundingClientRect();
    const number = Math.floor(((event.clientX - box.left) / box.width) * this.buckets.length);
    return Math.min(Math.max(number, 0), this.buckets.length - 1);
  }

  pointAt(number) {
    this.choice.at = number;
    this.show();
  }

  show() {
    const bucket = this.buckets[this.at];
    if (!bucket) return;
    this.cross.removeAttribute("hidden");
    this.cross.setAttribute("x1", bucket.middle);
    this.cross.setAttribute("x2", bucket.middle);
    this.showSelection();
    this.tip.hidden = false;
    this.tip.replaceChildren();
    add("b", "", this.tip, bucket.name);
    for (const number of this.shown()) {
      const line = add("span", "", this.tip);
      add("i", this.series[number].css, line);
      line.append(bucket.lines[number]);
    }
    this.tip.classList.toggle("is-left", bucket.middle > 55);
    this.tip.style.left = `${bucket.middle}%`;
  }

  leave() {
    if (this.plot.matches(":focus-visible") || this.choice.drags) return;
    this.cross.setAttribute("hidden", "");
    this.tip.hidden = true;
  }

  pressKey(event) {
    if (event.target !== this.plot || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") this.choice.from = -1;
    else if (event.key === "Enter") return this.open();
    else if (!(event.key in STEPS)) return;
    else this.step(STEPS[event.key], event.shiftKey);
    event.preventDefault();
    this.show();
    const bucket = this.buckets[this.at];
    this.spoken.textContent = [bucket.name, ...this.shown().map((n) => bucket.lines[n])].join(", ");
  }

  step(by, selects) {
    if (!selects) this.choice.from = -1;
    else if (this.choice.from < 0) this.choice.from = this.at;
    this.choice.at = Math.min(Math.max(this.at + by, 0), this.buckets.length - 1);
  }

  open() {
    if (this.choice.from >= 0 && this.choice.from !== this.at) this.zoom();
    else location.assign(this.buckets[this.at].link.href.baseVal);
  }

  // Choosing days -------------------------------------------------------------------------------

  press(event) {
    this.hasZoomed = false;
    if (event.button !== 0 || event.pointerType === "touch") return;
    this.choice.drags = true;
    this.choice.from = this.numberAt(event);
  }

  release(event) {
    if (!this.choice.drags) return;
    this.choice.drags = false;
    this.choice.at = this.numberAt(event);
    this.hasZoomed = this.choice.at !== this.choice.from;
    if (this.hasZoomed) this.zoom();
    this.choice.from = -1;
    this.showSelection();
  }

  showSelection() {
    const edges = [this.choice.from, this.at].map((number) => this.buckets[number]);
    const is = this.choice.from >= 0 && edges.every(Boolean) && edges[0] !== edges[1];
    const [first, last] = edges.sort((one, other) => one?.x - other?.x);
    this.chosen.setAttribute("x", is ? first.x : 0);
    this.chosen.setAttribute("width", is ? last.x + last.width - first.x : 0);
  }

  zoom() {
    const [first, last] = [this.choice.from, this.at].sort((one, other) => one - other);
    this.choice.from = -1;
    const address = new URL(location.href);
    address.searchParams.set("range", "custom");
    address.searchParams.set("from", this.buckets[first].days[0]);
    address.searchParams.set("to", this.buckets[last].days[1]);
    for (const name of ["bucket", "cursor"]) address.searchParams.delete(name);
    if (address.href !== location.href) location.assign(address);
  }

  // Choosing series -----------------------------------------------------------------------------

  shown() {
    return this.series.map((_, number) => number).filter((number) => !this.choice.hidden.has(number));
  }

  toggle(number) {
    const { hidden } = this.choice;
    if (!hidden.delete(number) && hidden.size < this.series.length - 1) hidden.add(number);
    this.draw();
  }

  draw() {
    this.legend.forEach((button, number) =>
      button.setAttribute("aria-pressed", String(!this.choice.hidden.has(number))),
    );
    for (const path of this.svg.querySelectorAll("[data-series]"))
      path.toggleAttribute("hidden", this.choice.hidden.has(Number(path.dataset.series)));
    if (!this.svg.querySelector("[data-series]")) this.stack();
  }

  stack() {
    const shown = this.shown();
    const sums = this.buckets.map((bucket) => shown.reduce((sum, n) => sum + (bucket.values[n] || 0), 0));
    // Amounts have an axis that only the server can label.
    const ticks = this.dataset.unit ? null : axis(Math.max(...sums, 0));
    const top = ticks ? ticks[ticks.length - 1] : Number(this.svg.dataset.top);
    for (const bucket of this.buckets) {
      for (const part of bucket.link.querySelectorAll("rect:not(.hit)")) part.remove();
      let base = 100;
      for (const number of shown) {
        const height = (100 * (bucket.values[number] || 0)) / top;
        base -= height;
        const { x, width } = bucket;
        if (height) make("rect", { class: this.series[number].css, x, y: base, width, height }, bucket.link);
      }
    }
    if (ticks) this.drawAxis(ticks);
  }

  drawAxis(ticks) {
    const compact = new Intl.NumberFormat(document.documentElement.lang, {
      notation: "compact",
      maximumSignificantDigits: 3,
    });
    const labels = this.querySelector(".axis-y");
    labels.replaceChildren();
    for (const line of this.svg.querySelectorAll(".grid")) line.remove();
    for (const value of ticks) {
      const y = 100 - (100 * value) / ticks[ticks.length - 1];
      add("span", "", labels, compact.format(value)).style.top = `${y}%`;
      this.svg.prepend(make("line", { class: "grid", x1: 0, x2: 100, y1: y, y2: y }, this.svg));
    }
  }

  // Saving --------------------------------------------------------------------------------------

  async save(kind) {
    const files = await import("./chart-files.js");
    await files[kind](this);
  }
}

customElements.define("usage-chart", UsageChart);
