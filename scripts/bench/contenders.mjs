/** The three that are measured: stock PocketBase, the floor, and the Worker. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";

import { startStock, startWorker } from "../../test/harness.mjs";

const FLOOR = ["floor.mjs", "floor-files.mjs"];
const COMPATIBILITY_DATE = "2026-11-17";

export const NAMES = ["stock", "floor", "worker"];

/**
 * Starts a contender on empty databases.
 *
 * @param {"stock" | "floor" | "worker"} name
 * @param {object} [options] of the floor or the Worker
 * @returns {Promise<{url: string, stop: () => Promise<void>}>}
 */
export async function start(name, options) {
  if (name === "stock") return startStock();
  if (name === "floor") return startFloor(options);
  return startBenchWorker(options);
}

/**
 * The Worker as wrangler.toml describes it, but for the assets: Miniflare plays their routing in Workers of its own, in front
 * of this one and on the same thread, at 0.3 ms a request that Cloudflare's network does not charge and the floor does not have.
 *
 * @param {object} [options] the harness's
 */
export function startBenchWorker(options) {
  return startWorker({ ...options, configure: ({ assets: _, ...worker }) => worker });
}

/**
 * @param {{persist?: string}} [options] a directory that keeps D1; without it the data is gone at stop()
 */
async function startFloor({ persist } = {}) {
  const directory = persist ?? mkdtempSync(join(tmpdir(), "floor-"));
  const mf = new Miniflare(convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    log: new Log(LogLevel.NONE),
    resourcePersistencePath: directory,
    workers: [{
      name: "floor",
      compatibilityDate: COMPATIBILITY_DATE,
      modules: FLOOR.map((path) => ({ type: "ESModule", path, contents: readFileSync(new URL(path, import.meta.url), "utf8") })),
      d1Databases: { APP_DB: "app", LOGS_DB: "logs" },
      r2Buckets: { STORAGE: "storage" },
    }],
  }));
  const url = (await mf.ready).origin;
  return {
    url,
    async stop() {
      await mf.dispose();
      if (!persist) rmSync(directory, { recursive: true, force: true });
    },
  };
}
