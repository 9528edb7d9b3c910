import { existsSync, readFileSync } from "node:fs";
import { dirname, extname, join, relative, resolve } from "node:path";

const IMPORT = /^\s*(?:import|export)\b(?:[^"';=]*?\bfrom)?\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;
const TYPES = { ".mjs": "ESModule", ".js": "ESModule", ".wasm": "CompiledWasm" };

/**
 * Follows the imports of a Worker from its entry, as wrangler does when it uploads one.
 *
 * @param {string} root the project's directory; a module's name is its path from there
 * @param {string} entry path of the entry module from root
 * @param {Record<string, string>} contents paths from root, each with the file to read in its place
 * @returns {Array<{type: string, path: string, contents: string | Uint8Array}>} the entry first
 */
export function collectModules(root, entry, contents = {}) {
  const modules = new Map();
  const visit = (path) => {
    if (modules.has(path)) return;
    const type = TYPES[extname(path)];
    const source = contents[relative(root, path)] ?? path;
    if (!type) throw new Error(`${path}: no module type for this extension`);
    if (!existsSync(source)) throw new Error(`${source} is missing: build it first (make build)`);
    const isText = type === "ESModule";
    const text = readFileSync(source, isText ? "utf8" : undefined);
    modules.set(path, { type, path, contents: text });
    if (isText) importsOf(text).forEach((name) => visit(resolve(dirname(path), name)));
  };
  visit(join(root, entry));
  return [...modules.values()];
}

/** The relative imports of a module; others ("cloudflare:sockets", "node:buffer") are the runtime's own. */
function importsOf(source) {
  const names = [...source.matchAll(IMPORT)].map((match) => match[1] ?? match[2]);
  return names.filter((name) => name.startsWith("."));
}
