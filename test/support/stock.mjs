import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ADMIN, Output, Target } from "./target.mjs";
import { ROOT } from "./worker.mjs";

const BOOT_MILLISECONDS = 60_000;
const built = new Set();

/**
 * Builds the same main.go natively, which is a stock PocketBase, and serves it from an empty directory.
 *
 * @param {object} [options]
 * @param {boolean} [options.example] serve the example app in place of main.go
 * @param {Record<string, string>} [options.vars] variables of its environment
 * @param {boolean} [options.admin] whether it has a superuser; without one it prints the link to make the first
 * @returns {Promise<StockTarget>}
 */
export async function startStock(options = {}) {
  const target = new StockTarget(options);
  await target.start();
  return target;
}

/** A running stock PocketBase. See Target. */
export class StockTarget extends Target {
  kind = "stock";
  #options;
  #directory = mkdtempSync(join(tmpdir(), "stock-"));
  #process;

  constructor(options) {
    super(new Output());
    this.#options = options;
  }

  async start() {
    const binary = build(this.#options.example);
    const directory = join(this.#directory, "pb_data");
    if (this.#options.admin ?? true) {
      execFileSync(binary, ["superuser", "upsert", ADMIN.email, ADMIN.password, "--dir", directory]);
    }
    while (!(await this.#serve(binary, directory, await freePort())));
  }

  /** Answers whether it serves; false if something else has taken the port since it was free. */
  async #serve(binary, directory, port) {
    const mark = this.output.mark();
    this.urls = [`http://127.0.0.1:${port}`];
    this.#process = spawn(binary, ["serve", "--dir", directory, "--http", `127.0.0.1:${port}`], {
      cwd: this.#directory,
      env: { ...process.env, ...this.#options.vars },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.on("data", (data) => this.output.add(String(data)));
    }
    const closed = once(this.#process, "close");
    if (await this.#healthy(mark)) return true;
    await this.#end();
    await closed;
    if (this.output.since(mark).includes("address already in use")) return false;
    throw new Error(`stock PocketBase did not start:\n${this.output.since()}`);
  }

  /** Ends the process and starts it again on the same data. */
  async restart() {
    await this.#end();
    await this.start();
  }

  async stop() {
    await this.#end();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #end() {
    if (!this.#process || this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  /** Waits until it serves; false if it has ended, or time is up. It says when it has the port: another may answer there before. */
  async #healthy(mark) {
    const deadline = Date.now() + BOOT_MILLISECONDS;
    while (Date.now() < deadline && this.#process.exitCode === null) {
      if (this.output.since(mark).includes("Server started at")) {
        const response = await fetch(`${this.url}/api/health`).catch(() => undefined);
        if (response?.ok) return true;
      }
      await new Promise((resume) => setTimeout(resume, 50));
    }
    return false;
  }
}

function build(example) {
  const binary = join(ROOT, "build", example ? "stock-example" : "stock");
  if (built.has(binary)) return binary;
  execFileSync("go", ["build", "-o", binary, example ? "./test/example" : "."], { cwd: ROOT, stdio: ["ignore", 2, 2] });
  built.add(binary);
  return binary;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
