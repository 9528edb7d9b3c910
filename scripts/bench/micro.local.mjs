import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import { readFileSync } from "node:fs";
const mf = new Miniflare(convertV4MiniflareOptions({ host: "127.0.0.1", port: 0, cf: false, log: new Log(LogLevel.NONE), workers: [{ name: "m", compatibilityDate: "2026-11-17", modules: [{ type: "ESModule", path: "x.mjs", contents: readFileSync("/work/h/tmp/abl/micro.mjs", "utf8") }] }] }));
const url = await mf.ready; const names = await (await fetch(new URL("/list", url))).json();
const time = async (name, n) => { const s = performance.now(); await (await fetch(new URL(`/${name}?n=${n}`, url))).text(); return performance.now() - s; };
for (const name of names) { const n = 3000; await time(name, n); await time(name, n); const base = Math.min(await time(name, 0), await time(name, 0)); const t = []; for (let i = 0; i < 7; i++) t.push(await time(name, n)); t.sort((a, b) => a - b); console.log(name.padEnd(18), ((t[3] - base) / n * 1000).toFixed(2), "us"); }
await mf.dispose();
