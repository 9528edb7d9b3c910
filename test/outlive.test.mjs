/** What a request leaves behind: goroutines that go on when it has been answered. */
import assert from "node:assert/strict";

import { suite } from "./harness.mjs";
import { eventually, exchange } from "./support/http.mjs";

suite("a goroutine that outlives its request", { example: true }, (on) => {
  for (const after of [0, 20, 300, 1500]) {
    on.test(`has its transaction stored as its steps were answered, ${after} ms later`, async ({ url }) => {
      const id = `later${String(after).padStart(10, "0")}`;
      assert.equal((await exchange(`${url}/example/later/${id}?after=${after}`, { method: "POST" })).status, 204);
      const { text } = await eventually(() => exchange(`${url}/example/later/${id}`), (answer) => !answer.text.includes("null"));
      assert.deepEqual(JSON.parse(text), { outcome: "stored" });
      const note = await exchange(`${url}/api/collections/notes/records/${id}`);
      assert.equal(JSON.parse(note.text).title, "first");
    });
  }
});
