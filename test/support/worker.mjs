import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions as readWorkerOptions } from "wrangler";

import { collectModules } from "./modules.mjs";
import { ADMIN, Output, Target } from "./target.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Boots the Worker in a real workerd through Miniflare, as wrangler.toml describes it, without wrangler's proxy.
 *
 * @param {object} [options]
 * @param {string} [options.wasm] the program, from the project's root ("build/app.wasm", "build/example.wasm")
 * @param {string} [options.entry] another entry module, from the project's root, that wraps worker.mjs
 * @param {string} [options.persist] a directory that keeps D1 and R2; without it they are gone at stop()
 * @param {Record<string, unknown>} [options.vars] variables and secrets, over those of wrangler.toml
 * @param {string[]} [options.without] names of bindings to leave out
 * @param {boolean} [options.admin] whether the superuser comes from POCKETFLARE_ADMIN_EMAIL and _PASSWORD
 * @param {boolean} [options.direct] ask every isolate directly, without Miniflare's entry Worker; there is no
 *   CF-Connecting-IP then
 * @param {number} [options.isolates] how many Workers share the databases; urls[0] is behind Miniflare's entry, as
 *   a real request is behind Cloudflare's; the others are asked directly
 * @param {(options: object) => object} [options.configure] last word on the options of each Worker
 * @param {object} [options.miniflare] options of the Miniflare that they share, such as inspectorPort
 * @param {string} [options.root] the project's directory
 * @returns {Promise<WorkerTarget>}
 */
export async function startWorker(options = {}) {
  const target = new WorkerTarget(options);
  await target.start();
  return target;
}

/** A running Worker. `mf` is its Miniflare; see Target for the rest. */
export class WorkerTarget extends Target {
  kind = "worker";
  mf;
  #options;
  #persist;

  constructor(options) {
    super(new Output());
    this.#options = options;
    this.#persist = options.persist ?? mkdtempSync(join(tmpdir(), "worker-"));
  }

  async start() {
    this.mf = new Miniflare(this.#miniflareOptions());
    const first = await this.mf.ready;
    const direct = await Promise.all(this.#names().map((name) => this.mf.unsafeGetDirectURL(name)));
    const urls = this.#options.direct ? direct : [first, ...direct.slice(1)];
    this.urls = urls.map((url) => url.origin);
  }

  /** Ends workerd and starts it again: every isolate is cold, the databases are as they were. */
  async restart() {
    await this.mf.dispose();
    await this.start();
  }

  /** Where D1 and R2 keep what they have. */
  get directory() {
    return this.#persist;
  }

  /** Asks the first isolate on its own socket, past Miniflare's entry Worker. */
  async directUrl() {
    return (await this.mf.unsafeGetDirectURL(this.#names()[0])).origin;
  }

  async stop() {
    await this.mf?.dispose();
    if (!this.#options.persist) rmSync(this.#persist, { recursive: true, force: true });
  }

  #names() {
    return Array.from({ length: this.#options.isolates ?? 1 }, (_, index) => `pocketflare-${index}`);
  }

  #miniflareOptions() {
    const worker = this.#workerOptions();
    return convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      log: new Log(LogLevel.NONE),
      handleStructuredLogs: ({ level, message }) => this.output.add(`[${level}] ${message}`),
      resourcePersistencePath: this.#persist,
      workers: this.#names().map((name) => ({ ...worker, name, durableObjects: this.#hubs(worker.durableObjects) })),
      ...this.#options.miniflare,
    });
  }

  /** The Durable Objects of all isolates are the first one's. */
  #hubs(objects = {}) {
    const [scriptName] = this.#names();
    return Object.fromEntries(Object.entries(objects).map(([name, object]) => [name, { ...object, scriptName }]));
  }

  #workerOptions() {
    const { wasm = "build/app.wasm", entry = "worker.mjs", vars, without = [], admin = true } = this.#options;
    const root = resolve(this.#options.root ?? ROOT);
    const { workerOptions, main } = readWorkerOptions(join(root, "wrangler.toml"), undefined, { envFiles: [] });
    if (!existsSync(main)) throw new Error(`${main} is missing`);
    const { modulesRules: _, ...options } = workerOptions;
    const adminVars = admin ? { POCKETFLARE_ADMIN_EMAIL: ADMIN.email, POCKETFLARE_ADMIN_PASSWORD: ADMIN.password } : {};
    const worker = {
      ...options,
      modulesRoot: root,
      modules: collectModules(root, entry, { "build/app.wasm": join(root, wasm) }),
      bindings: { ...options.bindings, ...adminVars, ...vars },
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    };
    for (const group of ["d1Databases", "r2Buckets", "durableObjects"]) {
      worker[group] = Object.fromEntries(Object.entries(worker[group] ?? {}).filter(([name]) => !without.includes(name)));
    }
    return this.#options.configure?.(worker) ?? worker;
  }
}
