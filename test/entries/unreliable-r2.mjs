/**
 * The Worker with a STORAGE bucket whose calls fail or hang on request. POST /r2/faults with {"seed", "rate", "methods", "mode"}: from then
 * on each call of these methods does so with that probability; `rate` 1 is always, 0 never. The modes:
 *
 *   - "fail" (the default): with an error of R2's own, before or after R2 has done it, before only at a rate of 1;
 *   - "hang": it is never answered, and not done; "lost": it is done and never answered;
 *   - "late": it is done when POST /r2/release is asked, and then answered;
 *   - "stall", of get only: it is answered, and its body never comes.
 *
 * POST /r2/faults answers with how many calls were hit since the last one.
 */
import worker from "../../worker.mjs";

let faults = { rate: 0, methods: [] };
let state = 1;
let hits = 0;
let released = false;

function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

const never = () => new Promise(() => {});

const MODES = {
  async fail(call, name) {
    const after = faults.rate < 1 && random() < 0.5;
    if (after) await call();
    throw new Error(`${name}: We encountered an internal error. Please try again. (10001)`);
  },
  hang: never,
  async lost(call) {
    await call();
    return never();
  },
  async late(call) {
    while (!released) await new Promise((resolve) => setTimeout(resolve, 50));
    return call();
  },
  async stall(call) {
    const object = await call();
    if (!object?.body) return object;
    await object.body.cancel();
    const body = new ReadableStream({ type: "bytes", pull: never });
    return new Proxy(object, { get: (target, name) => ({ body, arrayBuffer: never })[name] ?? target[name] });
  },
};

function unreliable(object, wrap) {
  return new Proxy(object, {
    get(target, name) {
      const value = target[name];
      if (typeof value !== "function") return value;
      return async (...args) => {
        const hit = faults.methods.includes(name) && random() < faults.rate;
        if (hit) hits++;
        const call = () => value.apply(target, args);
        const result = await (hit ? MODES[faults.mode ?? "fail"](call, name) : call());
        return wrap.includes(name) ? unreliable(result, []) : result;
      };
    },
  });
}

let storage;

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/r2/release") {
      released = true;
      return new Response();
    }
    if (pathname === "/r2/faults") {
      const told = hits;
      hits = 0;
      released = false;
      faults = await request.json();
      state = faults.seed ?? 1;
      return Response.json({ failed: told });
    }
    storage ??= unreliable(env.STORAGE, ["createMultipartUpload"]);
    return worker.fetch(request, { ...env, STORAGE: storage }, ctx);
  },
};
