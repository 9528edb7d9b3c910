// Which program an isolate runs, so that the hub can remember what it knows of it.

import appWasm from "../../build/app.wasm";
import { variables } from "../host/settings.mjs";

let known;

/**
 * A digest of the build's id and of the variables, which a program may look at before it binds its handlers.
 * @param {object} env
 * @returns {Promise<string | null>} null if the program cannot be told from others
 */
export async function programOf(env) {
  return (known ??= await digestOf(env));
}

async function digestOf(env) {
  const [build] = WebAssembly.Module.customSections(appWasm, "go:buildid");
  if (!build) return null;
  const text = new TextDecoder().decode(build) + JSON.stringify(Object.entries(variables(env)).sort());
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
