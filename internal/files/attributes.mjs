// The metadata of an object and the file <key>.attrs that PocketBase's local driver keeps beside each of its files.

/** What the local driver says of a file that has no such file. */
const UNKNOWN_TYPE = "application/octet-stream";

const FIELDS = [
  ["user.cache_control", "cacheControl"],
  ["user.content_disposition", "contentDisposition"],
  ["user.content_encoding", "contentEncoding"],
  ["user.content_language", "contentLanguage"],
  ["user.content_type", "contentType"],
];

/** @returns {string} the text of an object's .attrs */
export function attributesOf(object) {
  const attributes = {};
  for (const [name, field] of FIELDS) attributes[name] = object.httpMetadata?.[field] ?? "";
  attributes["user.content_type"] ||= UNKNOWN_TYPE;
  const custom = Object.entries(object.customMetadata ?? {}).map(([name, value]) => [unescape(name), unescape(value)]);
  attributes["user.metadata"] = custom.length > 0 ? Object.fromEntries(custom) : null;
  const md5 = object.checksums?.md5;
  attributes.md5 = md5 ? btoa(String.fromCharCode(...new Uint8Array(md5))) : null;
  return JSON.stringify(attributes);
}

/** @returns {R2PutOptions} the options with which an object has the metadata that an .attrs tells */
export function metadataFrom(text) {
  const attributes = JSON.parse(text);
  const httpMetadata = {};
  for (const [name, field] of FIELDS) if (attributes[name]) httpMetadata[field] = attributes[name];
  // Escaped as PocketBase's S3 driver does it: metadata are headers there.
  const custom = Object.entries(attributes["user.metadata"] ?? {}).map(([name, value]) => [encodeURIComponent(name), encodeURIComponent(value)]);
  return { httpMetadata, customMetadata: Object.fromEntries(custom) };
}

function unescape(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // someone else has written it
  }
}
