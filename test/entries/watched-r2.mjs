/**
 * The Worker with a STORAGE bucket whose calls are counted. GET /r2/counts tells {"put <key>": times, …} since it was asked last; of what is
 * got whole and in part it tells "get" and "part". GET /r2/delay?put=&delete= has these calls begin so many milliseconds later from then on.
 */
import worker from "../../worker.mjs";

export * from "../../worker.mjs";

const wrapped = new WeakMap();
let counts = {};
let delays = {};

export default {
  ...worker,
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname === "/r2/delay") {
      delays = Object.fromEntries(url.searchParams);
      return new Response();
    }
    if (url.pathname === "/r2/counts") {
      const told = counts;
      counts = {};
      return Response.json(told);
    }
    if (!wrapped.has(env)) wrapped.set(env, { ...env, STORAGE: counted(env.STORAGE) });
    return worker.fetch(request, wrapped.get(env), ctx);
  },
};

function counted(bucket) {
  return new Proxy(bucket, {
    get(target, name) {
      const value = target[name];
      if (typeof value !== "function") return value;
      return async (key, ...args) => {
        const what = `${name === "get" && args[0]?.range?.length ? "part" : name} ${typeof key === "string" ? key : ""}`;
        counts[what] = (counts[what] ?? 0) + 1;
        if (delays[name]) await new Promise((resolve) => setTimeout(resolve, Number(delays[name])));
        return value.call(target, key, ...args);
      };
    },
  });
}
