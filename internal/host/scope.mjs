// A scope is one event's right to do I/O. workerd ties each piece of I/O to the event in whose context it was started and cancels
// it with that event, so Go's operations are started by the scope they belong to: at once when it is that scope's turn, else by its pump.

/**
 * The longest sleep of a pump, in milliseconds. An event that waits for other events' work needs I/O of its own pending or workerd
 * takes it for hung; the pump's timer is that I/O.
 */
export const PUMP_INTERVAL = 1000;

export class Scope {
  /** The scope's number in its runtime; 0 before it is attached. */
  id = 0;
  /** The runtime that it is attached to. */
  runtime = null;
  /** Whether the event has been answered in full; what remains are operations of goroutines that outlive it. */
  handled = false;
  /**
   * Whether its event knows of the answer. In another event's turn the answer is on its way for a moment, in which the pump's timer
   * must not end or workerd takes the event for hung.
   */
  taken = false;
  /** Whether the event can do no more I/O. */
  ended = false;
  /** Operations that were started and have not settled. */
  inFlight = 0;
  /** When its pump last ran, and when an operation of it was last started or settled, in performance.now() milliseconds. */
  beat = performance.now();
  progress = this.beat;
  /** The beat after which its pump was missed. */
  missed = null;
  /** When Go last looked whether it is deadlocked, and whether it is. */
  examined = 0;
  stuck = false;
  /** When the pump's timer fires; -Infinity while it does not sleep. */
  alarm = -Infinity;
  /** What its operations cost. The adapters raise the figures. */
  stats = { d1Calls: 0, d1Statements: 0, d1Milliseconds: 0 };
  /** What it has to do with each database, by the binding's name; internal/d1/d1.mjs. */
  databases = new Map();
  /** What its event knows of realtime's listeners, where there is a hub; internal/realtime/door.mjs. */
  realtime = null;
  /** How to tell Go of its operations that Go waits for; runtime.mjs. */
  calls = new Set();
  /** Whether a bucket has not answered it, as often as it was asked; internal/files/bucket.mjs. */
  unheard = false;
  /** What it has seen of the buckets; internal/files/disk.mjs. */
  files = null;
  /** The object that its response may be, and the one that it will most likely be; internal/files/download.mjs. */
  opened = null;
  early = null;
  /** The uploads that it has claimed; internal/files/uploads.mjs. */
  claims = null;
  /** What Go answers; rejects when the scope fails. */
  answer = Promise.withResolvers();
  /** Why it failed, if it did. */
  error = null;
  /** Called in the event's own context when the scope has failed. */
  onFailure = null;

  #queue = [];
  #deadlines = new Set();
  #pumping = false;
  #wake = null;

  /**
   * @param {object} env the event's bindings
   * @param {ExecutionContext} ctx the event's context
   * @param {Request} [request] the event's request, if it is a fetch
   */
  constructor(env, ctx, request) {
    this.env = env;
    this.ctx = ctx;
    this.request = request;
  }

  /** Whether a pump runs, so that tasks of other turns can be handed to the scope. */
  get pumping() {
    return this.#pumping;
  }

  /** Whether Go is still at work in the scope, as far as JavaScript can tell. */
  get busy() {
    return !this.handled || !this.taken || this.inFlight > 0 || this.#queue.length > 0;
  }

  /** Keeps the event alive, after its response and its client's hang-up as well, until the scope has nothing left to do. */
  keepAlive() {
    if (this.#pumping || this.ended) return;
    this.#pumping = true;
    this.ctx.waitUntil(this.#pump());
  }

  /**
   * Has the pump start a task in the event's own context.
   * @param {() => void} task
   */
  enqueue(task) {
    this.#queue.push(task);
    this.keepAlive();
    this.wake();
  }

  wake() {
    this.#wake?.();
  }

  /**
   * Has a call given up that does not end in time. While the event is at work its pump sees to that: a timer for each call would cost more
   * than many of them. The pump may be late by PUMP_INTERVAL.
   * @param {number} milliseconds
   * @param {() => void} giveUp
   * @returns {() => void} to be called when the call has ended
   */
  limit(milliseconds, giveUp) {
    if (this.handled) {
      const timer = setTimeout(giveUp, milliseconds);
      return () => clearTimeout(timer);
    }
    const deadline = { at: performance.now() + milliseconds, giveUp };
    this.#deadlines.add(deadline);
    return () => this.#deadlines.delete(deadline);
  }

  #giveUpLate(now) {
    for (const deadline of this.#deadlines) {
      if (deadline.at > now) continue;
      this.#deadlines.delete(deadline);
      deadline.giveUp();
    }
  }

  /**
   * Ends the scope before its time: what waits for it fails, and nothing more is started.
   * @param {Error} error
   */
  fail(error) {
    if (this.ended) return;
    this.handled = true;
    this.error = error;
    this.answer.promise.catch(() => {}); // its event may not have come to wait for it
    this.answer.reject(error);
    this.end();
  }

  end() {
    this.ended = true;
    this.#queue.length = 0;
    for (const database of this.databases.values()) database.end();
    this.claims?.end();
    this.files?.end(this);
    this.wake();
  }

  /** To be called when the event has got the answer, or the reason why there is none. */
  take() {
    if (this.taken) return;
    this.taken = true;
    this.wake();
  }

  async #pump() {
    for (;;) {
      this.beat = performance.now();
      while (this.#queue.length > 0) this.#queue.shift()();
      if (this.#deadlines.size > 0) this.#giveUpLate(this.beat);
      if (!this.ended) this.runtime.tick(this);
      if (this.ended && this.taken) break;
      const now = performance.now();
      this.alarm = Math.min(now + PUMP_INTERVAL, this.runtime.nextTimer);
      // Not `new Promise`: with it a pump was woken in the wrong event's context, where its I/O is lost, once in some 14,000 requests.
      // The likely reason is that V8's optimized code makes such a promise without its event's mark.
      const { promise, resolve } = Promise.withResolvers();
      this.#wake = resolve;
      const timer = setTimeout(resolve, Math.max(0, this.alarm - now));
      await promise;
      this.#wake = null;
      this.alarm = -Infinity;
      clearTimeout(timer);
    }
    if (this.error) this.onFailure?.(this.error);
  }
}
