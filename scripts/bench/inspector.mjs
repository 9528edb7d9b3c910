/** A session with the inspector of one isolate in workerd: its heap and its CPU profiler. */

/**
 * The flags for workerd's V8 without which heapUsed() cannot collect garbage; to be in the environment variable
 * MINIFLARE_WORKERD_V8_FLAGS while Miniflare starts.
 */
export const V8_FLAGS = "--expose-gc";

const COLLECT = "gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })";

/** One session; made by connect(). */
export class Inspector {
  #socket;
  #last = 0;
  #waiting = new Map();
  #context;

  /**
   * @param {import("miniflare").Miniflare} mf started with an inspectorPort
   * @param {string} worker the Worker's name
   * @returns {Promise<Inspector>}
   */
  static async connect(mf, worker) {
    const session = new Inspector();
    await session.#open(new URL(`/core:user:${worker}`, await mf.getInspectorURL()));
    await session.call("Runtime.enable");
    return session;
  }

  async #open(url) {
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener("message", ({ data }) => this.#receive(JSON.parse(data)));
    await new Promise((resolve, reject) => {
      this.#socket.addEventListener("open", resolve);
      this.#socket.addEventListener("error", () => reject(new Error(`no inspector at ${url}`)));
    });
  }

  #receive(message) {
    if (message.method === "Runtime.executionContextCreated") this.#context = message.params.context.id;
    if (message.id === undefined) return;
    const { resolve, reject } = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) reject(new Error(message.error.message));
    else resolve(message.result);
  }

  /** Sends a command of the Chrome DevTools protocol. */
  call(method, params) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** @returns {Promise<number>} bytes of the JavaScript heap in use after a full garbage collection */
  async heapUsed() {
    await this.call("Runtime.evaluate", { contextId: this.#context, expression: COLLECT });
    const { usedSize } = await this.call("Runtime.getHeapUsage");
    return usedSize;
  }

  /**
   * Profiles the isolate while work runs.
   *
   * @param {() => Promise<void>} work
   * @param {number} [interval] microseconds between samples
   * @returns {Promise<object>} the profile, as .cpuprofile files have it
   */
  async profile(work, interval = 200) {
    await this.call("Profiler.enable");
    await this.call("Profiler.setSamplingInterval", { interval });
    await this.call("Profiler.start");
    await work();
    const { profile } = await this.call("Profiler.stop");
    return profile;
  }

  close() {
    this.#socket.close();
  }
}
