/** Says where a CPU profile's time went: by kind of work, by Go package, by function alone and with what it called. */
import { median, sum } from "./stats.mjs";

/** What Go's runtime does on behalf of the program, by the names of its functions. */
const RUNTIME_KINDS = [
  ["Go: garbage collection", /gcDrain|scan(object|stack|block|frame|Object|ObjectsSmall|span)|greyobject|gcAssist|[sS]weep|markroot|findObject|wbBuf|gcWork|gcBg|gcStart|gcMark|spanQueue|tryDefer|bulkBarrier|typePointers|heapBits|markBits|mspan|bgscavenge|scavenge/],
  ["Go: allocation", /malloc|nextFree|memclr|newobject|makeslice|growslice|mcache|mcentral|mheap|addspecial|finalizer|cleanup/i],
  ["Go: stack growth and unwinding", /copystack|adjust|pcvalue|\.step|getStackMap|newstack|morestack|unwind|funcdata|stackalloc|stackfree|pcdatavalue|findfunc|funcspdelta|funcMaxSPDelta|gentraceback|tracebackPCs|stackmap/i],
  ["Go: scheduler", /schedule|findRunnable|gopark|goready|park|wasm_pc|execute|runq|casgstatus|newproc|mcall|systemstack|gogo|selectgo|chan|sudog|sema|lock|wakep|checkTimers|timers|timer|goexit|gfget|gfput|beforeIdle|handleEvent|handleAsync/i],
  ["Go: maps", /map(access|assign|delete|iter)|hash/i],
];

/** The functions that somebody other than Go's authors has written. */
const OWNERS = /^(?:github\.com_|pocketflare_|main\.)/;

/**
 * @param {object} profile as .cpuprofile files have it
 * @param {number} requests that were served meanwhile
 * @param {number} [top] how many lines of each list
 * @returns {string} microseconds a request
 */
export function summarize(profile, requests, top = 40) {
  const samples = readSamples(profile);
  const busy = samples.filter(({ leaf }) => leaf.name !== "(idle)");
  const all = sum(busy.map(({ time }) => time));
  const list = (title, totals, limit = top) => {
    const rows = [...totals].sort((a, b) => b[1] - a[1]).slice(0, limit);
    const lines = rows.map(([name, time]) => `${(time / requests).toFixed(1).padStart(9)} ${((100 * time) / all).toFixed(1).padStart(5)} %  ${name}`);
    return [title, ...lines, ""].join("\n");
  };
  return [
    `${requests} requests, ${(all / requests).toFixed(0)} µs each in the isolate (idle time left out)\n`,
    list("By kind of work (self):", totalsBy(busy, ({ leaf }) => kindOf(leaf))),
    list("By Go package or JavaScript module (self):", totalsBy(busy, ({ leaf }) => leaf.place), 30),
    list("By PocketBase's, dbx's or the project's function, with what it called of the standard library and the runtime:", totalsBy(busy, nearestOwner)),
    list("By function (self):", totalsBy(busy, ({ leaf }) => leaf.name)),
    list("By function, with what it called on the same stack:", inclusive(busy), top * 2),
  ].join("\n");
}

/** Each sample as the functions on its stack, the innermost first, and the microseconds it stands for. */
function readSamples({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, { ...describe(node.callFrame), parent: undefined }]));
  for (const node of nodes) for (const child of node.children ?? []) byId.get(child).parent = byId.get(node.id);
  // Each counts for one interval: where samples are far apart another isolate or process had the processor.
  const interval = median(timeDeltas);
  return samples.map((id) => ({ leaf: byId.get(id), time: interval }));
}

function describe({ functionName, url }) {
  if (url.startsWith("wasm:")) return { name: functionName, place: packageOf(functionName), go: true };
  const file = url.split("/").at(-1);
  const name = functionName || "(anonymous)";
  return file === "" ? { name, place: "(native)", go: false } : { name: `${name} (${file})`, place: file, go: false };
}

/** `net_http.HandlerFunc` is of net/http; a domain's dots are not the package's end. */
function packageOf(name) {
  return /^(?:(?:github\.com|golang\.org|modernc\.org|gopkg\.in)_)?[^.]*/.exec(name)[0];
}

function kindOf({ name, place, go }) {
  if (!go) return place === "(native)" ? `native: ${name}` : `JavaScript: ${place}`;
  if (!/^(runtime|internal_runtime|gcWriteBarrier|callRet|_rt0|wasm_|memeqbody|cmpbody|aeshash)/.test(place)) return "Go: the program";
  return RUNTIME_KINDS.find(([, pattern]) => pattern.test(name))?.[0] ?? "Go: the rest of the runtime";
}

/** The innermost function on the stack that is neither the standard library's nor the runtime's. */
function nearestOwner({ leaf }) {
  for (let at = leaf; at; at = at.parent) if (OWNERS.test(at.name)) return at.name;
  return leaf.go ? "(Go, on no such function's stack)" : leaf.name;
}

function totalsBy(samples, key) {
  const totals = new Map();
  for (const sample of samples) {
    const name = key(sample);
    totals.set(name, (totals.get(name) ?? 0) + sample.time);
  }
  return totals;
}

function inclusive(samples) {
  const totals = new Map();
  for (const { leaf, time } of samples) {
    const names = new Set();
    for (let at = leaf; at; at = at.parent) names.add(at.name);
    for (const name of names) totals.set(name, (totals.get(name) ?? 0) + time);
  }
  return totals;
}
