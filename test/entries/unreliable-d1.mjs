/**
 * The Worker on an APP_DB that is slow or fails: D1_DELAY_MS delays each of its batches, D1_FAILURES is how many fail in an isolate before
 * the first succeeds.
 */
import worker from "../../worker.mjs";

export * from "../../worker.mjs";

const unreliable = new WeakMap();
let failures = 0;

export default {
  ...worker,
  fetch(request, env, ctx) {
    if (!unreliable.has(env)) unreliable.set(env, { ...env, APP_DB: wrap(env.APP_DB, env) });
    return worker.fetch(request, unreliable.get(env), ctx);
  },
};

function wrap(database, { D1_DELAY_MS = 0, D1_FAILURES = 0 }) {
  return {
    prepare: (sql) => database.prepare(sql),
    async batch(statements) {
      if (D1_DELAY_MS) await new Promise((resume) => setTimeout(resume, Number(D1_DELAY_MS)));
      if (failures++ < D1_FAILURES) throw new Error("D1_ERROR: Network connection lost.");
      return database.batch(statements);
    },
  };
}
