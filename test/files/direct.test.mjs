/** Direct transfers: uploads and downloads by signed URLs, that end as ordinary ones do. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, beforeEach, describe, test } from "node:test";

import { createRecord, updateRecord } from "../../docs/direct-upload.mjs";
import { directSettings } from "../../internal/files/direct.mjs";
import { startWorker, withWorker } from "../harness.mjs";
import { refused } from "../support/expect.mjs";
import { MEBIBYTE, bytes, createDocuments, eventually, file, keys, named } from "../support/files.mjs";
import { Door, FakeS3, OTHER_BUCKET } from "../support/s3.mjs";

const RECORDS = "/api/collections/documents/records";
const UPLOADS = `/api/pocketflare/uploads/collections/documents/records`;

/** Asks for uploads: the answer's `uploads`. */
async function ask(client, body, path = UPLOADS, method = "POST") {
  return (await client.send(path, { method, body, requestKey: null })).uploads;
}

async function send({ parts }, content) {
  let at = 0;
  for (const { url, size } of parts) {
    const response = await fetch(url, { method: "PUT", body: content.slice(at, (at += size)) });
    assert.equal(response.status, 200, await response.text());
  }
}

/** Uploads one file for the field. @returns {Promise<string>} its token */
async function upload(client, name, content, field = "one") {
  const data = typeof content === "string" ? Buffer.from(content) : content;
  const { [field]: [begun] } = await ask(client, { [field]: { name, size: data.length } });
  await send(begun, data);
  return begun.token;
}

describe("direct uploads", () => {
  let s3;
  let target;
  let admin;
  let documents;
  before(async () => {
    s3 = await FakeS3.start();
    target = await startWorker({ wasm: "build/example.wasm", entry: "test/entries/r2-door.mjs", vars: s3.settings });
    s3.bucket = new Door(target.url);
    admin = await target.admin();
    await createDocuments(admin, { fields: [{ name: "picture", type: "file", maxSize: 1000, mimeTypes: ["image/png"] }] });
    documents = target.client().collection("documents");
  });
  beforeEach(async () => {
    const { STORAGE } = await target.mf.getBindings("pocketflare-0");
    for (const { id } of await documents.getFullList()) await documents.delete(id);
    for (const key of await keys(target)) await STORAGE.delete(key); // of a test that failed
  });
  after(async () => {
    await target?.stop();
    await s3.stop();
  });

  const stored = async (...records) => {
    const expected = records.flatMap((record) => named(record, ["one", "many", "picture"].filter((field) => field in record))).sort();
    assert.deepEqual(await eventually(() => keys(target), expected), expected);
    assert.deepEqual(s3.incomplete, []);
  };
  const content = async (record, name) => Buffer.from(await (await fetch(target.client().files.getURL(record, name))).arrayBuffer());

  test("a file in one part ends as an ordinary upload does", async () => {
    const text = "%PDF-1.4 directly";
    const token = await upload(target.client(), "Größe & Maß+.pdf", text);
    const record = await documents.create({ title: "one", one: token });
    const ordinary = await documents.create({ title: "one", one: file("Größe & Maß+.pdf", text) });
    const shape = (name) => name.replace(/_\w{10}\./, "_*.");
    assert.equal(shape(record.one), shape(ordinary.one));
    assert.equal((await content(record, record.one)).toString(), text);
    const metadata = async ({ collectionId, id, one }) => {
      const { size, httpMetadata, customMetadata } = await s3.bucket.head(`${collectionId}/${id}/${one}`);
      return { size, httpMetadata, customMetadata };
    };
    assert.deepEqual(await metadata(record), await metadata(ordinary));
    await stored(record, ordinary);
    for (const { id } of [record, ordinary]) await documents.delete(id);
    await stored();
  });

  test("names without an extension get that of the type, in JSON and in forms", async () => {
    const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
    const form = new FormData();
    form.append("many", await upload(target.client(), "first", png, "many"));
    form.append("many", await upload(target.client(), "second", png, "many"));
    form.append("many", file("ordinary", png));
    const record = await documents.create(form);
    assert.deepEqual(record.many.map((name) => name.replace(/_\w{10}\./, ".")).sort(), ["first.png", "ordinary.png", "second.png"]);
    await stored(record);
    const appended = await documents.update(record.id, { "many+": await upload(target.client(), "third", png, "many+") });
    assert.equal(appended.many.length, 4);
    const kept = await documents.update(record.id, { many: [appended.many[0], await upload(target.client(), "fourth", png, "many")] });
    assert.deepEqual(kept.many.map((name) => name.replace(/_\w{10}\./, ".")), [record.many[0].replace(/_\w{10}\./, "."), "fourth.png"]);
    await stored(kept);
    await documents.delete(record.id);
    await stored();
  });

  test("the helper: 200 MB in parts, with a part that fails", { timeout: 120_000 }, async () => {
    const data = bytes(200 * MEBIBYTE + 5);
    const { fields } = await admin.collections.getOne("documents");
    await admin.collections.update("documents", { fields: [...fields, { name: "huge", type: "file", maxSize: 400 * MEBIBYTE }] });
    let failures = 2;
    s3.fault = ({ query }) => (query.get("partNumber") === "3" && failures-- > 0 ? 500 : undefined);
    const seen = [];
    const record = await createRecord(target.client(), "documents", { title: "huge", huge: file("huge.bin", data), one: file("small.txt") }, {
      onProgress: ({ sent, total }) => seen.push([sent, total]),
    });
    s3.fault = () => undefined;
    assert.ok(failures <= 0);
    const total = data.length + "the content of small.txt".length;
    assert.deepEqual(seen.at(-1), [total, total]);
    const response = await fetch(target.client().files.getURL(record, record.huge));
    const hash = createHash("sha256");
    for await (const chunk of response.body) hash.update(chunk);
    assert.equal(hash.digest("hex"), createHash("sha256").update(data).digest("hex"));
    const copies = s3.requests.filter(({ headers }) => headers["x-amz-copy-source-range"]);
    assert.equal(copies.length, 2); // of 128 MB and the rest
    const expected = named(record, ["huge", "one"]);
    assert.deepEqual(await eventually(() => keys(target), expected), expected);
    assert.equal((await content(record, record.one)).toString(), "the content of small.txt");
    const memory = Number(/pf_memory;desc="?([\d.]+)/.exec((await fetch(`${target.url}/api/health`)).headers.get("server-timing"))?.[1]);
    assert.ok(memory < 48, `${memory} MB`);
    await documents.delete(record.id);
    await admin.collections.update("documents", { fields });
    await stored();
  });

  test("the helper: aborted, it leaves nothing", async () => {
    const controller = new AbortController();
    const data = { one: file("a.bin", bytes(40 * MEBIBYTE)), many: [file("b.txt")] };
    const options = { min: 1, atOnce: 1, signal: controller.signal, onProgress: ({ sent }) => sent > 0 && controller.abort() };
    await assert.rejects(createRecord(target.client(), "documents", data, options), { name: "AbortError" });
    await stored();
  });

  test("the helper: an update, and small files as ever", async () => {
    const record = await createRecord(target.client(), "documents", { one: file("small.txt") });
    const form = new FormData();
    form.append("many+", file("x.txt"));
    form.append("many+", file("y.txt"));
    form.append("many+", file("empty.txt", ""));
    form.append("title", "updated");
    const before = s3.requests.length;
    const updated = await updateRecord(target.client(), "documents", record.id, form, { min: 1 });
    assert.equal(s3.requests.slice(before).filter(({ method, query }) => method === "PUT" && query["X-Amz-Signature"]).length, 2);
    assert.deepEqual([updated.title, updated.many.length], ["updated", 3]);
    await stored(updated);
    await documents.delete(record.id);
  });

  test("the field refuses before anything is sent", async () => {
    const client = target.client();
    await refused(ask(client, { picture: { name: "a.png", size: 1001 } }), 400, { picture: "validation_file_size_limit" });
    await refused(ask(client, { picture: { name: "a.png", size: 10, head: btoa("plain text") } }), 400, { picture: "validation_invalid_mime_type" });
    await refused(ask(client, { many: Array.from({ length: 11 }, (_, i) => ({ name: `${i}.txt`, size: 1 })) }), 400, { many: "validation_too_many_files" });
    for (const bad of [{ name: "", size: 1 }, { name: "a", size: 0 }, { name: "a", size: 1.5 }, { name: "a", size: "1" }, { name: "a", size: 1, head: "*" }, {}]) {
      await refused(ask(client, { one: bad }), 400, { one: "validation_invalid_upload" });
    }
    await refused(ask(client, { title: "no file" }), 400);
    await refused(ask(client, { one: { name: "a", size: 1 } }, `${UPLOADS}/none`, "PATCH"), 404);
    await refused(ask(client, { one: { name: "a", size: 1 } }, UPLOADS.replace("documents", "none")), 404);
    await refused(ask(client, {}, "/api/pocketflare/uploads/elsewhere"), 404);
    await stored();
  });

  test("the bytes that came are validated, whatever was said of them", async () => {
    const client = target.client();
    const token = await upload(client, "a.png", "plain text", "picture");
    await refused(documents.create({ picture: token }), 400, { picture: "validation_invalid_mime_type" });
    await stored(); // the refused file is gone
    await refused(documents.create({ picture: token }), 400, { picture: "validation_invalid_upload" });
    const large = await upload(client, "a.bin", bytes(2000));
    await refused(documents.create({ picture: large }), 400, { picture: "validation_file_size_limit" });
    await refused(documents.create({ title: "x".repeat(51), one: await upload(client, "a.txt", "a") }), 400, { title: "validation_max_text_constraint" });
    await stored();
  });

  test("no more than was asked for can be sent", async () => {
    const { one: [begun] } = await ask(target.client(), { one: { name: "a.bin", size: 10 } });
    assert.equal((await fetch(begun.parts[0].url, { method: "PUT", body: "x".repeat(11) })).status, 403);
    await refused(documents.create({ one: begun.token }), 400, { one: "validation_invalid_upload" });
    const { one: [parts] } = await ask(target.client(), { one: { name: "a.bin", size: 20 * MEBIBYTE } });
    assert.deepEqual(parts.parts.map(({ size }) => size), [16 * MEBIBYTE, 4 * MEBIBYTE]);
    await fetch(parts.parts[0].url, { method: "PUT", body: bytes(16 * MEBIBYTE) });
    const error = await refused(documents.create({ one: parts.token }), 400, { one: "validation_invalid_upload" });
    assert.match(error.response.data.one.message, /1 of 2 parts/);
    await target.client().send("/api/pocketflare/uploads", { method: "DELETE", body: { token: parts.token } });
    await stored();
  });

  test("the parts of files of any size", async () => {
    const GIBIBYTE = 1024 * MEBIBYTE;
    await createDocuments(admin, { name: "films", fields: [{ name: "film", type: "file", maxSize: 2000 * GIBIBYTE }] });
    for (const [size, part] of [[16 * MEBIBYTE, 16], [16 * MEBIBYTE + 1, 16], [6 * GIBIBYTE, 16], [20 * GIBIBYTE + 5, 21], [1000 * GIBIBYTE, 1024]]) {
      const { film: [begun] } = await ask(target.client(), { film: { name: "film.mp4", size } }, UPLOADS.replace("documents", "films"));
      const sizes = begun.parts.map((each) => each.size);
      assert.equal(sizes.reduce((sum, each) => sum + each, 0), size);
      assert.equal(sizes.length, Math.ceil(size / (part * MEBIBYTE)));
      assert.ok(sizes.slice(0, -1).every((each) => each === part * MEBIBYTE));
      assert.equal(new Set(begun.parts.map(({ url }) => url)).size, sizes.length);
      await target.client().send("/api/pocketflare/uploads", { method: "DELETE", body: { token: begun.token } });
    }
    assert.deepEqual(s3.incomplete, []);
  });

  test("a completion whose answer is lost", async () => {
    const token = await upload(target.client(), "a.bin", bytes(20 * MEBIBYTE));
    let completed = 0;
    s3.lose = ({ method, query }) => method === "POST" && query.has("uploadId") && ++completed > 0;
    const record = await documents.create({ one: token });
    s3.lose = () => false;
    assert.equal(completed, 2); // of the upload and of the copy; the next attempt finds neither any more
    await stored(record);
  });

  test("who may not save the record gets no URL", async () => {
    const user = async (email) => {
      await admin.collection("users").create({ email, password: "secret12345", passwordConfirm: "secret12345" });
      const client = target.client();
      await client.collection("users").authWithPassword(email, "secret12345");
      return client;
    };
    const [one, other] = [await user("one@example.com"), await user("other@example.com")];
    const guest = target.client();
    const rule = "@request.auth.id != '' && title = 'mine' && @request.body.one.size < 100";
    await createDocuments(admin, { name: "private", createRule: rule, updateRule: null });
    const path = UPLOADS.replace("documents", "private");
    const description = { title: "mine", one: { name: "a.txt", size: 5 } };
    await refused(ask(guest, description, path), 400);
    await refused(ask(one, { ...description, title: "other" }, path), 400);
    await refused(ask(one, { ...description, one: { name: "a.txt", size: 500 } }, path), 400);
    const { one: [begun] } = await ask(one, description, path);
    await send(begun, Buffer.from("hello"));
    const invalid = { one: "validation_invalid_upload" };
    await refused(guest.collection("private").create({ title: "mine", one: begun.token }), 400, invalid);
    await refused(other.collection("private").create({ title: "mine", one: begun.token }), 400, invalid);
    await refused(admin.collection("private").create({ title: "mine", one: begun.token }), 400, invalid);
    for (const forged of [begun.token.slice(0, -3), begun.token.replace(/\.(.)/, (_, c) => (c === "A" ? ".B" : ".A")), "pocketflare_upload_", "pocketflare_upload_e30.", "pocketflare_upload_%.%"]) {
      await refused(one.collection("private").create({ title: "mine", one: forged }), 400, invalid);
    }
    await refused(other.send("/api/pocketflare/uploads", { method: "DELETE", body: { token: begun.token } }), 400, { token: "validation_invalid_upload" });
    const record = await one.collection("private").create({ title: "mine", one: begun.token });
    await stored(record);
    await refused(one.collection("private").create({ title: "mine", one: begun.token }), 400, invalid);
    await refused(ask(one, description, `${path}/${record.id}`, "PATCH"), 403);
    await admin.collection("private").delete(record.id);

    await createDocuments(admin, { name: "closed", createRule: null, fields: [{ name: "hidden", type: "file", hidden: true }] });
    await refused(ask(one, description, UPLOADS.replace("documents", "closed")), 403);
    await admin.collections.update("closed", { createRule: "" });
    await refused(ask(one, { hidden: { name: "a.txt", size: 5 } }, UPLOADS.replace("documents", "closed")), 400, { hidden: "validation_invalid_upload" });
    await ask(admin, { hidden: { name: "a.txt", size: 5 } }, UPLOADS.replace("documents", "closed"));
    await stored();
  });

  test("not in a batch", async () => {
    await admin.settings.update({ batch: { enabled: true } });
    const token = await upload(target.client(), "a.txt", "a");
    for (const body of [{ one: token }, { many: ["a.txt", token] }]) {
      const batch = target.client().createBatch();
      batch.collection("documents").create(body);
      const error = await refused(batch.send(), 400);
      assert.match(error.response.message, /cannot be used in a batch/);
    }
    await documents.create({ one: token }); // it is still there
  });

  test("the rate limit counts it as it counts the record", async () => {
    const rules = [{ label: "documents:create", maxRequests: 2, duration: 60 }];
    await admin.settings.update({ rateLimits: { enabled: true, rules } });
    try {
      const client = target.client();
      const token = await upload(client, "a.txt", "a");
      await client.collection("documents").create({ title: "counted" });
      await refused(ask(client, { one: { name: "a", size: 1 } }), 429);
      await refused(client.collection("documents").create({ one: token }), 429);
      await admin.settings.update({ rateLimits: { enabled: false } });
      const record = await client.collection("documents").create({ one: token }); // it has waited
      assert.equal((await content(record, record.one)).toString(), "a");
    } finally {
      await admin.settings.update({ rateLimits: { enabled: false } });
    }
  });

  test("hooks read the file before it is saved, and can refuse it", async () => {
    await createDocuments(admin, { name: "scans", fields: [{ name: "note", type: "text" }] });
    await admin.collections.update("scans", { fields: (await admin.collections.getOne("scans")).fields.map((field) => (field.name === "title" ? { ...field, max: 200 } : field)) });
    const scans = target.client().collection("scans");
    const data = bytes(3 * MEBIBYTE + 11);
    const record = await scans.create({ one: await upload(target.client(), "scan.bin", data) });
    assert.equal(record.title, `scan.bin ${data.length} ${data.length} ${createHash("sha256").update(data).digest("hex")}`);
    assert.ok((await content(record, record.one)).equals(Buffer.from(data)));
    const error = await refused(scans.create({ one: await upload(target.client(), "scan.bin", "BAD!") }), 400);
    assert.equal(error.response.message, "A hook has refused the file.");
    await stored(record);
    await scans.delete(record.id);
  });

  test("an upload whose copy fails leaves the bucket as it was, and can be used again", async () => {
    const token = await upload(target.client(), "a.txt", "again");
    s3.fault = ({ headers }) => (headers["x-amz-copy-source"] ? 503 : undefined);
    const error = await refused(documents.create({ one: token }), 503);
    assert.match(error.response.message, /^The file storage cannot be reached/);
    s3.fault = () => undefined;
    assert.equal((await keys(target)).filter((key) => !key.startsWith(".pocketflare/")).length, 0);
    const record = await documents.create({ one: token });
    assert.equal((await content(record, record.one)).toString(), "again");
    await stored(record);
    await documents.delete(record.id);
  });

  test("a second write to the URL, after the file was claimed, is not what is stored", async () => {
    const { one: [begun] } = await ask(target.client(), { one: { name: "a.txt", size: 5 } });
    await send(begun, Buffer.from("first"));
    let rewritten;
    s3.fault = ({ headers }) => {
      if (!headers["x-amz-copy-source"] || rewritten) return undefined;
      const key = decodeURIComponent(headers["x-amz-copy-source"].split("/").slice(2).join("/"));
      rewritten = s3.bucket.put(key, "other");
      return 500; // the copy is tried again when it is there
    };
    await refused(documents.create({ one: begun.token }), 503);
    s3.fault = () => undefined;
    await rewritten;
    assert.equal((await keys(target)).filter((key) => !key.startsWith(".pocketflare/")).length, 0);
    await target.client().send("/api/pocketflare/uploads", { method: "DELETE", body: { token: begun.token } });
    await stored();
  });

  test("browsers may ask from elsewhere", async () => {
    const headers = { Origin: "https://elsewhere.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type" };
    for (const path of [UPLOADS, "/api/pocketflare/uploads"]) {
      const preflight = await fetch(target.url + path, { method: "OPTIONS", headers, redirect: "manual" });
      assert.equal(preflight.status, 204);
      assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
    }
    const response = await fetch(target.url + UPLOADS, { method: "POST", headers: { Origin: "https://elsewhere.example" }, body: "{}" });
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
  });

  test("logs have the path that was asked for", async () => {
    await ask(target.client(), { one: { name: "a.bin", size: 1 } });
    admin = await target.admin();
    const { items } = await admin.logs.getList(1, 1, { filter: `data.url ~ '${UPLOADS}' && data.status = 200` });
    assert.equal(items.length, 1);
    assert.notEqual(UPLOADS, RECORDS);
  });

  test("what was abandoned is removed", async () => {
    await ask(target.client(), { one: { name: "a.bin", size: 20 * MEBIBYTE } });
    assert.equal(s3.incomplete.length, 1);
    s3.age(13 * 3600_000);
    await target.restart(); // each isolate looks once
    s3.bucket = new Door(target.url);
    const { one: [begun] } = await ask(target.client(), { one: { name: "a.bin", size: 1 } });
    assert.ok(begun.token);
    assert.deepEqual(await eventually(async () => s3.incomplete, []), []);
  });
});

describe("an upload in a request that is run again", () => {
  let s3;
  before(async () => (s3 = await FakeS3.start()));
  after(() => s3.stop());

  test("since its isolate had the collection as it was before", () =>
    withWorker({ isolates: 2, entry: "test/entries/r2-door.mjs", vars: s3.settings }, async (target) => {
      s3.bucket = new Door(target.url);
      const { fields } = await createDocuments(await target.admin());
      const token = await upload(target.client(0), "a.txt", "twice");
      const added = { name: "later", type: "text", required: true };
      await (await target.admin(1)).collections.update("documents", { fields: [...fields, added] });
      const record = await target.client(0).collection("documents").create({ one: token, later: "known" });
      assert.equal(record.later, "known");
      assert.match(target.output.since(), /was run 2 times/);
      assert.deepEqual(await eventually(() => keys(target), named(record)), named(record));
    }));
});

describe("an upload whose copy R2 does not answer", () => {
  let s3;
  before(async () => (s3 = await FakeS3.start()));
  after(() => s3.stop());

  test("a clear error, and nothing is stored, then or later", () =>
    withWorker({ entry: "test/entries/r2-door.mjs", vars: { ...s3.settings, POCKETFLARE_R2_TIMEOUT_SECONDS: "1" } }, async (target) => {
      s3.bucket = new Door(target.url);
      await createDocuments(await target.admin());
      const documents = target.client().collection("documents");
      const token = await upload(target.client(), "a.bin", bytes(20 * MEBIBYTE));
      const late = Promise.withResolvers();
      s3.fault = ({ headers }) => (headers["x-amz-copy-source"] ? late.promise : undefined);
      const error = await refused(documents.create({ one: token }), 503);
      assert.match(error.response.message, /^The file storage cannot be reached/);
      s3.fault = () => undefined;
      late.resolve();
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.deepEqual((await keys(target)).filter((key) => !key.startsWith(".pocketflare/")), []);
      assert.deepEqual(s3.incomplete, []);
      const record = await documents.create({ one: token });
      assert.deepEqual(await eventually(() => keys(target), named(record)), named(record));
    }));
});

describe("settings", () => {
  let s3;
  before(async () => (s3 = await FakeS3.start()));
  after(() => s3.stop());

  const message = async (target) => {
    const response = await fetch(target.url + UPLOADS, { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } });
    return [response.status, (await response.json()).message];
  };
  test("without them direct uploads are off, and say what they need", () =>
    withWorker({}, async (target) => {
      const [status, text] = await message(target);
      assert.equal(status, 501);
      assert.match(text, /R2_ACCOUNT_ID, R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY and R2_STORAGE_BUCKET\.$/);
      assert.doesNotMatch(target.output.since(), /direct/);
    }));
  const complete = { R2_ACCOUNT_ID: "0123456789abcdef0123456789abcdef", R2_ACCESS_KEY_ID: "k", R2_SECRET_ACCESS_KEY: "s", R2_STORAGE_BUCKET: "bucket" };
  test("where they are wrong, one line in the log says so, and what is asked for", () =>
    withWorker({ vars: { ...complete, R2_SECRET_ACCESS_KEY: "" } }, async (target) => {
      const [status, text] = await message(target);
      assert.equal(status, 501);
      assert.match(text, /R2_SECRET_ACCESS_KEY is missing/);
      const lines = target.output.since().split("\n").filter((line) => /direct transfers are off/.test(line));
      assert.equal(lines.length, 1);
      assert.match(lines[0], /R2_SECRET_ACCESS_KEY is missing/);
    }));
  test("each is looked at", () => {
    const { R2_ACCOUNT_ID, ...others } = complete;
    assert.deepEqual(directSettings({ POCKETFLARE_APP_URL: "x" }), {});
    assert.equal(directSettings(complete).settings.endpoint, `https://${R2_ACCOUNT_ID}.r2.cloudflarestorage.com`);
    const endpoint = "https://0123456789abcdef0123456789abcdef.eu.r2.cloudflarestorage.com";
    assert.equal(directSettings({ ...complete, R2_ENDPOINT: endpoint }).settings.endpoint, endpoint);
    assert.equal(directSettings({ ...others, R2_ENDPOINT: endpoint }).settings.bucket, "bucket");
    for (const [change, problem] of [
      [{ R2_ACCOUNT_ID: "" }, /R2_ACCOUNT_ID is missing/],
      [{ R2_ACCOUNT_ID: "my account" }, /R2_ACCOUNT_ID has to be/],
      [{ R2_ACCESS_KEY_ID: undefined }, /R2_ACCESS_KEY_ID is missing/],
      [{ R2_SECRET_ACCESS_KEY: "a b" }, /R2_SECRET_ACCESS_KEY has to be/],
      [{ R2_STORAGE_BUCKET: "My_Bucket" }, /R2_STORAGE_BUCKET has to be/],
      [{ R2_ENDPOINT: "example.com" }, /R2_ENDPOINT has to be/],
      [{ R2_ENDPOINT: "https://example.com/bucket" }, /R2_ENDPOINT has to be/],
    ]) {
      assert.match(directSettings({ ...complete, ...change }).problem, problem);
    }
  });
  for (const [name, change, problem] of [
    ["a wrong secret", { R2_SECRET_ACCESS_KEY: "wrong" }, /does not let the key write to R2_STORAGE_BUCKET: 403 SignatureDoesNotMatch/],
    ["a bucket that does not exist", { R2_STORAGE_BUCKET: "missing-bucket" }, /does not let the key write to R2_STORAGE_BUCKET: 404 NoSuchBucket/],
    ["another bucket", { R2_STORAGE_BUCKET: OTHER_BUCKET }, /R2_STORAGE_BUCKET is not the bucket behind STORAGE/],
  ]) {
    test(`${name}: found out before it is used`, () =>
      withWorker({ entry: "test/entries/r2-door.mjs", vars: { ...s3.settings, POCKETFLARE_DIRECT_DOWNLOAD_MIN: "1", ...change } }, async (target) => {
        s3.bucket = new Door(target.url);
        await createDocuments(await target.admin());
        const record = await target.client().collection("documents").create({ one: file("a.txt", "served") });
        const response = await fetch(target.client().files.getURL(record, record.one), { redirect: "manual" });
        assert.deepEqual([response.status, await response.text()], [200, "served"]);
        await refused(ask(target.client(), { one: { name: "a", size: 1 } }), 503);
        assert.match(target.output.since(), problem);
        assert.deepEqual(await keys(target), named(record));
        assert.deepEqual([...s3.other], []);
      }));
  }
});
