/**
 * The Worker on an APP_DB and a LOGS_DB that are slow or fail.
 *
 * D1_DELAY_MS delays each batch of APP_DB; D1_WAITS_FOR is how many requests have to have arrived before APP_DB is asked anything, of
 * which GET /_arrived tells the number so far. D1_FAULTS is what fails from the start. POST /_faults sets what fails from then on in
 * the isolate that is asked, and answers with how often each kind has failed since the last time:
 *
 *     { "APP_DB": { "read": { "before": 0.1, "after": 0.1 }, "probe": {…}, "store": {…} }, "LOGS_DB": {…} }
 *
 * are probabilities from 0 to 1 that a call fails before or after it has run: of reads, of batches that are thrown away, and of all that
 * is stored. "most" beside them is how many calls of one request may fail in a row: fewer than the driver tries, where no request is to
 * fail by bad luck. { "every": n } in their place fails each nth call, in turn before and after it has run. "message" names the only
 * message; otherwise each of D1's occurs.
 */
import { AsyncLocalStorage } from "node:async_hooks";

import worker from "../../worker.mjs";

export * from "../../worker.mjs";

/** D1's errors by which a call may have run. */
export const AMBIGUOUS = [
  "Network connection lost.",
  "Internal error in D1 DB storage caused object to be reset.",
  "Internal error while starting up D1 DB storage caused object to be reset.",
  "D1 DB storage operation exceeded timeout which caused object to be reset.",
  "D1 DB reset because its code was updated.",
  "Can't read from request stream because client disconnected.",
  "D1 DB's isolate exceeded its memory limit and was reset.",
  "D1 DB exceeded its CPU time limit and was reset.",
  "internal error; reference = 0123456789abcdef",
];

/** Those by which it has not. */
export const TURNED_AWAY = [
  "D1 DB is overloaded. Requests queued for too long.",
  "D1 DB is overloaded. Too many requests queued.",
  "Cannot resolve D1 DB due to transient issue on remote node.",
];

/** Of each request, how many of its calls have failed in a row, by database. */
const failedInRow = new AsyncLocalStorage();

const unreliable = new WeakMap();
let rates;
let failed = {};
let arrived = 0;
const calls = {};

export default {
  ...worker,
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/_arrived") return Response.json(arrived);
    if (pathname === "/_faults") {
      const counts = failed;
      failed = {};
      rates = await request.json();
      return Response.json(counts);
    }
    arrived++;
    rates ??= JSON.parse(env.D1_FAULTS ?? "{}");
    if (!unreliable.has(env)) unreliable.set(env, { ...env, ...wrapped(env) });
    return failedInRow.run({}, () => worker.fetch(request, unreliable.get(env), ctx));
  },
};

function wrapped(env) {
  const app = new Database("APP_DB", env.APP_DB, { delay: Number(env.D1_DELAY_MS ?? 0), waitsFor: Number(env.D1_WAITS_FOR ?? 0) });
  return { APP_DB: app, LOGS_DB: new Database("LOGS_DB", env.LOGS_DB) };
}

class Database {
  #name;
  #real;
  #delay;
  #waitsFor;

  constructor(name, real, { delay = 0, waitsFor = 0 } = {}) {
    this.#name = name;
    this.#real = real;
    this.#delay = delay;
    this.#waitsFor = waitsFor;
  }

  prepare(sql) {
    return new Statement(this, sql, this.#real.prepare(sql));
  }

  async batch(statements) {
    if (this.#delay) await new Promise((resume) => setTimeout(resume, this.#delay));
    return this.call(kindOf(statements), () => this.#real.batch(statements.map(({ real }) => real)));
  }

  async call(kind, run) {
    while (arrived < this.#waitsFor) await new Promise((resume) => setTimeout(resume, 5));
    const { message, most = Infinity, ...rate } = rates[this.#name]?.[kind] ?? {};
    const { before = 0, after = 0 } = rate.every ? this.#turn(kind, rate.every) : rate;
    const mayFail = !(failedInRow.getStore()?.[this.#name] >= most);
    if (mayFail && Math.random() < before) throw this.#fault(kind, "before", message, [...AMBIGUOUS, ...TURNED_AWAY]);
    const result = await run().catch((error) => {
      this.#count(0); // it was answered
      throw error;
    });
    if (mayFail && Math.random() < after) throw this.#fault(kind, "after", message, AMBIGUOUS);
    this.#count(0);
    return result;
  }

  /** Which side the kind's next call fails on, if it is its turn. */
  #turn(kind, every) {
    const name = `${this.#name} ${kind}`;
    const call = (calls[name] = (calls[name] ?? 0) + 1);
    if (call % every > 0) return {};
    return (call / every) % 2 ? { before: 1 } : { after: 1 };
  }

  #count(inRow) {
    const counts = failedInRow.getStore();
    if (counts) counts[this.#name] = inRow;
  }

  #fault(kind, moment, message, messages) {
    const name = `${this.#name} ${kind} ${moment}`;
    this.#count((failedInRow.getStore()?.[this.#name] ?? 0) + 1);
    failed[name] = (failed[name] ?? 0) + 1;
    return new Error(`D1_ERROR: ${message ?? messages[Math.floor(Math.random() * messages.length)]}`);
  }
}

class Statement {
  #database;

  constructor(database, sql, real) {
    this.#database = database;
    this.sql = sql;
    this.real = real;
  }

  bind(...values) {
    return new Statement(this.#database, this.sql, this.real.bind(...values));
  }

  raw(options) {
    return this.#database.call(kindOf([this]), () => this.real.raw(options));
  }
}

/** What a call does: "read", "probe" if its last statement raises what it has found, or "store". */
function kindOf(statements) {
  if (statements.at(-1).sql.includes("'PF:'")) return "probe";
  return statements.every(({ sql }) => /^\s*(SELECT|WITH|PRAGMA|EXPLAIN)\b/i.test(sql)) ? "read" : "store";
}
