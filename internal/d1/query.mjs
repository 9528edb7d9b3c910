/** @typedef {{ sql: string, params: unknown[] }} Query a statement, with the values of its parameters */

/** @param {Query} query @returns {string} which other queries do not have */
export function keyOf({ sql, params }) {
  return `${sql}\0${JSON.stringify(params)}`;
}

/** @param {Query} a @param {Query} b */
export function isSame(a, b) {
  return a.sql === b.sql && a.params.length === b.params.length && a.params.every((value, i) => value === b.params[i]);
}
