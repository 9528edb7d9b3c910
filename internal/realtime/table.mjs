// The table _pf_realtime: by it every commit learns, at no round trip of its own, whether anyone listens and which version of the
// listeners' sets holds. Each hub has a row.

const CREATE = `CREATE TABLE IF NOT EXISTS _pf_realtime (
  shard INTEGER PRIMARY KEY, version INTEGER NOT NULL, sets INTEGER NOT NULL, seq INTEGER NOT NULL
)`;

const PUBLISH = `INSERT INTO _pf_realtime (shard, version, sets, seq) VALUES (?, ?, ?, 0)
ON CONFLICT (shard) DO UPDATE SET version = excluded.version, sets = excluded.sets RETURNING seq`;

const COMMIT = "UPDATE _pf_realtime SET seq = seq + 1 WHERE sets > 0 RETURNING shard, version, seq";

const LOOK = "SELECT shard, version, 0 AS seq FROM _pf_realtime WHERE sets > 0";

const MISSING = /no such table: (main\.)?_pf_realtime/;

/** @typedef {{ shard: number, version: number, seq: number }} Row of a hub that has listeners */

/**
 * Tells the state of a hub's sets.
 * @param {D1Database} database
 * @returns {Promise<number>} the number of the last commit before it
 */
export async function publish(database, { shard, version, sets }) {
  const row = database.prepare(PUBLISH).bind(shard, version, sets);
  const [, { results }] = await database.batch([database.prepare(CREATE), row]);
  return results[0].seq;
}

/** Tells whether the database still has what was published. @param {D1Database} database @returns {Promise<boolean>} */
export async function isPublished(database, { shard, version, sets }) {
  try {
    const row = await database.prepare("SELECT version, sets FROM _pf_realtime WHERE shard = ?").bind(shard).first();
    return row?.version === version && row.sets === sets;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** The statement that makes the table. */
export function createStatement(database) {
  return database.prepare(CREATE);
}

/** The statement that takes the commit's number from each hub with listeners. It is the last of the batch that is stored. */
export function commitStatement(database) {
  return database.prepare(COMMIT);
}

/** The statement that only looks. */
export function lookStatement(database) {
  return database.prepare(LOOK);
}

/** @param {Error} error @returns {boolean} whether it means that the table is not there, so that nothing was stored */
export function isMissing(error) {
  return MISSING.test(error?.message);
}
