/**
 * The Worker with a hub that prints when it wakes, counts its calls, and can be told to let them wait. /hub/abort ends it as the platform does
 * when it moves or updates one.
 */
import worker, { RealtimeHub as Hub } from "../../worker.mjs";

export class RealtimeHub extends Hub {
  #seen = { changes: 0, look: 0, deliver: 0, messages: 0 };
  #hold = null;

  constructor(ctx, env) {
    super(ctx, env);
    console.log("the hub is awake");
  }

  async changes(...args) {
    await this.#count("changes");
    return super.changes(...args);
  }

  async look() {
    await this.#count("look");
    return super.look();
  }

  async deliver(delivery) {
    for (const { messages } of delivery.parts) this.#seen.messages += messages.length;
    await this.#count("deliver");
    return super.deliver(delivery);
  }

  async #count(call) {
    this.#seen[call] += 1;
    await this.#hold?.promise;
  }

  /** The keys of what it has stored. */
  kept() {
    return Array.from(this.ctx.storage.kv.list(), ([key]) => key);
  }

  abort() {
    this.ctx.abort("the hub is ended");
  }

  /** Has calls wait until release(). */
  hold() {
    this.#hold = Promise.withResolvers();
  }

  release() {
    this.#hold.resolve();
    this.#hold = null;
  }

  /** What was counted since it was last asked. */
  seen() {
    const seen = this.#seen;
    this.#seen = { changes: 0, look: 0, deliver: 0, messages: 0 };
    return seen;
  }
}

const ASKED = /\/hub\/(abort|hold|kept|release|seen)$/;

export default {
  ...worker,
  async fetch(request, env, ctx) {
    const [, method] = ASKED.exec(request.url) ?? [];
    if (!method) return worker.fetch(request, env, ctx);
    const answer = env.REALTIME_DO.get(env.REALTIME_DO.idFromName("hub-0"))[method]();
    return Response.json((await (method === "abort" ? answer.catch(() => {}) : answer)) ?? null);
  },
};
