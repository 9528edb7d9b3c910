// EventSource for Node, as far as the SDK uses it: named events with data and lastEventId, onerror, close.

const decoder = new TextDecoder();

export class EventSource {
  onerror = null;
  #listeners = new Map();
  #abort = new AbortController();

  constructor(url) {
    this.#run(url).then(
      () => this.#fail(new Error("the stream ended")),
      (error) => this.#fail(error),
    );
  }

  addEventListener(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
  }

  removeEventListener(name, listener) {
    this.#listeners.get(name)?.delete(listener);
  }

  close() {
    this.#abort.abort();
  }

  #fail(error) {
    if (!this.#abort.signal.aborted) this.onerror?.(error);
  }

  async #run(url) {
    const response = await fetch(url, { signal: this.#abort.signal });
    if (!response.ok) throw new Error(`status ${response.status}`);
    let text = "";
    for await (const part of response.body) {
      text += decoder.decode(part, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        this.#dispatch(text.slice(0, end));
        text = text.slice(end + 2);
      }
    }
  }

  #dispatch(block) {
    const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
    if (!fields.event) return;
    for (const listener of this.#listeners.get(fields.event) ?? []) listener({ data: fields.data, lastEventId: fields.id });
  }
}
