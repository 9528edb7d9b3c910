/**
 * The Worker with a STORAGE bucket that tells in the header X-R2 which of its methods a request has called until it was answered, in their
 * order. One request at a time.
 */
import worker from "../../worker.mjs";

export * from "../../worker.mjs";

let calls = [];
let storage;

function counted(object) {
  return new Proxy(object, {
    get(target, name) {
      const value = target[name];
      if (typeof value !== "function") return value;
      return async (...args) => {
        calls.push(name);
        const result = await value.apply(target, args);
        return name === "createMultipartUpload" ? counted(result) : result;
      };
    },
  });
}

export default {
  ...worker,
  async fetch(request, env, ctx) {
    storage ??= counted(env.STORAGE);
    calls = [];
    const response = await worker.fetch(request, { ...env, STORAGE: storage }, ctx);
    const headers = new Headers(response.headers);
    headers.set("X-R2", calls.join(","));
    return new Response(response.body, { status: response.status, headers });
  },
};
