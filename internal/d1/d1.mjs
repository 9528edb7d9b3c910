// The Worker's side of the D1 driver: what an event asks of a database, and when it is asked.

import { Reader } from "../wire/wire.mjs";
import { Course, Habits } from "./habits.mjs";
import { Memory, noteWrite } from "./memory.mjs";
import { FLAG_FRESH, FLAG_PINS, FLAG_PRIMARY, MODE_BATCH, MODE_PAIR, MODE_QUERY, packResults, packRows, readStatements } from "./packed.mjs";
import { ReadQueue, timed } from "./reads.mjs";
import { openSession } from "./session.mjs";

/**
 * Runs one call of the driver against a D1 binding: a query, which travels with the others of the same turn, or a batch in one
 * transaction.
 *
 * @param {import("../host/scope.mjs").Scope} scope
 * @param {Uint8Array} payload read before the first await
 * @returns {Promise<Uint8Array>} rows, or what each statement changed
 * @throws what D1 reports, or an Error that names the missing binding
 */
export async function d1Call(scope, payload) {
  const call = new Reader(payload);
  const name = call.string();
  if (!scope.env[name]?.prepare) throw new Error(`no D1 database is bound as ${name} in wrangler.toml`);
  const mode = call.u8();
  let [shape, flags, secondShape] = [0, 0, 0];
  if (mode !== MODE_BATCH) [shape, flags] = [call.f64(), call.u8()];
  if (mode === MODE_PAIR) [secondShape, flags] = [call.f64(), flags | call.u8()];
  const statements = readStatements(call);
  const own = event(scope, name);
  const { session } = own;
  if (session && (shape === 0 || flags & FLAG_PRIMARY)) session.usePrimary();
  if (mode === MODE_PAIR) return own.answerPair(statements, [shape, secondShape]);
  if (shape === 0) return own.write(mode, statements);
  const anew = flags & FLAG_FRESH || (session && flags & FLAG_PRIMARY);
  const reply = anew ? own.read(statements[0], shape) : own.answer(statements[0], shape);
  return flags & FLAG_PINS ? pinned(session, reply) : reply;
}

/** What is read to be kept in memory: no later event is to see an older database. */
async function pinned(session, reply) {
  const bytes = await reply;
  session?.pin();
  return bytes;
}

/** What an event has to do with a database. */
class EventDatabase {
  #scope;
  #name;

  /**
   * @param {import("../host/scope.mjs").Scope} scope
   * @param {string} name the binding
   */
  constructor(scope, name) {
    const binding = scope.env[name];
    this.#scope = scope;
    this.#name = name;
    /** Where it reads from replicas, by what: a ReplicaSession or null. */
    this.session = openSession(scope, name);
    /** What runs its statements. */
    this.database = this.session ?? binding;
    /** The queue by which its reads travel together. */
    this.reads = new ReadQueue(this.database, scope.stats, binding);
    /** What it has read. */
    this.memory = new Memory(name);
    /** In which order. */
    this.course = new Course(habitsOf(binding), scope.request);
  }

  /** What is known of the answers while the program starts; undefined later. */
  get #prefetch() {
    return this.#scope.runtime.prefetched?.[this.#name];
  }

  /** @returns {Promise<Uint8Array>} the rows of a read, remembered or asked for */
  answer(query, shape) {
    const reply = this.memory.answer(query, () => this.read(query, shape));
    this.#sendAhead(query, shape);
    return reply;
  }

  /** @returns {Promise<Uint8Array>} the text that a second read gives, and the rows of the first. What is read later is never older than the text. */
  answerPair(queries, shapes) {
    const reply = this.#readPair(queries, shapes);
    this.memory.keep(queries[0], reply.then(withoutText));
    this.#sendAhead(queries[0], shapes[0]);
    return reply;
  }

  /** Sends what has followed a read in other events along with it, for the program to ask for. */
  #sendAhead(query, shape) {
    if (this.#scope.runtime.prefetched) return;
    for (const ahead of this.course.take(query, shape)) {
      this.memory.answer(ahead.query, () => this.read(ahead.query, ahead.shape), true).catch(ahead.failed);
    }
  }

  /** @returns {Promise<Uint8Array>} the rows of a read, asked for anew */
  async read(query, shape) {
    this.#joinRealtime();
    const prefetch = this.#prefetch;
    const foreseen = prefetch && (await prefetch.query(this.#scope, query));
    return packRows(foreseen ?? (await this.#ask(query, shape)));
  }

  /** Asks for a read, after the text that a second one gives. */
  async #readPair([query, second], [shape, secondShape]) {
    this.#joinRealtime();
    const prefetch = this.#prefetch;
    const foreseen = prefetch && (await prefetch.query(this.#scope, second));
    if (!foreseen) prefetch?.forget();
    const text = foreseen ?? this.#ask(second, secondShape).catch(() => ({ rows: [] }));
    const answer = (foreseen && (await prefetch.query(this.#scope, query))) ?? this.#ask(query, shape);
    return packRows(await answer, (await text).rows[0]?.[0] ?? "");
  }

  #joinRealtime() {
    this.#scope.realtime?.join(this.#name, this.database, this.reads);
  }

  #ask(query, shape) {
    return this.reads.add(prepare(this.database, query), shape);
  }

  /** Runs what is, or may be, a write. @returns {Promise<Uint8Array>} rows, or what each statement changed */
  async write(mode, statements) {
    this.course.end();
    noteWrite(this.#name);
    try {
      return await this.#write(mode, statements);
    } finally {
      noteWrite(this.#name);
    }
  }

  async #write(mode, statements) {
    const prefetch = this.#prefetch;
    const idle = prefetch && (await prefetch.idle(this.#scope, statements));
    if (mode === MODE_QUERY) return packRows(await this.#ask(statements[0], 0));
    if (idle) return packResults(statements.map(() => ({ meta: {} })));
    const { realtime, stats } = this.#scope;
    const prepared = statements.map((statement) => prepare(this.database, statement));
    const store = () => realtime?.store(this.#name, this.database, prepared) ?? this.database.batch(prepared);
    return packResults(await timed(stats, prepared.length, store));
  }

  /** To be called when the event is over. */
  end() {
    this.course.end();
  }
}

/**
 * @param {import("../host/scope.mjs").Scope} scope
 * @param {string} name the binding
 * @returns {EventDatabase}
 */
export function event(scope, name) {
  let known = scope.databases.get(name);
  if (!known) scope.databases.set(name, (known = new EventDatabase(scope, name)));
  return known;
}

const habits = new WeakMap();

function habitsOf(database) {
  let known = habits.get(database);
  if (!known) habits.set(database, (known = new Habits()));
  return known;
}

/** The packed answer of a pair without the text before it. */
function withoutText(reply) {
  return reply.subarray(4 + new DataView(reply.buffer, reply.byteOffset).getUint32(0, true));
}

function prepare(database, { sql, params }) {
  const statement = database.prepare(sql);
  return params.length > 0 ? statement.bind(...params) : statement;
}
