/** Puts the tables of the last benchmark (build/bench.json) into docs/performance.md, between its two marks. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { render } from "./report.mjs";

const RESULTS = fileURLToPath(new URL("../../build/bench.json", import.meta.url));
const DOCUMENT = fileURLToPath(new URL("../../docs/performance.md", import.meta.url));
const START = "<!-- tables of make bench -->\n";
const END = "<!-- end of the tables -->";

const text = readFileSync(DOCUMENT, "utf8");
const from = text.indexOf(START);
const to = text.indexOf(END);
if (from < 0 || to < from) throw new Error(`${DOCUMENT} has no marks for the tables`);
const tables = render(JSON.parse(readFileSync(RESULTS, "utf8")));
writeFileSync(DOCUMENT, `${text.slice(0, from + START.length)}\n${tables}\n${text.slice(to)}`);
