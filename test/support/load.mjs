/** A mixed load, and the account of what the server has acknowledged. */
import { open } from "./http.mjs";

const HUNG_MILLISECONDS = 30_000;
const PASSWORD = "load password";

/**
 * A sequence of numbers from 0 to 1 that a seed decides.
 *
 * @param {number} seed
 * @returns {() => number}
 */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Creates what the load works on: a collection "loads" and users "load0" to "load3". */
export async function prepareLoad(target) {
  const admin = await target.admin();
  await admin.collections.create({
    name: "loads",
    type: "base",
    listRule: "",
    viewRule: "",
    createRule: "",
    updateRule: "",
    deleteRule: "",
    fields: [
      { name: "title", type: "text", required: true },
      { name: "count", type: "number" },
    ],
  });
  for (let i = 0; i < 4; i++) {
    await admin.collection("users").create({ email: `load${i}@example.com`, password: PASSWORD, passwordConfirm: PASSWORD });
  }
}

/** Drives a server from many connections and knows what it should hold afterwards. */
export class Load {
  /** The acknowledged records, by id: the value that was stored last, or undefined if the record was deleted. */
  records = new Map();
  /** Records of which a request was broken off: any of these values may be stored. */
  uncertain = new Map();
  /** What went wrong, each with the request. */
  failures = [];
  /** Requests that were answered as they should be, by their kind. */
  done = {};
  brokenOff = 0;

  #url;
  #hangUps;
  #prefix;

  /**
   * @param {string} url
   * @param {object} [options]
   * @param {string} [options.prefix] a letter that the ids of this load's records begin with
   * @param {number} [options.hangUps] the part of the requests, from 0 to 1, that are broken off at a random moment
   */
  constructor(url, { prefix = "l", hangUps = 0 } = {}) {
    this.#url = url;
    this.#prefix = prefix;
    this.#hangUps = hangUps;
  }

  /** Sends requests from so many connections for so long, one after another on each. */
  async run({ connections, milliseconds, seed = 1 }) {
    const deadline = Date.now() + milliseconds;
    await Promise.all(Array.from({ length: connections }, (_, index) => this.#connection(random(seed * 1000 + index), deadline, index)));
  }

  async #connection(next, deadline, index) {
    const own = [];
    for (let round = 0; Date.now() < deadline; round++) {
      const kind = pick(next(), own.length > 0);
      await this.#step(kind, next, own, `${index}-${round}`);
    }
  }

  async #step(kind, next, own, name) {
    const records = "/api/collections/loads/records";
    const at = Math.floor(next() * own.length);
    const count = Math.floor(next() * 1e6);
    if (kind === "create") {
      const id = this.#prefix + idOf(name);
      const answer = await this.#send(kind, "POST", records, { id, title: name, count }, next);
      if (answer) own.push(this.#stored(id, count));
      else this.#maybe(id, undefined, count);
    } else if (kind === "update") {
      const id = own[at];
      const before = this.records.get(id);
      if (await this.#send(kind, "PATCH", `${records}/${id}`, { count }, next)) this.#stored(id, count);
      else this.#maybe(own.splice(at, 1)[0], before, count);
    } else if (kind === "delete") {
      const [id] = own.splice(at, 1);
      const before = this.records.get(id);
      if (await this.#send(kind, "DELETE", `${records}/${id}`, undefined, next)) this.#stored(id, undefined);
      else this.#maybe(id, before, undefined);
    } else if (kind === "view") {
      const answer = await this.#send(kind, "GET", `${records}/${own[at]}`, undefined, next);
      if (answer && answer.count !== this.records.get(own[at])) this.failures.push(`${own[at]} was ${answer.count}, stored ${this.records.get(own[at])}`);
    } else if (kind === "list") {
      await this.#send(kind, "GET", `${records}?perPage=20&sort=-count&filter=${encodeURIComponent(`count > ${count}`)}`, undefined, next);
    } else if (kind === "login") {
      const identity = `load${Math.floor(next() * 4)}@example.com`;
      await this.#send(kind, "POST", "/api/collections/users/auth-with-password", { identity, password: PASSWORD }, next);
    } else {
      await this.#send(kind, "GET", "/api/health", undefined, next);
    }
  }

  #stored(id, count) {
    this.records.set(id, count);
    return id;
  }

  #maybe(id, ...values) {
    this.records.delete(id);
    this.uncertain.set(id, values);
  }

  /** Sends one request. Answers with its JSON, or with undefined if it was broken off or went wrong. */
  async #send(kind, method, path, body, next) {
    const options = { method, body: body && JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    if (next() < this.#hangUps) return this.#breakOff(path, options, next() * 60);
    try {
      const response = await fetch(this.#url + path, { ...options, signal: AbortSignal.timeout(HUNG_MILLISECONDS) });
      const text = await response.text();
      if (!response.ok) throw new Error(`${response.status} ${text.slice(0, 200)}`);
      this.done[kind] = (this.done[kind] ?? 0) + 1;
      return text === "" ? true : JSON.parse(text);
    } catch (error) {
      this.failures.push(`${method} ${path.slice(0, 80)}: ${error.cause?.message ?? error.message}`);
      return undefined;
    }
  }

  async #breakOff(path, options, after) {
    const client = new AbortController();
    const timer = setTimeout(() => client.abort(), after);
    this.brokenOff++;
    try {
      const response = await open(this.#url + path, { ...options, signal: client.signal });
      for await (const _ of response);
    } catch {
      // That is what it is for.
    } finally {
      clearTimeout(timer);
    }
    return undefined;
  }

  /**
   * Compares what the server holds with what it has acknowledged.
   *
   * @param {import("pocketbase").default} client
   * @returns {Promise<string[]>} what is not as it should be
   */
  async verify(client) {
    const stored = new Map();
    for (const item of await client.collection("loads").getFullList({ batch: 1000, filter: `id ~ '${this.#prefix}%'` })) stored.set(item.id, item.count);
    const wrong = [];
    for (const [id, count] of this.records) {
      if (stored.get(id) !== count) wrong.push(`${id} is ${stored.get(id)}, acknowledged ${count}`);
    }
    for (const [id, values] of this.uncertain) {
      if (!values.includes(stored.get(id))) wrong.push(`${id} is ${stored.get(id)}, could be ${values}`);
    }
    for (const id of stored.keys()) {
      if (!this.records.has(id) && !this.uncertain.has(id)) wrong.push(`${id} is there, but nobody has created it`);
    }
    return wrong;
  }

  toString() {
    return `${JSON.stringify(this.done)}, ${this.brokenOff} broken off, ${this.failures.length} failed`;
  }
}

function pick(value, hasRecords) {
  if (value < 0.3) return "create";
  if (value < 0.33) return "login";
  if (value < 0.45) return "list";
  if (value < 0.5) return "health";
  if (!hasRecords) return "create";
  if (value < 0.65) return "update";
  if (value < 0.75) return "delete";
  return "view";
}

/** The rest of an id of PocketBase's form, from a connection's and a round's number. */
function idOf(name) {
  const [connection, round] = name.split("-");
  return `${connection.padStart(4, "0")}${round.padStart(10, "0")}`;
}
