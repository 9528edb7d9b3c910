/** The Worker on a clock that goes on by so many milliseconds at once on POST /_jump?ms=, as it does for an isolate that was kept from running. */
const now = performance.now.bind(performance);
let ahead = 0;
performance.now = () => now() + ahead;

const { default: worker, RealtimeHub } = await import("../../worker.mjs");

export { RealtimeHub };

export default {
  ...worker,
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/_jump") return worker.fetch(request, env, ctx);
    ahead += Number(searchParams.get("ms"));
    return new Response(String(performance.now()));
  },
};
