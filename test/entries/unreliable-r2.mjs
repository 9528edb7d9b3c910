/**
 * The Worker with a STORAGE bucket whose calls fail on request. POST /r2/faults with {"seed", "rate", "methods"}: from then on each
 * call of these methods fails with that probability, before or after R2 has done it; `rate` 1 is always, 0 never.
 */
import worker from "../../worker.mjs";

let faults = { rate: 0, methods: [] };
let state = 1;
let failed = 0;

function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

function unreliable(object, wrap) {
  return new Proxy(object, {
    get(target, name) {
      const value = target[name];
      if (typeof value !== "function") return value;
      return async (...args) => {
        const hit = faults.methods.includes(name) && random() < faults.rate;
        const after = hit && faults.rate < 1 && random() < 0.5;
        if (hit) failed++;
        if (hit && !after) throw new Error(`${name}: We encountered an internal error. Please try again. (10001)`);
        const result = await value.apply(target, args);
        if (after) throw new Error(`${name}: We encountered an internal error. Please try again. (10001)`);
        return wrap.includes(name) ? unreliable(result, []) : result;
      };
    },
  });
}

let storage;

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/r2/faults") {
      const told = failed;
      failed = 0;
      faults = await request.json();
      state = faults.seed ?? 1;
      return Response.json({ failed: told });
    }
    storage ??= unreliable(env.STORAGE, ["createMultipartUpload"]);
    return worker.fetch(request, { ...env, STORAGE: storage }, ctx);
  },
};
