import { createHmac } from "node:crypto";

/**
 * Makes the token that a mail would have carried: what PocketBase signs with the record's key and its collection's secret.
 *
 * @param {import("pocketbase").default} admin
 * @param {import("pocketbase").RecordModel} record
 * @param {"verification" | "passwordReset" | "emailChange"} type
 * @param {object} [claims]
 * @returns {Promise<string>}
 */
export async function mailToken(admin, record, type, claims = {}) {
  const { rows } = await admin.sql.run(
    `SELECT u.tokenKey, c.options FROM ${record.collectionName} u, _collections c WHERE u.id = '${record.id}' AND c.id = '${record.collectionId}'`,
  );
  const [[tokenKey, options]] = rows;
  const { secret } = JSON.parse(options)[`${type}Token`];
  const exp = Math.floor(Date.now() / 1000) + 600;
  return sign({ type, id: record.id, collectionId: record.collectionId, email: record.email, exp, ...claims }, tokenKey + secret);
}

function sign(claims, key) {
  const parts = [{ alg: "HS256", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const signature = createHmac("sha256", key).update(parts.join(".")).digest("base64url");
  return [...parts, signature].join(".");
}
