/**
 * The Worker of watched-r2.mjs with an IMAGES binding that is counted and that fails on request. GET /images?mode= tells how often it was
 * asked since, and has it work from then on as `mode` says: "" as it is, "refuse", "hang", "other" gives another size than is asked of
 * it, "slow" takes a second longer, "cut" breaks off in the middle of its answer, "none" is no binding at all.
 */
import worker from "./watched-r2.mjs";

export * from "./watched-r2.mjs";

const wrapped = new Map();
let mode = "";
let asked = 0;

export default {
  ...worker,
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname === "/images") {
      const told = asked;
      asked = 0;
      mode = url.searchParams.get("mode");
      return Response.json(told);
    }
    const images = mode === "none" ? undefined : unreliable(env.IMAGES);
    const key = String(mode === "none");
    if (!wrapped.has(key)) wrapped.set(key, { ...env, IMAGES: images });
    return worker.fetch(request, wrapped.get(key), ctx);
  },
};

function unreliable(images) {
  return {
    input: (stream) => ({
      transform: (options) => ({
        async output(format) {
          asked++;
          if (mode === "refuse") {
            await stream.cancel();
            throw Object.assign(new Error("IMAGES_TRANSFORM_ERROR 9422: the quota is used up"), { code: 9422 });
          }
          if (mode === "hang") return new Promise(() => {});
          if (mode === "slow") await new Promise((resolve) => setTimeout(resolve, 1000));
          const given = mode === "other" ? { ...options, width: options.width + 1 } : options;
          const result = await images.input(stream).transform(given).output(format);
          return mode === "cut" ? { image: () => cut(result.image()) } : result;
        },
      }),
    }),
  };
}

function cut(stream) {
  const reader = stream.getReader();
  return new ReadableStream({
    async pull(controller) {
      controller.enqueue((await reader.read()).value.slice(0, 50));
      controller.error(new Error("the connection was lost"));
    },
  });
}
