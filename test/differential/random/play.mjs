/** Playing the same requests to stock PocketBase and to the Worker, until they answer differently. */
import { Conversation, unlike } from "../../support/differential.mjs";
import { Dice } from "./dice.mjs";
import { Sequence } from "./sequence.mjs";

/** What both have before each sequence. A Worker's batch is smaller by itself, and its first settings are its own. */
const SETTINGS = {
  meta: { appName: "Random", appURL: "http://app.example", hideControls: false },
  trustedProxy: { headers: ["CF-Connecting-IP"], useLeftmostIP: false },
  batch: { enabled: true, maxRequests: 50, timeout: 30, maxBodySize: 32 << 20 },
  logs: { maxDays: 5 },
  smtp: { enabled: false, host: "smtp.example.com" },
};

/** The one collection that stays. */
const KEPT = { id: "id_kept", name: "kept", type: "base", fields: [{ id: "id_kept_note", name: "note", type: "text" }] };

/** Ids that the sequences choose. */
const isOurs = (id) => /^(rec\d{12}|missing\d{8})$/.test(id);

/**
 * Plays so many random requests and reads everything at the end.
 *
 * @param {[import("../../support/target.mjs").Target, import("../../support/target.mjs").Target]} targets stock and the Worker
 * @param {number} seed
 * @param {number} steps
 * @param {(difference: string) => void} found is told of a difference as soon as it is seen
 * @returns {Promise<string | undefined>} what differs, with the fewest requests that show it
 */
export async function playRandom(targets, seed, steps, found) {
  const sequence = new Sequence(new Dice(seed));
  const sent = [];
  const source = {
    next: () => (sent.length < steps ? sequence.next() : sequence.content()[sent.length - steps]),
    told: (request, answer) => {
      sent.push(request);
      if (answer.status < 300) request.applied?.(answer.body);
    },
  };
  const difference = await play(targets, source);
  if (!difference) return undefined;
  found(report(seed, { requests: [difference.request], ...difference }));
  return report(seed, await shrink(targets, sent, difference));
}

/** Plays what source gives. @returns {Promise<{request: object, differences: string[]} | undefined>} */
async function play(targets, source) {
  await Promise.all(targets.map(reset));
  const conversations = await Promise.all(
    targets.map(async (target) => new Conversation(target, { tokens: { admin: (await target.admin()).authStore.token }, kept: isOurs })),
  );
  for (let request = source.next(); request; request = source.next()) {
    const [stock, worker] = await Promise.all(conversations.map((conversation) => conversation.ask(request)));
    source.told(request, stock);
    const differences = unlike(stock, worker);
    if (differences.length > 0) return { request, differences };
  }
}

async function reset(target) {
  const admin = await target.admin();
  await admin.collections.import([KEPT], true);
  const superusers = await admin.collection("_superusers").getFullList({ filter: "email ~ 'rec'" });
  for (const { id } of superusers) await admin.collection("_superusers").delete(id);
  await admin.settings.update(SETTINGS);
}

/** How often shrink() may play what is left. */
const MOST_PLAYS = 60;

/** Leaves out requests, many at first and single ones at last, as long as the two still differ. */
async function shrink(targets, sent, difference) {
  let [requests, found] = [sent, difference];
  let plays = 0;
  for (let size = Math.ceil(requests.length / 2); ; size = Math.ceil(size / 2)) {
    for (let start = 0; start < requests.length - 1; ) {
      if (++plays > MOST_PLAYS) return { requests, ...found };
      const fewer = requests.filter((_, i) => i < start || i >= Math.min(start + size, requests.length - 1));
      const played = [];
      const again = await play(targets, { next: () => fewer[played.length], told: (request) => played.push(request) });
      if (again) [requests, found] = [played, again];
      else start += size;
    }
    if (size === 1) return { requests, ...found };
  }
}

function report(seed, { requests, differences }) {
  const lines = requests.map(({ method = "GET", path, as, body, name }, i) => `  ${i} ${as ?? "guest"} ${method} ${name ?? decodeURIComponent(path)} ${body ? JSON.stringify(body) : ""}`);
  return [`seed ${seed}:`, ...lines, "stock <> Worker:", ...differences.map((line) => `  ${line}`)].join("\n");
}
