/** The Worker in events that end with their response or their client: the platform keeps none alive, as it does after 30 s. */
import worker from "../../worker.mjs";

export * from "../../worker.mjs";

export default {
  ...worker,
  fetch: (request, env) => worker.fetch(request, env, { waitUntil() {} }),
};
