// The environment variables of the program.
//
// wasm_exec.js writes them to a place of 8 KB in linear memory, where Go's runtime finds them when it starts; a Worker may have more. The
// longest are then left to environment_js.go, which asks for them when the package is initialized.

import { Writer } from "../wire/wire.mjs";

/** Bytes of that place, without what the rest of it takes. */
const ROOM = 8000;

const encoder = new TextEncoder();

/**
 * @param {Record<string, string>} variables
 * @returns {{ early: Record<string, string>, late: [string, string][] }} what the runtime is given, and what it is to ask for
 */
export function divideEnvironment(variables) {
  const sized = Object.entries(variables).map(([name, value]) => ({ name, value, size: sizeOf(name, value) }));
  sized.sort((a, b) => a.size - b.size);
  const early = {};
  const late = [];
  let used = 0;
  for (const { name, value, size } of sized) {
    if ((used += size) <= ROOM) early[name] = value;
    else late.push([name, value]);
  }
  return { early, late };
}

/** The bytes that a variable takes there: its text with a zero, at an address that 8 divides, and a pointer. */
function sizeOf(name, value) {
  return Math.ceil((encoder.encode(`${name}=${value}`).length + 1) / 8) * 8 + 8;
}

/** Answer: the variables that were left out, a name and a value in turn. */
export function lateEnvironment(runtime) {
  const reply = new Writer(256);
  for (const pair of runtime.lateEnvironment) for (const text of pair) reply.string(text);
  return reply.done();
}
