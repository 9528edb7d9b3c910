/**
 * The Worker on databases that tell in the header X-D1-Rounds how many round trips to APP_DB a request has waited for: calls that are on
 * their way at the same time are one. One request at a time. D1_DELAY_MS makes each call take longer.
 */
import worker from "../../worker.mjs";

export * from "../../worker.mjs";

const counted = new WeakMap();
let answered = 0;

export default {
  ...worker,
  async fetch(request, env, ctx) {
    if (!counted.has(env)) counted.set(env, { ...env, APP_DB: wrap(env.APP_DB, Number(env.D1_DELAY_MS ?? 0)) });
    answered = 0;
    const response = await worker.fetch(request, counted.get(env), ctx);
    const headers = new Headers(response.headers);
    headers.set("X-D1-Rounds", String(answered));
    return new Response(response.body, { status: response.status, headers });
  },
};

function wrap(database, delay) {
  const prepare = (statement) => ({
    statement,
    bind: (...values) => prepare(statement.bind(...values)),
    raw: (options) => round(statement.raw(options), delay),
  });
  return {
    prepare: (sql) => prepare(database.prepare(sql)),
    batch: (statements) => round(database.batch(statements.map(({ statement }) => statement)), delay),
  };
}

/** A call is in the round after the last that was answered when it was made. */
async function round(call, delay) {
  const own = answered + 1;
  try {
    if (delay) await new Promise((resume) => setTimeout(resume, delay));
    return await call;
  } finally {
    answered = Math.max(answered, own);
  }
}
