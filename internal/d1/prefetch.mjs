// What a program will ask of a database while it starts is known before it runs: it is asked in one call while Go's own start is still to
// come, and the program's statements are answered from that.
//
// An answer is what D1 gave a moment earlier, in one consistent state. Reads of a transaction that writes are asserted when it commits, as
// always, so nothing is stored because of an answer that was no longer true.

import { keyOf } from "./query.mjs";
import { timed } from "./reads.mjs";
import { openSession } from "./session.mjs";

/**
 * @typedef {object} Plan what to ask of one database; all of it must work there, or nothing is foreseen
 * @property {{ sql: string, params: unknown[], columns?: string[] }[]} queries without columns, one that gives no row is not foreseen
 * @property {{ sql: string, column: string, keys: string }[]} lookups queries that give one row, of a 1, if their only parameter is among
 *   the texts that `keys` gives, a query of one column of binary collation
 * @property {string[]} idle statements that do nothing in a database where all others work
 */

/** The answers of one database to what a starting program asks. */
export class Prefetch {
  #scope;
  #arrival;
  #answers = null;
  #forgotten = false;

  /**
   * Asks.
   * @param {import("../host/scope.mjs").Scope} scope the event in whose context the program starts
   * @param {string} name the binding
   * @param {Plan} plan
   */
  constructor(scope, name, plan) {
    this.#scope = scope;
    this.#arrival = this.#ask(scope, name, plan);
  }

  async #ask(scope, name, plan) {
    const { queries, lookups, idle } = plan;
    try {
      const session = openSession(scope, name);
      const database = session ?? scope.env[name];
      const statements = queries.map(({ sql, params }) => database.prepare(sql).bind(...params));
      statements.push(...lookups.map(({ keys }) => database.prepare(keys)));
      const results = await timed(scope.stats, statements.length, () => database.batch(statements));
      session?.pin();
      const tables = results.map((result) => result.results);
      const answers = new Map();
      queries.forEach((query, i) => {
        const columns = tables[i].length > 0 ? Object.keys(tables[i][0]) : query.columns;
        if (columns) answers.set(keyOf(query), { columns, rows: tables[i].map(Object.values) });
      });
      const sets = lookups.map((_, i) => new Set(tables[queries.length + i].map((row) => Object.values(row)[0])));
      this.#answers = { answers, lookups: new Map(lookups.map(({ sql, column }, i) => [sql, { column, keys: sets[i] }])), idle: new Set(idle) };
    } catch {
      // An empty database, one of another version, or D1 is not well: the program asks itself, and gets the error.
    }
  }

  /**
   * The answer to a query, if it was foreseen.
   * @param {import("../host/scope.mjs").Scope} scope whose turn it is
   * @param {import("./query.mjs").Query} query
   * @returns {Promise<{ columns: string[], rows: unknown[][] } | undefined>}
   */
  async query(scope, query) {
    const known = await this.#known(scope);
    const lookup = known?.lookups.get(query.sql);
    if (lookup) return { columns: [lookup.column], rows: lookup.keys.has(query.params[0]) ? [[1]] : [] };
    return known?.answers.get(keyOf(query));
  }

  /**
   * Whether statements would do nothing. If they may do something, what was foreseen is forgotten.
   * @param {import("../host/scope.mjs").Scope} scope whose turn it is
   * @param {import("./query.mjs").Query[]} statements
   * @returns {Promise<boolean>}
   */
  async idle(scope, statements) {
    const known = await this.#known(scope);
    if (known && statements.every(({ sql }) => known.idle.has(sql))) return true;
    this.forget();
    return false;
  }

  /** Has everything from now on asked of the database. */
  forget() {
    this.#forgotten = true;
    this.#answers = null;
  }

  /** The answers, if they are there or this event can wait for them: another's promise may never settle for it. */
  async #known(scope) {
    if (scope === this.#scope) await this.#arrival;
    return this.#forgotten ? null : this.#answers;
  }
}
