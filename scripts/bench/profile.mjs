/**
 * Profiles the Worker's isolate while it serves an operation at 16 connections, and says where the time goes, with Go's
 * function names. Usage: node scripts/bench/profile.mjs [operation…] (default: health view list create). The profiles
 * are in build/<operation>.cpuprofile, for Chrome's DevTools.
 *
 * PROFILE_CONNECTIONS and PROFILE_SECONDS change the 16 connections and the 5 seconds.
 */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "../../test/harness.mjs";
import { startBenchWorker } from "./contenders.mjs";
import { seed } from "./fixtures.mjs";
import { summarize } from "./hotspots.mjs";
import { Inspector } from "./inspector.mjs";
import { load } from "./load.mjs";
import { OPERATIONS } from "./operations.mjs";

const CONNECTIONS = Number(process.env.PROFILE_CONNECTIONS ?? 16);
const MILLISECONDS = Number(process.env.PROFILE_SECONDS ?? 5) * 1000;
const WASM = "build/profile.wasm";

await main(process.argv.slice(2));

async function main(names) {
  const chosen = names.length > 0 ? names : ["health", "view", "list", "create"];
  buildWithNames();
  const server = await startBenchWorker({ wasm: WASM, miniflare: { inspectorPort: 0 } });
  try {
    const fixtures = await seed(server.url);
    const inspector = await Inspector.connect(server.mf, "pocketflare-0");
    for (const name of chosen) {
      const operation = OPERATIONS.find((one) => one.name === name);
      if (!operation) throw new Error(`no operation ${name}`);
      await profile(operation, server, fixtures, inspector);
    }
    inspector.close();
    await fixtures.api.close();
  } finally {
    await server.stop();
  }
}

/** The Worker's build strips the names of functions; this one keeps them. */
function buildWithNames() {
  execFileSync("go", ["build", "-tags", "no_default_driver,no_ui", "-trimpath", "-o", WASM, "."], {
    cwd: ROOT,
    env: { ...process.env, GOTOOLCHAIN: "auto", GOOS: "js", GOARCH: "wasm" },
    stdio: ["ignore", 2, 2],
  });
}

async function profile(operation, server, fixtures, inspector) {
  const block = operation.parallel || operation.sequential;
  const run = async () => load(server.url, CONNECTIONS, await operation.requests(fixtures, block));
  await run(); // to have the code compiled
  let requests = 0;
  let failures = 0;
  let milliseconds = 0;
  const recorded = await inspector.profile(async () => {
    while (milliseconds < MILLISECONDS) {
      const result = await run();
      milliseconds += result.milliseconds;
      requests += result.latencies.length;
      failures += result.failures.length;
    }
  });
  writeFileSync(join(ROOT, "build", `${operation.name}.cpuprofile`), JSON.stringify(recorded));
  const rate = Math.round((requests / milliseconds) * 1000);
  process.stdout.write(`## ${operation.title}, ${CONNECTIONS} connections, ${rate} requests a second, ${failures} failures\n`);
  process.stdout.write(`${summarize(recorded, requests)}\n`);
}
