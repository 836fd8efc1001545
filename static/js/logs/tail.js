// <log-tail>: the upstream's log as it grows, through the management proxy. One request at a time, so
// that a tail holds one slot of the proxy at most; none while the tab is hidden or the reader paused;
// less often while nothing comes, and ever less often while it fails. Its texts are attributes.

import { signIn } from "../polling/notice.js";
import { jittered, pause } from "../polling/schedule.js";
import { rankOf } from "./line.js";
import { Marks } from "./marks.js";
import { Source, loaded } from "./source.js";
import { View } from "./view.js";

const [SOON, LATER, OFF] = [1, 5, 60]; // seconds until the next request
const A_WHILE_MS = 900_000;

class LogTail extends HTMLElement {
  connectedCallback() {
    const { url, limit, most, search } = this.dataset;
    this.form = this.querySelector("form");
    this.view = new View(this.querySelector(".log"), Number(most));
    this.marks = new Marks(this.dataset.marks);
    this.open = (first) => new Source(url, Number(limit), first);
    this.searched = Number(search);
    Object.assign(this, { failures: 0, wait: SOON, isPaused: false, isBusy: false, timer: 0 });
    Object.assign(this, { touchedAt: 0, due: 0 });
    this.#listen();
    this.#begin(this.dataset.after);
  }

  // Lines of one request, which may be long ago, are searched far back; all others from the end on.
  #begin(after) {
    this.view.clear();
    this.marks.loadedAt = 0;
    this.view.filter = this.#filter();
    this.isSearch = Boolean(after && this.view.filter.id);
    this.source = this.open(this.isSearch ? { after, limit: this.searched } : {});
    this.run();
  }

  #filter() {
    const { level, q, request_id: id, management } = this.form.elements;
    return {
      rank: rankOf(level.value),
      text: q.value.trim().toLowerCase(),
      id: id.value.trim(),
      management: management.checked,
    };
  }

  #listen() {
    const button = (name) => this.querySelector(`[data-act=${name}]`);
    this.pauseButton = button("pause");
    this.followButton = button("follow");
    this.pauseButton.onclick = () => this.#pause(!this.isPaused);
    this.followButton.onclick = () => this.#follow(!this.view.follows);
    button("download").onclick = () => this.#download();
    this.form.addEventListener("input", () => this.#refilter());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.view.list.addEventListener("click", ({ target }) => {
      if (target.tagName === "BUTTON") this.#showRequest(target.textContent);
    });
    this.#listenToScrolling(this.view.box);
    document.addEventListener("visibilitychange", () => this.run());
  }

  // A reader who scrolls up wants to stay there; rows that grow while they are drawn also scroll.
  #listenToScrolling(box) {
    const touched = () => (this.touchedAt = Date.now());
    for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"])
      box.addEventListener(kind, touched, { passive: true });
    box.addEventListener("scroll", () => {
      if (this.view.isAtEnd) this.#follow(true, false);
      else if (Date.now() - this.touchedAt < 1000) this.#follow(false, false);
    });
  }

  #showRequest(id) {
    const field = this.form.elements.request_id;
    field.value = field.value === id ? "" : id;
    this.#refilter();
  }

  #refilter() {
    const query = new URLSearchParams(new FormData(this.form));
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    history.replaceState(null, "", `?${query}`);
    if (this.isSearch && this.#filter().id !== this.view.filter.id) return this.#begin();
    this.view.refilter(this.#filter());
    this.#mark(this.marks.rows);
    this.#count();
  }

  // Alerts and the like in their place between the lines; a failure to load them is no reason to stop.
  #mark(rows) {
    if (!rows) return;
    if (this.form.elements.only_lines.checked) this.marks.hide();
    else this.marks.place(this.view.list, this.view.lines);
    this.view.scroll();
  }

  #pause(isPaused) {
    this.isPaused = isPaused;
    this.pauseButton.setAttribute("aria-pressed", isPaused);
    this.#state(isPaused ? this.dataset.paused : "");
    this.run();
  }

  #follow(follows, scrolls = true) {
    this.view.follows = follows;
    this.followButton.setAttribute("aria-pressed", follows);
    if (scrolls) this.view.scroll();
  }

  #download() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(this.view.text(), { type: "text/plain" }));
    link.download = this.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  get isIdle() {
    return this.isPaused || this.isStopped || document.visibilityState !== "visible";
  }

  async run() {
    clearTimeout(this.timer);
    if (this.isBusy || this.isIdle) return;
    const early = this.failures ? this.due - Date.now() : 0;
    if (early > 0) return void (this.timer = setTimeout(() => this.run(), early));
    this.isBusy = true;
    const source = this.source;
    const outcome = await source.next().catch((failure) => failure);
    this.isBusy = false;
    loaded(this);
    if (source !== this.source) return this.run();
    if (outcome instanceof Error) this.#failed(outcome);
    else this.#received(outcome);
    const since = this.view.lines[0]?.at ?? Date.now() - A_WHILE_MS;
    this.marks.load(since, source.latest ? source.offset : null).then((rows) => this.#mark(rows), () => {});
    if (!this.isIdle) this.timer = setTimeout(() => this.run(), jittered(this.wait));
  }

  #received(page) {
    this.failures = 0;
    this.#off(false);
    if (!this.isPaused) this.#state("");
    if (page.isGap) this.view.note(this.dataset.gap);
    if (page.isCut) this.view.note(this.dataset.cut);
    const added = this.view.add(page, this.isSearch && !this.view.received);
    const isQuiet = !added.some((line) => !line.isManagement);
    this.wait = isQuiet ? Math.min(Math.max(this.wait, SOON) * 1.5, LATER) : SOON;
    if (page.isFull) this.wait = 0;
    this.#count();
  }

  #failed(failure) {
    if (failure.status === 401) {
      this.isStopped = true;
      return signIn("/login/");
    }
    this.#off(failure.isOff);
    this.failures += 1;
    this.wait = failure.isOff ? OFF : Math.max(pause(SOON, this.failures), failure.wait || 0);
    this.due = Date.now() + this.wait * 1000;
    const seconds = Math.round(this.wait);
    const text = this.dataset.failing.replace("{seconds}", seconds).replace("{reason}", () => failure.message);
    this.#state(failure.isOff ? "" : text, true);
  }

  #off(isOff) {
    this.querySelector("[data-off]").hidden = !isOff;
  }

  // The doctor knows more of trouble.
  #state(text, isTrouble = false) {
    const banner = this.querySelector("[data-state]");
    const [state, doctor] = banner.children;
    if (state.textContent !== text) state.textContent = text;
    doctor.hidden = !isTrouble;
    banner.hidden = !text;
  }

  #count() {
    const number = new Intl.NumberFormat(document.documentElement.lang);
    const [shown, held] = [this.view.shown, this.view.held.length].map((value) => number.format(value));
    const text = this.dataset.counts.replace("{shown}", shown).replace("{held}", held);
    this.querySelector("[data-counts-of]").textContent = text;
    const isEmpty = this.source.hasRead && !this.view.shown;
    this.querySelector("[data-none-of-request]").hidden = !isEmpty || !this.isSearch;
    this.querySelector("[data-none]").hidden = !isEmpty || this.isSearch || !this.view.held.length;
  }
}

customElements.define("log-tail", LogTail);
