// Which hub a client belongs to.

import { countSetting } from "../host/settings.mjs";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 40;

/** The highest number of hubs. */
const MAX_SHARDS = 64;

/** @param {object} env an event's bindings @returns {number} of hubs */
export function shardCount(env) {
  return countSetting(env, "POCKETFLARE_REALTIME_SHARDS", 1, MAX_SHARDS);
}

/** @param {object} env @param {string} id a client's @returns {number} */
export function shardOf(env, id) {
  const count = shardCount(env);
  if (count === 1) return 0;
  let hash = 2166136261;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 16777619);
  return (hash >>> 0) % count;
}

/** @param {object} env @param {number} shard @returns {DurableObjectStub} */
export function hub(env, shard) {
  return env.REALTIME_DO.get(env.REALTIME_DO.idFromName(`hub-${shard}`));
}

/** A client's id, of PocketBase's form. @returns {string} */
export function newClientId() {
  let id = "";
  while (id.length < ID_LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(ID_LENGTH))) {
      if (byte < 248 && id.length < ID_LENGTH) id += ALPHABET[byte % 62];
    }
  }
  return id;
}
