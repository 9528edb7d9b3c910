/** The Worker with a hub that prints when it wakes, and that /hub/abort ends as the platform does when it moves or updates one. */
import worker, { RealtimeHub as Hub } from "../../worker.mjs";

export class RealtimeHub extends Hub {
  constructor(ctx, env) {
    super(ctx, env);
    console.log("the hub is awake");
  }

  abort() {
    this.ctx.abort("the hub is ended");
  }
}

export default {
  ...worker,
  async fetch(request, env, ctx) {
    if (!request.url.endsWith("/hub/abort")) return worker.fetch(request, env, ctx);
    const hub = env.REALTIME_DO.get(env.REALTIME_DO.idFromName("hub-0"));
    await hub.abort().catch(() => {});
    return new Response(null, { status: 204 });
  },
};
