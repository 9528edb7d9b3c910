import worker from "../../worker.mjs";
export * from "../../worker.mjs";
const seen = new WeakMap();
function short(s){ return s.length>260? s.slice(0,260)+"…"+s.length : s; }
function wrap(database, name) {
  const prepare = (statement, sql, params=[]) => ({
    statement, sql, params,
    bind: (...values) => prepare(statement.bind(...values), sql, values),
    raw: (o) => { console.log(`@@ ${name} raw ${short(sql)} ${short(JSON.stringify(params))}`); return statement.raw(o); },
    all: (o) => { console.log(`@@ ${name} all ${short(sql)} ${short(JSON.stringify(params))}`); return statement.all(o); },
    run: (o) => { console.log(`@@ ${name} run ${short(sql)}`); return statement.run(o); },
  });
  return { prepare: (sql) => prepare(database.prepare(sql), sql),
    batch: (list) => { console.log(`@@ ${name} batch ${list.length}\n` + list.map((l) => `@@      - ${short(l.sql)} ${short(JSON.stringify(l.params))}`).join("\n")); return database.batch(list.map((l)=>l.statement)); } };
}
export default { ...worker, async fetch(request, env, ctx) {
  if (!seen.has(env)) seen.set(env, { ...env, APP_DB: wrap(env.APP_DB, "APP"), ...(env.TRACE_LOGS?{LOGS_DB: wrap(env.LOGS_DB,"LOGS")}:{}) });
  console.log(`@@ ==== ${request.method} ${new URL(request.url).pathname}`);
  return worker.fetch(request, seen.get(env), ctx);
} };
