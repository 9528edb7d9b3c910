// A client of realtime without the SDK: it reads the stream itself, so that a test sees all of it.

import { get } from "node:http";

const decoder = new TextDecoder();

/** An open connection. `id` is the client's, `messages` what has come since PB_CONNECT, as { event, data }. */
export class Stream {
  id;
  messages = [];
  comments = 0;
  closed = false;
  #base;
  headers;
  #response;
  #waiting = new Set();

  /** @param {string} base the server's origin @param {{ headers?: Record<string, string>, query?: string }} [options] */
  static async open(base, { headers = {}, query = "" } = {}) {
    const stream = new Stream();
    stream.#base = base;
    const response = await new Promise((resolve, reject) => {
      get(`${base}/api/realtime${query}`, { agent: false, headers }, resolve).on("error", reject);
    });
    if (response.statusCode !== 200) {
      const body = Buffer.concat(await response.toArray()).toString();
      throw Object.assign(new Error(`status ${response.statusCode}`), { status: response.statusCode, body });
    }
    stream.#response = response;
    stream.headers = response.headers;
    const connected = Promise.withResolvers();
    stream.#read(response, connected).then(
      () => connected.reject(new Error("the stream ended")),
      (error) => connected.reject(error),
    );
    await connected.promise;
    return stream;
  }

  async #read(body, connected) {
    let text = "";
    try {
      for await (const part of body) {
        text += decoder.decode(part, { stream: true });
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          this.#take(text.slice(0, end), connected);
          text = text.slice(end + 2);
        }
      }
    } catch (error) {
      if (error.code !== "ECONNRESET") throw error;
    } finally {
      this.closed = true;
      for (const wake of this.#waiting) wake();
    }
  }

  #take(block, connected) {
    if (block.startsWith(":")) {
      this.comments += 1;
      return;
    }
    const fields = Object.fromEntries(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
    const message = { event: fields.event, data: JSON.parse(fields.data) };
    if (fields.event === "PB_CONNECT") {
      this.id = message.data.clientId;
      connected.resolve();
      return;
    }
    this.messages.push(message);
    for (const wake of this.#waiting) wake();
  }

  /** Sets the subscriptions. @returns {Promise<{ status: number, body: object | null }>} */
  async subscribe(subscriptions, { token, base = this.#base, headers = {} } = {}) {
    const response = await fetch(`${base}/api/realtime`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token && { Authorization: token }), ...headers },
      body: JSON.stringify({ clientId: this.id, subscriptions }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  }

  /** Waits until something is true of the messages. */
  async until(condition, milliseconds = 20_000) {
    const deadline = Date.now() + milliseconds;
    while (!condition(this.messages)) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`not within ${milliseconds} ms; messages: ${JSON.stringify(this.messages)}${this.closed ? ", closed" : ""}`);
      let timer;
      await new Promise((resolve) => {
        timer = setTimeout(resolve, left);
        this.#waiting.add(resolve);
      });
      clearTimeout(timer);
      this.#waiting.clear();
    }
    return this.messages;
  }

  /** Ends the connection by a reset, which is what workerd notices at once. */
  close() {
    this.#response.socket.resetAndDestroy();
  }
}
