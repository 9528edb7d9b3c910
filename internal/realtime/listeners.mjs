// Who listens to what, as one hub knows it: clients, and the distinct sets of auth and subscriptions that they have.

/** How long, in milliseconds, a message that was made for a client's earlier set still reaches it. */
const FORMER_MILLISECONDS = 60_000;

/** How many changes of sets are remembered, so that an isolate is told what has changed and not everything. */
const MAX_CHANGES = 1000;

/**
 * @typedef {{ collection: string, id: string, key: string }} Auth whose client it is; key is a digest of the record's token key
 * @typedef {{ id: string, origin: object, auth: Auth | null, subscriptions: string[], set: number, values: object }} Client
 *   `set` is 0 while it has no subscriptions; `origin` tells the address and headers of its connection
 * @typedef {{ number: number, key: string, auth: Auth | null, subscriptions: string[], since: number, members: Set<string> }} ListenerSet
 *   `since` is the version that brought it
 */

export class Listeners {
  /** @type {Map<string, Client>} */
  clients = new Map();
  /** Raised with each change of the sets, never with a client that joins or leaves one. */
  version = 0;

  /** @type {Map<number, ListenerSet>} */
  #sets = new Map();
  #byKey = new Map();
  #changes = [];
  #forgotten = 0; // changes up to this version are not among #changes
  #former = new Map(); // by set: the clients that have left it for another, with the version that brought that one
  #moves = 0; // of clients from one set to another
  #dropped = new Map(); // by client: the event that has taken its auth, and the last move before
  #lastNumber = 0;
  #now;

  /** @param {() => number} now milliseconds since 1970; versions and numbers of sets begin there, so that they grow across restarts */
  constructor(now = Date.now) {
    this.#now = now;
  }

  /** The number of sets. */
  get size() {
    return this.#sets.size;
  }

  /** Tells one state of the sets from another. */
  get digest() {
    let digest = 0;
    for (const number of this.#sets.keys()) digest = (digest + number * 31) % Number.MAX_SAFE_INTEGER;
    return `${this.#sets.size}:${digest}`;
  }

  /** Takes a client as it was before the hub slept. @param {Client} client */
  restore(client) {
    this.clients.set(client.id, client);
    if (client.set === 0) return;
    let set = this.#sets.get(client.set);
    if (!set) {
      set = { number: client.set, key: keyOf(client), auth: client.auth, subscriptions: client.subscriptions, since: 0, members: new Set() };
      this.#sets.set(set.number, set);
      this.#byKey.set(set.key, set);
      this.#lastNumber = Math.max(this.#lastNumber, set.number);
    }
    set.members.add(client.id);
  }

  /** @param {number} version the one that the restored sets had */
  resume(version) {
    this.version = this.#forgotten = version;
  }

  /** Raises the version: what others know of the sets may not be so. */
  touch() {
    this.version = this.#forgotten = Math.max(this.version + 1, this.#now());
  }

  connect(id, origin) {
    const client = { id, origin, auth: null, subscriptions: [], set: 0, values: {} };
    this.clients.set(id, client);
    return client;
  }

  /** @returns {boolean} whether the sets have changed */
  disconnect(id) {
    const client = this.clients.get(id);
    if (!client) return false;
    this.clients.delete(id);
    return this.#leave(client);
  }

  /**
   * Gives a client other subscriptions, or another auth.
   * @param {Client} client
   * @param {{ auth: Auth | null, subscriptions: string[] }} state
   * @param {{ dropped?: string }} [how] dropped: what was made for its old sets may not reach it, unless the event of this name has made it:
   *   the one that takes the auth away, which evaluates before it does
   * @returns {boolean} whether the sets have changed
   */
  update(client, { auth, subscriptions }, { dropped } = {}) {
    const key = keyOf({ auth, subscriptions });
    const before = this.#sets.get(client.set);
    if (before?.key === key) return false;
    const left = this.#leave(client);
    client.auth = auth;
    client.subscriptions = subscriptions;
    const joined = this.#join(client, key);
    if (before && client.set !== 0) this.#remember(before.number, client);
    if (dropped !== undefined) this.#restrictFormer(client.id, dropped);
    return joined || left;
  }

  /**
   * What becomes of listeners when auth records or collections change.
   * @param {{ collection: string, id?: string, drop: boolean }} change of one record, or of all of a collection
   * @param {string} event the name of the one that makes it
   * @returns {{ changed: boolean, clients: Client[] }} the clients that were touched
   */
  changeAuth({ collection, id, drop }, event) {
    const clients = [];
    let changed = false;
    const renewed = new Set();
    for (const client of this.clients.values()) {
      const { auth } = client;
      if (!auth || auth.collection !== collection || (id !== undefined && auth.id !== id)) continue;
      clients.push(client);
      if (drop) {
        changed = this.update(client, { auth: null, subscriptions: client.subscriptions }, { dropped: event }) || changed;
        client.auth = null;
      } else if (client.set !== 0 && !renewed.has(client.set)) {
        renewed.add(this.#renew(client.set));
        changed = true;
      }
    }
    return { changed, clients };
  }

  /**
   * What has changed since an isolate has last asked.
   * @param {number} since a version
   * @returns {{ version: number, all: boolean, added: object[], removed: number[] }} `all`: forget what is known, `added` is everything
   */
  changes(since) {
    const { version } = this;
    if (since === version) return { version, all: false, added: [], removed: [] };
    if (since < this.#forgotten || since > version) {
      return { version, all: true, added: [...this.#sets.values()].map(told), removed: [] };
    }
    const numbers = new Set(this.#changes.filter((change) => change.version > since).map(({ number }) => number));
    const added = [];
    const removed = [];
    for (const number of numbers) {
      const set = this.#sets.get(number);
      if (set) added.push(told(set));
      else removed.push(number);
    }
    return { version, all: false, added, removed };
  }

  /**
   * The clients that a message is for.
   * @param {number} number of the set that it was made for
   * @param {string} name the subscription
   * @param {number} version of the sets when it was made
   * @param {string} event that has made it
   * @returns {Iterable<string>}
   */
  audience(number, name, version, event) {
    const members = this.#sets.get(number)?.members ?? [];
    const former = this.#former.get(number);
    if (!former) return members;
    const ids = new Set(members);
    for (const { id, since, move } of former) {
      const dropped = this.#dropped.get(id);
      if (dropped && move <= dropped.move && dropped.event !== event) continue;
      if (version < since && this.clients.get(id)?.subscriptions.includes(name)) ids.add(id);
    }
    return ids;
  }

  #join(client, key) {
    if (client.subscriptions.length === 0) {
      client.set = 0;
      return false;
    }
    const known = this.#byKey.get(key);
    if (known) {
      known.members.add(client.id);
      client.set = known.number;
      return false;
    }
    const { auth, subscriptions } = client;
    const set = { number: this.#number(), key, auth, subscriptions, since: 0, members: new Set([client.id]) };
    this.#sets.set(set.number, set);
    this.#byKey.set(key, set);
    client.set = set.number;
    this.#changed(set.number);
    set.since = this.version;
    return true;
  }

  #leave(client) {
    const set = this.#sets.get(client.set);
    client.set = 0;
    if (!set) return false;
    set.members.delete(client.id);
    if (set.members.size > 0) return false;
    this.#sets.delete(set.number);
    this.#byKey.delete(set.key);
    this.#changed(set.number);
    return true;
  }

  /** Gives a set another number, so that isolates load its auth again. @returns {number} the new number */
  #renew(number) {
    const set = this.#sets.get(number);
    this.#sets.delete(number);
    this.#changed(number);
    set.number = this.#number();
    this.#sets.set(set.number, set);
    this.#changed(set.number);
    set.since = this.version;
    for (const id of set.members) {
      const client = this.clients.get(id);
      client.set = set.number;
      this.#remember(number, client);
    }
    return set.number;
  }

  /** A writer that does not know the client's new set yet speaks for it in its former one. */
  #remember(number, client) {
    const now = this.#now();
    let former = this.#former.get(number);
    if (!former) this.#former.set(number, (former = []));
    former.push({ id: client.id, since: this.#sets.get(client.set).since, move: ++this.#moves, until: now + FORMER_MILLISECONDS });
    for (const [key, list] of this.#former) {
      if (list[0].until > now) break;
      const kept = list.filter(({ until }) => until > now);
      if (kept.length > 0) this.#former.set(key, kept);
      else this.#former.delete(key);
    }
  }

  /** What was made for the client's sets so far reaches it only if the event has made it. */
  #restrictFormer(id, event) {
    const now = this.#now();
    for (const [client, { until }] of this.#dropped) {
      if (until > now) break;
      this.#dropped.delete(client);
    }
    this.#dropped.delete(id); // the order is that of time
    this.#dropped.set(id, { event, move: this.#moves, until: now + FORMER_MILLISECONDS });
  }

  #number() {
    return (this.#lastNumber = Math.max(this.#lastNumber + 1, this.#now()));
  }

  #changed(number) {
    this.version = Math.max(this.version + 1, this.#now());
    this.#changes.push({ version: this.version, number });
    if (this.#changes.length > MAX_CHANGES) this.#forgotten = this.#changes.shift().version;
  }
}

function keyOf({ auth, subscriptions }) {
  return JSON.stringify([auth && [auth.collection, auth.id, auth.key], [...subscriptions].sort()]);
}

function told({ number, auth, subscriptions }) {
  return { number, auth, subscriptions };
}
