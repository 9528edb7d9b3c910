import { start } from "./contenders.mjs";
import { seed } from "./fixtures.mjs";
import { load } from "./load.mjs";
import { OPERATIONS } from "./operations.mjs";
import { childProcesses, cpuMilliseconds } from "./process.mjs";
const [which, name, block, blocks, ...extra] = process.argv.slice(2);
const before = new Set(childProcesses());
const server = await start(which, extra.length ? JSON.parse(extra[0]) : undefined);
const pid = childProcesses().find((id) => !before.has(id));
const fixtures = await seed(server.url, { floor: which === "floor" });
const op = OPERATIONS.find((o) => o.name === name);
const plan = { view: "1/2", list: "1/3", create: "1/4" }[name];
for (let i = 0; i < Number(blocks); i++) {
  let requests = await op.requests(fixtures, Number(block));
  if (which === "floor" && plan) requests = requests.map((r) => ({ ...r, headers: { ...r.headers, "x-d1": plan } }));
  const c = cpuMilliseconds(pid);
  const r = await load(server.url, 16, requests);
  console.log(i, ((cpuMilliseconds(pid) - c) / block).toFixed(3), "ms CPU", Math.round(block / r.milliseconds * 1000), "rps", r.failures.length);
}
await fixtures.api.close();
await server.stop();
