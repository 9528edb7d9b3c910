import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import { readFileSync } from "node:fs";
for (let i = 0; i < 2; i++) {
const mf = new Miniflare(convertV4MiniflareOptions({ host: "127.0.0.1", port: 0, cf: false, log: new Log(LogLevel.WARN), workers: ["a","b"].map(name=>({ name, compatibilityDate: "2026-11-17", bindings: { TXT: "hello" }, modules: [{ type: "ESModule", path: "x.mjs", contents: readFileSync("/work/h/tmp/gs/w.mjs", "utf8") }] })) }));
console.log(await (await fetch(await mf.ready)).json()); console.log(await (await (await mf.getWorker("b")).fetch("http://x/")).json().then(x=>x.random)); await mf.dispose(); }
