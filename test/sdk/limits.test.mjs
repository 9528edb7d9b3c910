/** Rate limits. */
import assert from "node:assert/strict";

import { suite } from "../harness.mjs";
import { numbers } from "../support/blog.mjs";
import { refused } from "../support/expect.mjs";

suite("rate limits", {}, (on) => {
  on.test("requests past a rule are refused, those of superusers are not", async (target) => {
    const admin = await target.admin();
    await admin.settings.update({
      rateLimits: {
        enabled: true,
        rules: [
          { label: "users:auth", maxRequests: 3, duration: 60 },
          { label: "GET /api/health", maxRequests: 5, duration: 60, audience: "@guest" },
        ],
      },
    });
    const client = target.client();
    const answers = await Promise.all(numbers(8).map(() => client.health.check().then((health) => health.code, (error) => error.status)));
    assert.deepEqual(answers.sort(), [200, 200, 200, 200, 200, 429, 429, 429]);
    for (const _ of numbers(3)) await refused(client.collection("users").authWithPassword("a@example.com", "wrong"), 400);
    await refused(client.collection("users").authWithPassword("a@example.com", "wrong"), 429);
    for (const _ of numbers(8)) await admin.health.check();
    await admin.settings.update({ rateLimits: { enabled: false } });
    await client.health.check();
  });
});
