// <error-logs>: the logs that the upstream keeps of failed requests, listed when the page opens and
// when the reader wants it.

import { get, loaded } from "./source.js";

const UNITS = ["byte", "kilobyte", "megabyte"];

function sizeText(bytes, lang) {
  const power = Math.min(bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3), 2);
  const style = { style: "unit", unit: UNITS[power], unitDisplay: "narrow", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(lang, style).format(bytes / 1000 ** power);
}

// As pages write times, in the zone of the reader: `format` has the letters of Django's dates.
function written(at, format) {
  const of = { Y: at.getFullYear(), m: at.getMonth() + 1, d: at.getDate() };
  Object.assign(of, { H: at.getHours(), i: at.getMinutes(), s: at.getSeconds() });
  return format.replace(/[YmdHis]/g, (letter) => String(of[letter]).padStart(2, "0"));
}

class ErrorLogs extends HTMLElement {
  connectedCallback() {
    this.querySelector("button").onclick = () => this.load();
    this.load();
  }

  async load() {
    try {
      this.#show((await (await get(this.dataset.url)).json()).files || []);
    } catch (failure) {
      this.#state(this.dataset.failing.replace("{reason}", () => failure.message));
    }
    loaded(this);
  }

  #state(text) {
    this.querySelector("[role=status]").textContent = text;
  }

  #show(files) {
    this.#state(files.length ? "" : this.dataset.none);
    this.querySelector(".scroll").hidden = !files.length;
    this.querySelector("tbody").replaceChildren(...files.map((file) => this.#row(file)));
  }

  #row({ name, size, modified }) {
    const row = this.querySelector("template").content.cloneNode(true);
    const lang = document.documentElement.lang;
    const [link, download] = row.querySelectorAll("a");
    const time = row.querySelector("time");
    link.textContent = name;
    link.href = `${this.dataset.read}&name=${encodeURIComponent(name)}`;
    download.href = `${this.dataset.url}/${encodeURIComponent(name)}`;
    const at = new Date(modified * 1000);
    time.dateTime = at.toISOString();
    time.textContent = written(at, this.dataset.written);
    row.querySelector("[data-size]").textContent = sizeText(size, lang);
    return row;
  }
}

customElements.define("error-logs", ErrorLogs);
