// The bindings that every dynamic request needs, and what to do about one that is not there.

const BINDINGS = [
  {
    name: "APP_DB",
    kind: "D1 database",
    methods: ["prepare", "batch"],
    lines: '[[d1_databases]]\nbinding = "APP_DB"\ndatabase_name = "pocketflare-app"\ndatabase_id = "<id from: wrangler d1 create pocketflare-app>"',
  },
  {
    name: "LOGS_DB",
    kind: "D1 database",
    methods: ["prepare", "batch"],
    lines: '[[d1_databases]]\nbinding = "LOGS_DB"\ndatabase_name = "pocketflare-logs"\ndatabase_id = "<id from: wrangler d1 create pocketflare-logs>"',
  },
  {
    name: "STORAGE",
    kind: "R2 bucket",
    methods: ["get", "put"],
    lines: '[[r2_buckets]]\nbinding = "STORAGE"\nbucket_name = "pocketflare-storage"',
  },
  {
    name: "BACKUPS",
    kind: "R2 bucket",
    methods: ["get", "put"],
    lines: '[[r2_buckets]]\nbinding = "BACKUPS"\nbucket_name = "pocketflare-backups"',
  },
];

/** Environments that were found complete: each isolate looks once. */
const complete = new WeakSet();

/**
 * @param {object} env an event's bindings
 * @returns {string | undefined} what is wrong with them and the lines that mend it
 */
export function missingBinding(env) {
  if (complete.has(env)) return undefined;
  for (const { name, kind, methods, lines } of BINDINGS) {
    const binding = env[name];
    if (binding === undefined || binding === null) {
      return `The binding ${name} (a ${kind}) is missing. Add these lines to wrangler.toml and deploy again:\n\n${lines}`;
    }
    if (!methods.every((method) => typeof binding[method] === "function")) {
      return `The binding ${name} is not a ${kind}. It should be declared in wrangler.toml like this:\n\n${lines}`;
    }
  }
  complete.add(env);
  return undefined;
}
