// What Go can ask for, by number; host.go has the names. Each adapter's part is beside its Go.

import { d1Call } from "../d1/d1.mjs";
import { fetchBody, fetchClose, fetchStart, fetchWrite } from "../fetch/fetch.mjs";
import { directState, fileLink } from "../files/direct.mjs";
import { fileOpen } from "../files/download.mjs";
import { uploadAbort, uploadBegin, uploadClaim } from "../files/uploads.mjs";
import { bodyClose, bodyRead, bodyWrite } from "../httpbridge/bridge.mjs";
import { realtimeCall } from "../realtime/door.mjs";
import { Reader } from "../wire/wire.mjs";
import { lateEnvironment } from "./environment.mjs";

/** The number of the call of D1. */
export const D1_CALL = 1;

/** @type {Record<number, (scope: import("./scope.mjs").Scope, payload: Uint8Array) => Promise<Uint8Array | undefined | void>>} what takes I/O */
export const OPERATIONS = {
  [D1_CALL]: d1Call,
  2: fetchStart,
  3: fetchBody,
  4: sleep,
  5: bodyRead,
  6: bodyWrite,
  7: bodyClose,
  8: fetchWrite,
  9: fetchClose,
  10: fileOpen,
  11: fileLink,
  12: uploadBegin,
  13: uploadClaim,
  14: uploadAbort,
  20: realtimeCall,
  21: realtimeCall,
  30: (scope, payload) => scope.runtime.openScratch(payload),
  31: async () => {}, // there is an event
};

/** What is about the event itself, and is not for another one to do in its place: its bodies, its object, its uploads, its connection to a hub. */
export const OWN = new Set([5, 6, 7, 10, 12, 13, 14, 21]);

/** @type {Record<number, (runtime: import("../../runtime.mjs").Runtime, payload: Uint8Array) => Uint8Array>} what is answered at once */
export const ANSWERS = {
  1: (runtime, payload) => runtime.scratch.call(payload),
  2: directState,
  3: lateEnvironment,
};

/** Operation: sleeps for f64 milliseconds. */
async function sleep(_scope, payload) {
  const milliseconds = new Reader(payload).f64();
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
