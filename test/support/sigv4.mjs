/** AWS Signature Version 4 as a server checks it, written from its specification and not from what signs. */
import { createHash, createHmac } from "node:crypto";

const UNRESERVED = /[A-Za-z0-9\-._~]/;

/** Percent-encodes as the specification says: all but unreserved characters, in upper case. */
function uriEncode(text, { slash }) {
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const char = String.fromCharCode(byte);
    encoded += UNRESERVED.test(char) || (char === "/" && slash) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

/**
 * @param {{ method: string, target: string, headers: Record<string, string>, signedHeaders: string[], payloadHash: string, date: string,
 *   region: string, service?: string, secret: string }} request target is the path with its query, as sent; date is 20130524T000000Z
 * @returns {string} the signature that the request has to carry
 */
export function signature({ method, target, headers, signedHeaders, payloadHash, date, region, service = "s3", secret }) {
  const [path, query = ""] = target.split("?");
  const pairs = query
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.indexOf("=");
      const [name, value] = at < 0 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
      return [decodeURIComponent(name), decodeURIComponent(value)].map((part) => uriEncode(part, { slash: false }));
    })
    .filter(([name]) => name !== "X-Amz-Signature")
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
  const canonical = [
    method,
    uriEncode(decodeURIComponent(path), { slash: true }),
    pairs.map((pair) => pair.join("=")).join("&"),
    ...signedHeaders.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    signedHeaders.join(";"),
    payloadHash,
  ].join("\n");
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n");
  const key = [date.slice(0, 8), region, service, "aws4_request"].reduce(hmac, `AWS4${secret}`);
  return hmac(key, text).toString("hex");
}

/** How far the clocks may be apart, in milliseconds. */
const SKEW = 15 * 60_000;

/**
 * Checks a request as S3 does.
 *
 * @param {import("node:http").IncomingMessage} request
 * @param {{ accessKeyId: string, secretAccessKey: string, region: string }} key
 * @returns {string | undefined} S3's error code
 */
export function refusal(request, { accessKeyId, secretAccessKey, region }) {
  const query = new URLSearchParams(request.url.split("?")[1]);
  const presigned = query.has("X-Amz-Signature");
  const authorization = request.headers.authorization;
  if (presigned === (authorization !== undefined)) return presigned ? "InvalidArgument" : "AccessDenied"; // both, or neither
  const given = presigned ? presignedFields(query) : headerFields(authorization);
  if (!given) return "AuthorizationHeaderMalformed";
  const date = presigned ? query.get("X-Amz-Date") : request.headers["x-amz-date"];
  if (!/^\d{8}T\d{6}Z$/.test(date ?? "")) return "AuthorizationHeaderMalformed";
  const signedAt = Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  const [id, day, credentialRegion, service, end] = given.credential.split("/");
  if (id !== accessKeyId) return "InvalidAccessKeyId";
  if (day !== date.slice(0, 8) || credentialRegion !== region || service !== "s3" || end !== "aws4_request") return "AuthorizationHeaderMalformed";
  if (presigned) {
    const seconds = Number(query.get("X-Amz-Expires"));
    if (!(seconds >= 1 && seconds <= 7 * 86400)) return "AuthorizationQueryParametersError";
    if (Date.now() > signedAt + seconds * 1000) return "ExpiredToken";
  } else if (Math.abs(Date.now() - signedAt) > SKEW) {
    return "RequestTimeTooSkewed";
  }
  const must = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))];
  if (!must.every((name) => given.signedHeaders.includes(name))) return "AccessDenied"; // "There were headers present in the request which were not signed"
  const expected = signature({
    method: request.method,
    target: request.url,
    headers: request.headers,
    signedHeaders: given.signedHeaders,
    payloadHash: request.headers["x-amz-content-sha256"] ?? "UNSIGNED-PAYLOAD",
    date,
    region,
    secret: secretAccessKey,
  });
  return given.signature === expected ? undefined : "SignatureDoesNotMatch";
}

function presignedFields(query) {
  if (query.get("X-Amz-Algorithm") !== "AWS4-HMAC-SHA256") return undefined;
  return {
    credential: query.get("X-Amz-Credential") ?? "",
    signedHeaders: (query.get("X-Amz-SignedHeaders") ?? "").split(";"),
    signature: query.get("X-Amz-Signature"),
  };
}

function headerFields(authorization) {
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(authorization);
  return match && { credential: match[1], signedHeaders: match[2].split(";"), signature: match[3] };
}
