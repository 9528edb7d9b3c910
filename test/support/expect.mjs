import assert from "node:assert/strict";

/**
 * Asserts that a call of the SDK is refused so.
 *
 * @param {Promise<unknown>} call
 * @param {number} status
 * @param {Record<string, string>} [codes] the validation code of each field that the error names
 * @returns {Promise<import("pocketbase").ClientResponseError>}
 */
export async function refused(call, status, codes) {
  const error = await call.then(
    (value) => assert.fail(`not refused: ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  if (error?.name !== "ClientResponseError 0" && !String(error?.name).startsWith("ClientResponseError")) throw error;
  assert.equal(error.status, status, JSON.stringify(error.response));
  if (codes) {
    const seen = Object.fromEntries(Object.entries(error.response.data ?? {}).map(([name, { code }]) => [name, code]));
    assert.deepEqual(seen, codes);
  }
  return error;
}
