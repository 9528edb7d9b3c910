// Go looks for what a js.Func has left each time it goes on. There is hardly ever anything, and to find that out by the property's name, a text in
// Go's memory, takes longer than all else of going on.

// How wasm_exec.js passes values by reference: a NaN whose lower half is the value's number.
const REFERENCE_HEAD = 0x7ff80000;
const NULL_REFERENCE = 2;
const GO_REFERENCE = 6;

/** Go's own object has no other property with a name as long as this. */
const NAME_LENGTH = "_pendingEvent".length;

/** @param {object} go the program's Go @returns {object} its import functions */
export function pendingEventImports(go) {
  const get = go.importObject.gojs["syscall/js.valueGet"];
  return {
    "syscall/js.valueGet": (sp) => {
      sp >>>= 0;
      if (go._pendingEvent === null && go.mem.getUint32(sp + 8, true) === GO_REFERENCE && go.mem.getUint32(sp + 24, true) === NAME_LENGTH) {
        go.mem.setUint32(sp + 32, NULL_REFERENCE, true);
        go.mem.setUint32(sp + 36, REFERENCE_HEAD, true);
      } else {
        get(sp);
      }
    },
  };
}
