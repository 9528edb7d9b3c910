// What an event has just read is not asked again.
//
// SQLite would read the present. So an answer is used again only while nothing can have told the event that the database is another one:
// it has written nothing, nor has anyone in this isolate; it has not slept, fetched or waited for anything but D1; and a moment has not
// passed, for a program that reads in a loop until something happens elsewhere.

import { keyOf } from "./query.mjs";

/** How long an answer is good, in milliseconds, and for how many times: the clock stands still while nothing is asked of the outside. */
const LIFETIME = 250;
const MAX_USES = 16;

/** How many answers of an event are kept, and up to which size in bytes. */
const MAX_ANSWERS = 32;
const MAX_SIZE = 65_536;

/** How often each database was written to in this isolate, by binding: raised when a write starts and when it ends. */
const writes = new Map();

/** To be called when a write to a database starts and when it has ended. @param {string} name the binding */
export function noteWrite(name) {
  writes.set(name, (writes.get(name) ?? 0) + 1);
}

/** The answers of one event from one database. */
export class Memory {
  #name;
  #answers = new Map();

  /** @param {string} name the binding */
  constructor(name) {
    this.#name = name;
  }

  /**
   * The answer to a query, remembered or asked for. Two that ask at the same time share one.
   *
   * @param {import("./query.mjs").Query} query
   * @param {() => Promise<Uint8Array>} ask
   * @param {boolean} [ahead] whether nobody has asked for it yet: then it is kept for the first who does, whatever its size
   * @returns {Promise<Uint8Array>} not to be changed
   */
  answer(query, ask, ahead = false) {
    const key = keyOf(query);
    const now = performance.now();
    const known = this.#answers.get(key);
    if (known && this.#isGood(known, now) && known.uses++ < MAX_USES) return known.reply;
    return this.#remember(key, now, ask(), ahead);
  }

  /**
   * Remembers an answer that is asked for elsewhere.
   *
   * @param {import("./query.mjs").Query} query
   * @param {Promise<Uint8Array>} reply
   */
  keep(query, reply) {
    this.#remember(keyOf(query), performance.now(), reply, false);
  }

  #remember(key, now, reply, ahead) {
    if (this.#answers.size >= MAX_ANSWERS) this.#answers.clear();
    const asked = { asked: now, writes: writes.get(this.#name), uses: 0, reply };
    this.#answers.set(key, asked);
    const forget = () => this.#answers.get(key) === asked && this.#answers.delete(key);
    const settle = (bytes) => {
      if (bytes.length <= MAX_SIZE) return;
      if (ahead && asked.uses === 0) asked.uses = MAX_USES - 1;
      else forget();
    };
    reply.then(settle, forget);
    return reply;
  }

  #isGood(answer, now) {
    return answer.writes === writes.get(this.#name) && now - answer.asked < LIFETIME;
  }

  /** Has all be asked anew: the event has slept, or waited for something else than D1. */
  forget() {
    this.#answers.clear();
  }
}
