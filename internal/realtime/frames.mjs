// What a hub sends to a connection.

/** Begins a frame with the client's new state, as JSON, for a connection that Go holds. */
export const STATE = "!";

/** @returns {string} the length of the name, ":", the name, the data */
export function messageFrame(name, data) {
  return `${name.length}:${name}${data}`;
}

/** @param {string} frame of a message @returns {[string, string]} name and data */
export function parseFrame(frame) {
  const colon = frame.indexOf(":");
  const end = colon + 1 + Number(frame.slice(0, colon));
  return [frame.slice(colon + 1, end), frame.slice(end)];
}
