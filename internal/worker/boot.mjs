// What PocketBase v0.40.4 asks of its databases when it starts on what it has made before. All of it is asked in one call of each
// database while Go is being started (internal/d1/prefetch.mjs). A statement that is missing here costs a round trip and nothing else;
// test/round-trips.test.mjs tells.

import { SCHEMA_QUERY } from "../d1/schema.mjs";

/** @type {Record<string, import("../d1/prefetch.mjs").Plan>} by binding */
export const BOOT_PLAN = {
  APP_DB: {
    queries: [
      { sql: SCHEMA_QUERY, params: [] },
      { sql: "SELECT `_collections`.* FROM `_collections` ORDER BY `rowid` ASC", params: [] },
      { sql: "SELECT `_params`.* FROM `_params` WHERE `id`=?", params: ["settings"] },
      // internal/watermark: the mark that what is loaded belongs to
      {
        sql: "SELECT CAST(collections||settings AS TEXT) AS mark FROM _pf_watermark WHERE (SELECT count(*) FROM sqlite_master WHERE type='trigger' AND name GLOB '_pf_watermark_*')=6",
        params: [],
        columns: ["mark"],
      },
      // internal/worker: whether there is anything yet
      {
        sql:
          "SELECT count(*) AS objects, count(CASE name WHEN '_migrations' THEN 1 END) AS migrated FROM sqlite_master" +
          " WHERE name NOT GLOB '_cf*' AND name NOT GLOB 'sqlite*'",
        params: [],
      },
      // internal/firstrun, with POCKETFLARE_ADMIN_EMAIL
      {
        sql: "SELECT count(*) FROM `_superusers` WHERE NOT (`email`=?)",
        params: ["__pbinstaller@example.com"],
        columns: ["count(*)"],
      },
    ],
    lookups: [
      { sql: "SELECT (1) FROM `_migrations` WHERE `file`=? LIMIT 1", column: "(1)", keys: "SELECT `file` FROM `_migrations`" },
    ],
    idle: ["CREATE TABLE IF NOT EXISTS `_migrations` (file VARCHAR(255) PRIMARY KEY NOT NULL, applied INTEGER NOT NULL)"],
  },
  LOGS_DB: {
    queries: [
      {
        sql: "SELECT (1) FROM `sqlite_schema` WHERE (`type` IN (?, ?)) AND (LOWER(`name`)=LOWER(?)) LIMIT 1",
        params: ["table", "view", "_logs"],
        columns: ["(1)"],
      },
    ],
    lookups: [],
    idle: [],
  },
};
