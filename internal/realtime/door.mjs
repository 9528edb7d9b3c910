// The Worker's side of realtime for Go: what an event knows of the listeners, and the calls of the hubs; door_js.go has the layouts.

import { Reader } from "../wire/wire.mjs";
import { join, originOf } from "./connect.mjs";
import { STATE, parseFrame } from "./frames.mjs";
import { hub, shardCount, shardOf } from "./hubs.mjs";
import { commitStatement, createStatement, isMissing, lookStatement } from "./table.mjs";

/** The database whose commits are told. */
const DATABASE = "APP_DB";

// What an event knows: realtime.go.
const NONE = 0;
const KNOWN = 1;
export const STALE = 2;
const UNTOLD = 4;

const CALLS = { 1: changes, 2: client, 3: update, 4: deliver, 5: changeAuth, 6: clients, 7: close, 8: turn, 9: open, 10: next, 11: hangUp };

/** A number for the shape of the statement that looks, which no query of Go has; internal/d1/reads.mjs. */
const LOOK_SHAPE = Number.MAX_SAFE_INTEGER;

const encoder = new TextEncoder();

/** What one event knows of who listens. */
export class Realtime {
  #env;
  #ctx;
  #stats;
  #known; // the isolate's: the version of each hub's sets that Go has
  #rows = null;
  #looking = null;
  #joins;
  #name;
  /** The event's own connection to a hub, if Go holds one. */
  connection = null;
  #numbers = new Map(); // by hub: the commits that it was not told of, nor Go
  #commits = []; // the same of those that Go was told of, by Go's number less one

  /**
   * @param {import("../host/scope.mjs").Scope} scope the event's
   * @param {Map<number, number>} known by hub the version of its sets that Go has; one map for a runtime
   */
  constructor({ env, ctx, request, stats }, known) {
    this.#env = env;
    this.#ctx = ctx;
    this.#stats = stats;
    this.#known = known;
    this.#joins = request !== undefined && (request.method === "DELETE" || request.url.includes("/api/batch"));
  }

  /**
   * Has an event that is likely to delete records learn who listens along with what it reads first: the rules that depend on a record are
   * evaluated before it is deleted.
   * @param {string} name the database's binding
   * @param {D1Database} database the event's way to it
   * @param {import("../d1/reads.mjs").ReadQueue} reads
   */
  join(name, database, reads) {
    if (!this.#joins || name !== DATABASE) return;
    this.#joins = false;
    this.#looking = reads.add(lookStatement(database), LOOK_SHAPE).then(
      ({ rows }) => (this.#rows ??= rows.map(([shard, version]) => ({ shard, version }))),
      () => null, // it is asked again
    );
  }

  /** What Go is told before it does anything about a change. */
  get state() {
    if (!this.#rows) return STALE;
    let state = this.#rows.every(({ shard, version }) => this.#known.get(shard) === version) && this.#known.size === this.#rows.length ? KNOWN : STALE;
    if (this.#rows.length === 0) state = NONE;
    return this.#numbers.size > 0 ? state | UNTOLD : state;
  }

  /**
   * Runs a batch that is to be stored, and learns from it who listened at that moment.
   * @param {string} name the database's binding
   * @param {D1Database} database the event's way to it
   * @param {D1PreparedStatement[]} statements
   * @returns {Promise<D1Result[]>} of the statements
   */
  async store(name, database, statements) {
    if (name !== DATABASE) return database.batch(statements);
    const batch = [...statements, commitStatement(database)];
    this.#stats.d1Statements += 1;
    let results;
    try {
      results = await database.batch(batch);
    } catch (error) {
      if (!isMissing(error)) throw error; // if it is, nothing was stored
      results = (await database.batch([createStatement(database), ...batch])).slice(1);
    }
    this.#saw(results.pop().results);
    return results;
  }

  #saw(rows) {
    this.#rows = rows;
    this.#doubt();
    for (const { shard, seq } of rows) {
      const numbers = this.#numbers.get(shard);
      if (numbers) numbers.push(seq);
      else this.#numbers.set(shard, [seq]);
    }
  }

  /**
   * Has hubs look whether they are to be without listeners, that had some when the isolate last asked: the database may have been restored to a
   * state before them. Each is asked once, and nothing waits for it.
   */
  #doubt() {
    for (const shard of this.gone()) {
      if (this.#known.get(shard) === 0) continue;
      this.#known.set(shard, 0); // the sets have to be asked for again
      const looking = hub(this.#env, shard).look();
      this.#ctx.waitUntil(looking.catch((error) => console.error(`pocketflare: the realtime hub cannot be reached: ${error.message}`)));
    }
  }

  /** Learns it without a commit. */
  async look() {
    await this.#looking;
    if (this.#rows) return this.#rows;
    const database = this.#env[DATABASE];
    try {
      this.#rows = (await database.batch([lookStatement(database)]))[0].results;
    } catch (error) {
      if (!isMissing(error)) throw error;
      await database.batch([createStatement(database)]);
      this.#rows = [];
    }
    return this.#rows;
  }

  /** The hubs whose sets Go does not have as they are. */
  async stale() {
    const rows = this.#rows ?? (await this.look());
    return rows.filter(({ shard, version }) => this.#known.get(shard) !== version);
  }

  /** The hubs of which Go knows and which have no listeners any more. */
  gone() {
    return [...this.#known.keys()].filter((shard) => !this.#rows.some((row) => row.shard === shard));
  }

  /** Notes what Go is told now, unless another event has told it more meanwhile. A hub may have gone on since the row was read. */
  learned(shard, version) {
    const latest = Math.max(version, this.known(shard));
    this.#known.set(shard, latest);
    this.saw(shard, latest);
  }

  forgot(shard) {
    this.#known.delete(shard);
  }

  /** Notes the version that a hub has told. */
  saw(shard, version) {
    const row = this.#rows?.find((known) => known.shard === shard);
    if (row) row.version = version;
  }

  /** The event's name among those of all isolates. */
  get name() {
    return (this.#name ??= crypto.randomUUID());
  }

  known(shard) {
    return this.#known.get(shard) ?? 0;
  }

  /** The number by which Go names the event's last commit; 0 for none. What nobody has asked about before counts as one with it. */
  commit() {
    if (this.#numbers.size > 0) this.#commits.push(this.#takeNumbers());
    return this.#commits.length;
  }

  /** @returns {Map<number, number[]>} by hub, the numbers of the commit that Go names so */
  numbersOf(commit) {
    return this.#commits[commit - 1] ?? new Map();
  }

  /** Takes the numbers of the commits that Go has not asked about. @returns {Map<number, number[]>} by hub */
  untold() {
    return this.#takeNumbers();
  }

  #takeNumbers() {
    const numbers = this.#numbers;
    this.#numbers = new Map();
    return numbers;
  }
}

/** Operation: a call of the hubs; its first byte tells which. */
export async function realtimeCall(scope, payload) {
  const packet = new Reader(payload);
  const answer = await CALLS[packet.u8()](scope, packet);
  return answer === undefined ? undefined : encoder.encode(JSON.stringify(answer));
}

/** What has changed in the sets since Go has last asked: an array, one for each hub where something has. */
async function changes({ env, realtime }) {
  const stale = await realtime.stale();
  const answers = await Promise.all(
    stale.map(async ({ shard, version }) => ({ shard, ...(await hub(env, shard).changes(realtime.known(shard), version)) })),
  );
  for (const { shard, version } of answers) realtime.learned(shard, version);
  for (const shard of realtime.gone()) {
    realtime.forgot(shard);
    answers.push({ shard, version: 0, all: true, added: [], removed: [] });
  }
  return answers;
}

function client({ env }, packet) {
  const id = packet.string();
  return hub(env, shardOf(env, id)).client(id);
}

/** Stores a client's state, given as JSON. */
function update({ env }, packet) {
  const { id, ...state } = JSON.parse(packet.string());
  return hub(env, shardOf(env, id)).update(id, state);
}

/** Hands out messages, each in the place of the commit that it tells of, and tells each hub of the commits that it has not heard of. */
async function deliver({ id, env, realtime }, packet) {
  const isOwn = packet.u32() === id; // else the event that has made them is over
  const data = Array.from({ length: packet.u32() }, () => packet.string());
  const deliveries = new Map();
  const partOf = (shard, commit, numbers) => {
    let delivery = deliveries.get(shard);
    if (!delivery) deliveries.set(shard, (delivery = { event: realtime.name, data, parts: [] }));
    let part = delivery.parts.at(-1);
    if (part?.commit !== commit) delivery.parts.push((part = { commit, numbers: numbers.get(shard) ?? [], messages: [] }));
    return part;
  };
  const tell = (commit, numbers) => {
    for (const shard of numbers.keys()) partOf(shard, commit, numbers);
  };
  for (let count = packet.u32(); count > 0; count--) {
    const commit = packet.u32();
    const numbers = isOwn ? realtime.numbersOf(commit) : new Map();
    tell(commit, numbers);
    for (let messages = packet.u32(); messages > 0; messages--) {
      const client = packet.string();
      const shard = packet.u32();
      const set = packet.f64();
      const message = { version: packet.f64(), name: packet.string(), data: packet.u32() };
      if (client === "") partOf(shard, commit, numbers).messages.push({ set, ...message });
      else partOf(shardOf(env, client), commit, numbers).messages.push({ client, ...message });
    }
  }
  tell(Infinity, realtime.untold());
  await Promise.all([...deliveries].map(([shard, delivery]) => hub(env, shard).deliver(delivery)));
}

/** Drops or renews the auth of listeners, on every hub. What the event evaluates from then on it does with the sets that this makes. */
async function changeAuth({ env, realtime }, packet) {
  const list = JSON.parse(packet.string());
  const change = async (_, shard) => realtime.saw(shard, await hub(env, shard).changeAuth(list, realtime.name));
  await Promise.all(Array.from({ length: shardCount(env) }, change));
}

async function clients({ env }) {
  const lists = await Promise.all(Array.from({ length: shardCount(env) }, (_, shard) => hub(env, shard).clients()));
  return lists.flat();
}

async function close({ env }, packet) {
  const id = packet.string();
  await hub(env, shardOf(env, id)).close([id]);
}

/** How many characters may wait for a connection that Go holds and whose client reads slowly. */
const QUEUE_LIMIT = 1024 * 1024;

/** Joins the event's connection to its hub. */
async function open(scope, packet) {
  const socket = await join(scope.env, packet.string(), originOf(scope.request), scope.runtime.holdsConnections);
  const connection = { socket, frames: [], length: 0, ended: false, wake: () => {} };
  scope.realtime.connection = connection;
  const end = () => {
    connection.ended = true;
    connection.wake();
  };
  const cut = () => {
    end();
    connection.frames = [];
    socket.close(1000, "gone");
    scope.onFailure?.(new Error("the client reads too slowly")); // Go waits for it to take what was written
  };
  socket.accept();
  socket.addEventListener("message", ({ data }) => {
    if (connection.ended) return;
    connection.frames.push(data);
    connection.length += data.length;
    if (connection.length > QUEUE_LIMIT) cut();
    connection.wake();
  });
  socket.addEventListener("close", end);
  socket.addEventListener("error", end);
}

/** The connection's next frame: a new state or a message; nothing when it has ended. */
async function next({ realtime: { connection } }) {
  while (connection.frames.length === 0 && !connection.ended) {
    const { promise, resolve } = Promise.withResolvers();
    connection.wake = resolve;
    await promise;
  }
  const frame = connection.frames.shift();
  if (frame === undefined) return undefined;
  connection.length -= frame.length;
  if (frame.startsWith(STATE)) return { state: JSON.parse(frame.slice(STATE.length)) };
  const [name, data] = parseFrame(frame);
  return { name, data };
}

function hangUp({ realtime: { connection } }) {
  if (!connection) return;
  connection.ended = true;
  connection.wake();
  connection.socket.close(1000, "gone");
}

/** Does nothing: it comes back when every goroutine has had its turn. */
async function turn() {}
