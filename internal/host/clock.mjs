// What Go asks the host for that is not I/O: the time, its next timer, random numbers.
//
// Before there is an event workerd's clock stands still and it gives no random numbers. A program that is started then gets a clock that only
// counts. If it asks for more, its start is given up, and the first event makes it anew.

/**
 * How often PocketBase's packages read the time of day when they are initialized: golang.org/x/crypto/acme/autocert does, for a generator of
 * random numbers that nothing here uses.
 */
const READS = 1;

/** A program asked before there was an event for what there is only then. */
export class TooEarly extends Error {
  name = "TooEarly";
}

/** Go has one clock for all events. */
export class Clock {
  /** When Go's next timer is due, in performance.now() milliseconds. */
  next = Infinity;

  #running;
  #wake;
  #origin = 0; // of Go's monotonic time, in performance.now() milliseconds
  #count = 0; // its time in nanoseconds while the clock stands
  #reads = 0;
  #seeded = false;
  #timers = new Map();
  #lastTimer = 0;

  /**
   * @param {boolean} running whether there is an event
   * @param {(at: number) => void} wake is told when the next timer is due, each time it may be earlier
   */
  constructor(running, wake) {
    this.#running = running;
    this.#wake = wake;
  }

  /** To be called in an event. */
  start() {
    if (this.#running) return;
    this.#running = true;
    const now = performance.now();
    this.#origin = now - this.#count / 1e6;
    for (const [id, at] of this.#timers) this.#timers.set(id, now + at);
    this.#set();
  }

  /** Forgets the timers. */
  clear() {
    this.#timers.clear();
    this.next = Infinity;
  }

  /** @param {object} go the program's Go @returns {object} its import functions */
  imports(go) {
    const setInt64 = (at, value) => {
      go.mem.setUint32(at, value, true);
      go.mem.setInt32(at + 4, Math.floor(value / 2 ** 32), true);
    };
    return {
      "runtime.nanotime1": (sp) => {
        setInt64((sp >>> 0) + 8, this.#running ? (performance.now() - this.#origin) * 1e6 : ++this.#count);
      },
      "runtime.walltime": (sp) => {
        if (!this.#running && ++this.#reads > READS) throw new TooEarly("the time was asked for");
        const now = Date.now();
        setInt64((sp >>> 0) + 8, Math.floor(now / 1000));
        go.mem.setInt32((sp >>> 0) + 16, (now % 1000) * 1e6, true);
      },
      "runtime.getRandomData": (sp) => {
        const at = go.mem.getUint32((sp >>> 0) + 8, true);
        const bytes = new Uint8Array(go.mem.buffer, at, go.mem.getUint32((sp >>> 0) + 16, true));
        if (this.#running) crypto.getRandomValues(bytes);
        else this.#seed(bytes);
      },
      "runtime.scheduleTimeoutEvent": (sp) => {
        sp >>>= 0;
        const id = ++this.#lastTimer;
        const delay = go.mem.getUint32(sp + 8, true) + go.mem.getInt32(sp + 12, true) * 2 ** 32;
        this.#timers.set(id, (this.#running ? performance.now() : 0) + delay);
        go.mem.setInt32(sp + 16, id, true);
        this.#set();
      },
      "runtime.clearTimeoutEvent": (sp) => {
        this.#timers.delete(go.mem.getInt32((sp >>> 0) + 8, true));
        this.#set();
      },
    };
  }

  /**
   * The first that Go asks for is the seed of its own generator, of maps and math/rand: it need not be secret, only another one in each
   * isolate, as V8's is. crypto/rand asks each time, and gets what is random or nothing.
   */
  #seed(bytes) {
    if (this.#seeded) throw new TooEarly("random numbers were asked for");
    this.#seeded = true;
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.random() * 256;
  }

  #set() {
    this.next = Math.min(...this.#timers.values());
    this.#wake(this.next);
  }
}
