// Reads that Go starts in the same turn travel as one batch.
//
// A batch gives its rows as objects: equal names of columns are lost, names like integers come first, and a result without rows has no
// names. So a read takes part in one only when its columns are known from an earlier answer and are none of these; others go by
// themselves, at the same time.

/** Shapes whose columns are remembered. */
const MAX_SHAPES = 512;

/** Names that an object does not keep in their place. */
const UNFIT_NAME = /^(\d+|__proto__)$/;

/** What D1's errors end with if they are a statement's own. */
const STATEMENT_ERROR = /: SQLITE_\w+( \(extended: \w+\))?$/;

/** The columns of each database's queries, by shape; null where they do not survive a batch. */
const columnsOf = new WeakMap();

/**
 * The reads of one event (scope) from one database.
 *
 * Whatever else an event wants to read from the database joins the next call by add(), without a round trip of its own if there is one.
 */
export class ReadQueue {
  #database;
  #stats;
  #columns;
  #waiting = [];

  /**
   * @param {D1Database} database runs the statements
   * @param {{ d1Calls: number, d1Statements: number, d1Milliseconds: number }} stats the event's
   * @param {object} binding the database whose columns are remembered
   */
  constructor(database, stats, binding = database) {
    this.#database = database;
    this.#stats = stats;
    this.#columns = columnsOf.get(binding);
    if (!this.#columns) columnsOf.set(binding, (this.#columns = new Map()));
  }

  /**
   * Sends a read when Go's turn is over, together with the others of that turn.
   *
   * @param {D1PreparedStatement} statement
   * @param {number} shape the same number for queries with the same columns, 0 for one that goes alone
   * @returns {Promise<{ columns: string[], rows: unknown[][] }>}
   */
  add(statement, shape) {
    const read = { statement, shape, columns: this.#columns.get(shape), ...Promise.withResolvers() };
    // In the event's own context, since this is called there.
    if (this.#waiting.push(read) === 1) queueMicrotask(() => this.#send());
    return read.promise;
  }

  #send() {
    const reads = this.#waiting;
    this.#waiting = [];
    const fit = reads.length > 1 ? reads.filter(({ columns }) => columns) : [];
    if (fit.length > 1) this.#together(fit);
    for (const read of reads) if (fit.length < 2 || !read.columns) this.#alone(read);
  }

  async #alone(read) {
    try {
      const table = await timed(this.#stats, 1, () => read.statement.raw({ columnNames: true }));
      const columns = table[0] ?? [];
      this.#remember(read.shape, columns);
      read.resolve({ columns, rows: table.slice(1) });
    } catch (error) {
      read.reject(error);
    }
  }

  async #together(reads) {
    try {
      const results = await timed(this.#stats, reads.length, () => this.#database.batch(reads.map(({ statement }) => statement)));
      for (const [i, read] of reads.entries()) this.#settle(read, results[i].results);
    } catch (error) {
      // The error of one statement is not the others'.
      if (STATEMENT_ERROR.test(error.message)) for (const read of reads) this.#alone(read);
      else for (const read of reads) read.reject(error);
    }
  }

  #settle(read, objects) {
    const { columns } = read;
    if (objects.length > 0 && !hasKeys(objects[0], columns)) this.#alone(read);
    else read.resolve({ columns, rows: objects.map(Object.values) });
  }

  #remember(shape, columns) {
    if (shape === 0) return;
    if (this.#columns.size >= MAX_SHAPES) this.#columns.clear();
    const fits = columns.length > 0 && new Set(columns).size === columns.length && !columns.some((name) => UNFIT_NAME.test(name));
    this.#columns.set(shape, fits ? columns : null);
  }
}

/**
 * Makes one call of D1 and counts it.
 *
 * @template T
 * @param {{ d1Calls: number, d1Statements: number, d1Milliseconds: number }} stats
 * @param {number} statements
 * @param {() => Promise<T>} call
 * @returns {Promise<T>}
 */
export async function timed(stats, statements, call) {
  stats.d1Calls += 1;
  stats.d1Statements += statements;
  const start = performance.now();
  try {
    return await call();
  } finally {
    stats.d1Milliseconds += performance.now() - start;
  }
}

function hasKeys(object, columns) {
  const keys = Object.keys(object);
  return keys.length === columns.length && columns.every((name, i) => keys[i] === name);
}
