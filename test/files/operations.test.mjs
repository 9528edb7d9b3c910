/** Every operation of PocketBase's filesystem.System from Go, on both buckets: results and errors as on stock PocketBase. What differs is told in docs/files.md. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { ROOT, startStock, startWorker, wasm } from "../harness.mjs";
import { unlike } from "../support/differential.mjs";
import { MEBIBYTE, keys } from "../support/files.mjs";

const PNG = readFileSync(join(ROOT, "admin-ui", "_", "images", "favicon.png")).toString("base64");
const LONG = "n".repeat(200);

/** Keys that a path or a URL could mistake. */
const ODD = [
  "a b/c d.txt", " lead", "trail ", "ümläut/日本語/🎉.txt", "a%20b", "100%", "%2e%2e", "a#b?c&d", "'quoted\".txt", "back\\slash", "semi;colon", "<tag>", "a+b=c@d",
  ".hidden", "..two", "a..b", "dir.with.dots/file.", "x.tmp", "x.attrs.txt", "__0x20__", "_", "-", "A", "e\u0301", "\u00e9", "new\nline", "tab\t", "nul\u0000", "del\u007f",
  `${LONG}/${LONG}/${LONG}.txt`, "deep/".repeat(30) + "file",
];

/** Keys that the local driver changes or refuses. */
const STRANGE = [
  "/lead", "//two", "a//b", "a/./b", "a/../b", "../up", "../../up/up", "..", ".", "./x", "/", "", "slash/", "slash//", "x.attrs", "a/x.attrs", "dots/..", "dots/../", "a/../../b",
];

/** Past R2's 1,024 bytes, and past what a path may have on a disk. */
const TOO_LONG = [`${LONG}/`.repeat(25) + "x", `${"ü".repeat(100)}/`.repeat(25) + "x"];

/** The local driver's listing panics there. */
const LEADS_OUT = /(?:^|\/)\.\.(?:\/|$)/;

const METADATA = {
  CacheControl: "max-age=7", ContentDisposition: 'attachment; filename="ü.txt"', ContentEncoding: "identity", ContentLanguage: "de, en", ContentType: "text/plain; charset=utf-8",
  Metadata: { "Original-Filename": "Grüße 100% = \"x\".txt", other: "", three: "a b\tc" },
};

const TYPES = [
  ["a.txt", { content: "plain" }], ["a.html", { content: "<!doctype html><p>x" }], ["a.svg", { content: '<svg xmlns="http://www.w3.org/2000/svg"></svg>' }], ["a.json", { content: '{"a":1}' }],
  ["a.png", { bytes: PNG }], ["a.bin", { size: 3000 }], ["empty", { content: "" }], ["a.gif", { content: "GIF89a" }], ["a.pdf", { content: "%PDF-1.7\n" }], ["a.zip", { content: "PK\u0003\u0004" }],
  ["a.csv", { content: "a,b\n1,2\n3,4\n" }], ["a.xml", { content: '<?xml version="1.0"?><a/>' }], ["a.js", { content: "let a = 1" }], ["a.utf16", { bytes: "//5oAGkA" }],
];

const look = (key) => [{ do: "exists", key }, { do: "attributes", key }, { do: "read", key }, { do: "list", key }];

const GROUPS = {
  "what is missing": [
    ...look("none"), ...look("none/below"), { do: "delete", key: "none" }, { do: "copy", key: "none", to: "x" }, { do: "upload again", key: "none", to: "x" }, { do: "thumb", key: "none", to: "x", name: "10x10" },
    { do: "delete prefix", key: "none" }, { do: "delete prefix", key: "none/" }, { do: "delete prefix", key: "" }, { do: "is empty", key: "none" }, { do: "is empty", key: "" }, { do: "list", key: "" },
  ],
  "types and metadata": [
    ...TYPES.flatMap(([name, content]) => [
      { do: "upload", key: `u/${name}`, ...content }, { do: "attributes", key: `u/${name}` }, { do: "read", key: `u/${name}` },
      ...(name === "empty" ? [] : [{ do: "upload file", key: `f/${name}`, name, ...content }, { do: "attributes", key: `f/${name}` }]),
      { do: "upload form", key: `m/${name}`, name, ...content }, { do: "attributes", key: `m/${name}` },
      { do: "write", key: `w/${name}`, ...content }, { do: "attributes", key: `w/${name}` },
    ]),
    { do: "write", key: "all", content: "x", options: METADATA }, ...look("all"),
    { do: "write", key: "all", content: "yy", options: { ContentType: "text/css" } }, ...look("all"),
    { do: "write", key: "bad type", content: "x", options: { ContentType: "no type;;" } }, { do: "exists", key: "bad type" },
    { do: "write", key: "bad md5", content: "x", options: { ContentMD5: "AAAA" } }, { do: "exists", key: "bad md5" },
    { do: "write", key: "good md5", content: "x", options: { ContentMD5: "ndTkYSaMgDT1yFZOFVxnpg==" } }, { do: "attributes", key: "good md5" },
    { do: "write", key: "empty name", content: "x", options: { Metadata: { "": "x" } } }, { do: "write", key: "two names", content: "x", options: { Metadata: { A: "x", a: "y" } } },
    { do: "upload form", key: "long name", name: `${"ä".repeat(200)}.txt`, content: "x" }, { do: "attributes", key: "long name" },
    { do: "list", key: "u/" }, { do: "list", key: "u" }, { do: "list", key: "u/a" },
  ],
  "sizes": [0, 1, 511, 512, 513, 4095, 4096, 32768, 65535, 65536, 65537, 131073, MEBIBYTE, 5 * MEBIBYTE, 13 * MEBIBYTE].flatMap((size) => [
    { do: "upload", key: `s/${size}`, size }, { do: "write", key: `w/${size}`, size }, { do: "attributes", key: `w/${size}` }, { do: "read", key: `s/${size}` },
    { do: "read", key: `s/${size}`, offset: Math.floor(size / 2) }, { do: "read", key: `s/${size}`, offset: size }, { do: "copy", key: `w/${size}`, to: `c/${size}` }, { do: "attributes", key: `c/${size}` },
    { do: "read", key: `c/${size}`, offset: 3 }, { do: "delete", key: `w/${size}` },
  ]),
  "copies and files that are uploaded again": [
    { do: "write", key: "a/from.txt", content: "from", options: METADATA }, { do: "copy", key: "a/from.txt", to: "b/to.txt" }, ...look("b/to.txt"), { do: "copy", key: "a/from.txt", to: "a/from.txt" }, ...look("a/from.txt"),
    { do: "upload", key: "other", content: "other" }, { do: "copy", key: "other", to: "b/to.txt" }, ...look("b/to.txt"), { do: "copy", key: "a", to: "x" }, { do: "copy", key: "a/", to: "x" },
    { do: "upload file", key: "r/one_abc.txt", name: "Näme mit (Klammern).TXT", content: "again" }, { do: "upload again", key: "r/one_abc.txt", to: "r/kept", keep: true }, ...look("r/kept"),
    { do: "upload again", key: "r/one_abc.txt", to: "r/new" }, ...look("r/new"), { do: "upload again", key: "other", to: "r/nameless" }, ...look("r/nameless"), { do: "upload again", key: "r/one_abc.txt", to: "r/one_abc.txt", keep: true }, ...look("r/one_abc.txt"),
  ],
  "copies that are changed on the way": [1000, 300_000, 6 * MEBIBYTE, 20 * MEBIBYTE].flatMap((size) => [
    { do: "upload", key: "from", size },
    ...[-1, 0, 270_000, size - 1].flatMap((offset) => ["", "more"].flatMap((content) => [{ do: "rewrite", key: "from", to: "to", count: 32768, offset, content }, { do: "attributes", key: "to" }])),
    { do: "rewrite", key: "from", to: "from", count: 5000, offset: 300_001 }, { do: "attributes", key: "from" }, { do: "read", key: "from", offset: Math.max(size - 50, 0) },
  ]),
  "overwriting and deleting": [
    { do: "upload", key: "k", content: "1" }, { do: "upload", key: "k", content: "22" }, ...look("k"), { do: "delete", key: "k" }, { do: "delete", key: "k" }, ...look("k"), { do: "upload", key: "k", content: "3" }, ...look("k"),
    { do: "delete", key: "k.attrs" }, { do: "exists", key: "k.attrs" }, { do: "read", key: "k.attrs" },
  ],
  "directories": [
    { do: "upload", key: "d/a", content: "1" }, { do: "upload", key: "d/b/c", content: "2" }, { do: "upload", key: "d/b/d", content: "3" }, { do: "upload", key: "db", content: "4" },
    ...look("d"), ...look("d/"), ...look("d/b"), { do: "delete", key: "d" }, { do: "delete", key: "d/" }, { do: "delete", key: "d/b" }, { do: "is empty", key: "d" }, { do: "is empty", key: "d/" }, { do: "is empty", key: "d/b" }, { do: "is empty", key: "d/a" }, { do: "is empty", key: "" },
    { do: "upload", key: "db/below", content: "5" }, { do: "exists", key: "db" }, { do: "list", key: "" },
    { do: "delete prefix", key: "d/b" }, { do: "list", key: "" }, { do: "is empty", key: "d/b" }, { do: "exists", key: "d/b" }, { do: "delete prefix", key: "d/" }, { do: "list", key: "" }, { do: "is empty", key: "d" },
  ],
  "thumbs": [
    { do: "upload", key: "p.png", bytes: PNG }, ...["10x20", "10x0", "0x10", "10x10t", "10x10b", "10x10f", "0x0", "x", "10x10z"].flatMap((name) => [{ do: "thumb", key: "p.png", to: `t/${name}`, name }, { do: "attributes", key: `t/${name}` }]),
    { do: "upload", key: "text", content: "no picture" }, { do: "thumb", key: "text", to: "t/text", name: "10x10" }, { do: "exists", key: "t/text" }, { do: "list", key: "t/" },
  ],
};

for (const [title, odd] of [["odd keys", ODD], ["strange keys", STRANGE], ["keys that are too long", TOO_LONG]]) {
  GROUPS[title] = odd.flatMap((key) => [
    { do: "upload", key, content: "odd" }, { do: "exists", key }, { do: "attributes", key }, { do: "read", key }, { do: "copy", key, to: "copied" }, { do: "delete", key: "copied" }, { do: "list", key: "" },
    ...(LEADS_OUT.test(key) ? [] : [{ do: "list", key }, { do: "is empty", key }, { do: "delete prefix", key: `${key}/` }]), { do: "delete", key }, { do: "delete", key }, { do: "exists", key }, { do: "list", key: "" },
  ]);
}

describe("operations of the file system", () => {
  const targets = [];
  before(async () => {
    targets.push(await startStock({ example: true }), await startWorker({ wasm: wasm(true) }));
  });
  after(() => Promise.all(targets.map((target) => target.stop())));

  const run = async (target, system, steps) => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${target.url}/example/files/${system}`, { method: "POST", headers, body: JSON.stringify(steps) });
    const text = await response.text();
    assert.equal(response.status, 200, text.slice(0, 1000));
    return JSON.parse(text);
  };
  const clear = async () => {
    for (const target of targets) {
      for (const system of ["storage", "backups"]) {
        const [{ value }] = await run(target, system, [{ do: "list", key: "" }]);
        for (const { key } of value.objects) await run(target, system, [{ do: "delete", key }]);
      }
    }
  };

  for (const system of ["storage", "backups"]) {
    for (const [title, steps] of Object.entries(GROUPS)) {
      test(`${system}: ${title}`, { timeout: 120_000 }, async () => {
        const [stock, worker] = await Promise.all(targets.map((target) => run(target, system, steps)));
        const seen = steps.flatMap((step, i) => unlike(timeless(stock[i]), timeless(worker[i])).map((line) => `${i}: ${step.do} ${JSON.stringify(step.key).slice(0, 60)}: ${line}`));
        assert.equal(seen.join("\n"), "");
        await clear();
      });
    }

    test(`${system}: 2,500 keys`, { timeout: 300_000 }, async () => {
      const steps = [
        { do: "upload many", key: "many/a/", count: 2500, content: "x" }, { do: "upload many", key: "many/b/c/", count: 3, content: "x" }, { do: "upload", key: "manyother", content: "x" },
        { do: "list", key: "" }, { do: "list", key: "many/a/" }, { do: "list", key: "many/a/01" }, { do: "is empty", key: "many/a" }, { do: "delete prefix", key: "many/a/020" }, { do: "list", key: "many/" },
        { do: "delete", key: "many/a" }, { do: "delete prefix", key: "many/" }, { do: "list", key: "" }, { do: "is empty", key: "many" },
      ];
      const [stock, worker] = await Promise.all(targets.map((target) => run(target, system, steps)));
      const seen = steps.flatMap((step, i) => unlike(timeless(stock[i]), timeless(worker[i])).map((line) => `${i}: ${step.do} ${step.key}: ${line}`));
      assert.equal(seen.join("\n"), "");
      assert.deepEqual(await keys(targets[1], system.toUpperCase()), ["manyother"]);
      await clear();
    });

    test(`${system}: served from Go`, async () => {
      const steps = [{ do: "write", key: "a/b c.txt", content: "0123456789", options: METADATA }, { do: "upload", key: "p.png", bytes: PNG }, { do: "upload", key: "large", size: 3 * MEBIBYTE }];
      await Promise.all(targets.map((target) => run(target, system, steps)));
      for (const path of ["a/b%20c.txt", "p.png", "large", "none", "a", "a/b%20c.txt?download=1"]) {
        for (const range of [undefined, "bytes=2-5", "bytes=-3", "bytes=0-1,4-5", "bytes=99999999-"]) {
          const answers = await Promise.all(targets.map(async (target) => {
            const response = await fetch(`${target.url}/example/files/${system}/serve/${path}`, { headers: range ? { range } : {} });
            const fields = ["content-type", "content-disposition", "content-range", "content-security-policy", "cache-control", "accept-ranges"].map((name) => response.headers.get(name)?.replace(/boundary=\w+/, ""));
            const text = Buffer.from(await response.arrayBuffer()).toString("latin1");
            return [response.status, fields, response.ok && (path === "large" || range?.includes(",")) ? text.length : text.replace(/(?:open|stat) <data>.*?: no such file or directory/, "file does not exist")];
          }));
          assert.deepEqual(answers[1], answers[0], `${path} ${range}`);
        }
      }
      await clear();
    });
  }

  test("folders that other tools have made are not in the way", async () => {
    const { STORAGE } = await targets[1].mf.getBindings("pocketflare-0");
    for (const key of ["folder/", "folder/in", "a//b", "./x"]) await STORAGE.put(key, "x");
    const [list, read, deleted] = await run(targets[1], "storage", [{ do: "list", key: "" }, { do: "read", key: "folder/in" }, { do: "delete prefix", key: "folder/" }]);
    assert.deepEqual([list.value.objects.map(({ key }) => key), read.value.content, deleted.value], [["folder/in"], "x", 0]);
  });
});

/** A result without what is measured, and an error's text without what is the system's: names of calls and of temporary files. */
function timeless(result) {
  const value = result.do === "copy" ? null : result.value;
  const error = result.error
    ?.toLowerCase()
    .replace(/\.[0-9a-f]+\.tmp/, ".tmp")
    .replace(/\b(?:open|stat|lstat|remove|mkdir) <data>.*: (no such file or directory)/s, "file does not exist")
    .replace(/\b(?:open|stat|lstat|remove|mkdir|rename) <data>.*: file name too long/s, "file name too long")
    .replace(/name too long for the file system/, "file name too long");
  return { ...result, value, error };
}
