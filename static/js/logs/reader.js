// <log-reader>: the beginning of one log of a request, as it comes; the rest is for downloading.

import { get, loaded } from "./source.js";

class LogReader extends HTMLElement {
  connectedCallback() {
    this.read().catch((failure) => {
      loaded(this);
      this.#state(this.#reason(failure));
    });
  }

  #reason({ status, message }) {
    const { missing, failing } = this.dataset;
    return status === 404 ? missing : failing.replace("{reason}", () => message);
  }

  #state(text) {
    this.querySelector("[role=status]").textContent = text;
  }

  async read() {
    const leaving = new AbortController();
    const response = await get(this.dataset.url, leaving.signal);
    const text = this.querySelector("pre");
    const most = Number(this.dataset.most);
    this.#state("");
    loaded(this);
    text.hidden = this.querySelector("[data-download]").hidden = false;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let read = 0; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      text.append(value.slice(0, most - read));
      read += value.length;
      if (read < most) continue;
      this.#state(this.dataset.cut);
      return leaving.abort();
    }
  }
}

customElements.define("log-reader", LogReader);
