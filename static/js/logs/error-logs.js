// <error-logs>: the logs that the upstream keeps of failed requests, listed when the page opens and
// when the reader wants it.

import { get, loaded } from "./source.js";

const UNITS = ["byte", "kilobyte", "megabyte"];

function sizeText(bytes, lang) {
  const power = Math.min(bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3), 2);
  const style = { style: "unit", unit: UNITS[power], unitDisplay: "narrow", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(lang, style).format(bytes / 1000 ** power);
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
    time.dateTime = new Date(modified * 1000).toISOString();
    const style = { dateStyle: "medium", timeStyle: "medium" };
    time.textContent = new Intl.DateTimeFormat(lang, style).format(modified * 1000);
    row.querySelector("[data-size]").textContent = sizeText(size, lang);
    return row;
  }
}

customElements.define("error-logs", ErrorLogs);
