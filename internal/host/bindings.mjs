// The bindings that every dynamic request needs, and what to do about one that is not there.

const BINDINGS = [
  database("APP_DB", "pocketflare-app"),
  database("LOGS_DB", "pocketflare-logs"),
  bucket("STORAGE", "pocketflare-storage"),
  bucket("BACKUPS", "pocketflare-backups"),
];

/** What tells a binding's kind, and its lines in wrangler.toml. */
function database(name, databaseName) {
  const id = `<id from: wrangler d1 create ${databaseName}>`;
  const lines = `[[d1_databases]]\nbinding = "${name}"\ndatabase_name = "${databaseName}"\ndatabase_id = "${id}"`;
  return { name, kind: "a D1 database", methods: ["prepare", "batch"], lines };
}

function bucket(name, bucketName) {
  return { name, kind: "an R2 bucket", methods: ["get", "put"], lines: `[[r2_buckets]]\nbinding = "${name}"\nbucket_name = "${bucketName}"` };
}

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
      return `The binding ${name} (${kind}) is missing. Add these lines to wrangler.toml and deploy again:\n\n${lines}`;
    }
    if (!methods.every((method) => typeof binding[method] === "function")) {
      return `The binding ${name} is not ${kind}. It should be declared in wrangler.toml like this:\n\n${lines}`;
    }
  }
  complete.add(env);
  return undefined;
}
