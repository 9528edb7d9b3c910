/**
 * An error of the Worker itself, in the form of PocketBase's own.
 * @param {number} status
 * @param {string} message a sentence, with what to do
 * @param {Record<string, string>} [headers]
 * @returns {Response}
 */
export function errorResponse(status, message, headers = {}) {
  const text = message[0].toUpperCase() + message.slice(1);
  return Response.json(
    { data: {}, message: text, status },
    { status, headers: { "Cache-Control": "no-store", "Access-Control-Allow-Origin": "*", ...headers } },
  );
}
