/**
 * What a page did behind what it shows: the responses that it got, the requests that failed, what it wrote to the
 * console and what it threw.
 */

/** The browser writes this for each response of 400 and above, which are told apart here by request. */
const STATUS_MESSAGE = /^Failed to load resource: the server responded with a status of/;

/**
 * @typedef {object} Seen
 * @property {string} method
 * @property {string} url
 * @property {number} status
 * @property {Record<string, string>} headers lower-case names
 *
 * @typedef {object} Watch
 * @property {Seen[]} responses every response, in the order of arrival
 * @property {() => string[]} takeProblems what went wrong since the last call: one line for each failed request,
 *   response of 400 and above, console error or warning and uncaught exception
 */

/**
 * watch notes everything a page does from now on.
 *
 * @param {import("puppeteer-core").Page} page
 * @returns {Watch}
 */
export function watch(page) {
  const responses = [];
  let problems = [];

  page.on("response", (response) => {
    const seen = {
      method: response.request().method(),
      url: response.url(),
      status: response.status(),
      headers: response.headers(),
    };
    responses.push(seen);
    if (seen.status >= 400) problems.push(`${seen.method} ${pathOf(seen.url)} answered ${seen.status}`);
  });
  page.on("requestfailed", (request) => {
    const reason = request.failure()?.errorText;
    // The JS SDK cancels a request when the same one is sent again, and leaving a page cancels what is under way.
    if (reason !== "net::ERR_ABORTED") problems.push(`${request.method()} ${pathOf(request.url())} failed: ${reason}`);
  });
  page.on("console", (message) => {
    if (!["error", "warn"].includes(message.type()) || STATUS_MESSAGE.test(message.text())) return;
    problems.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => problems.push(`uncaught: ${error?.message ?? error}`));

  return {
    responses,
    takeProblems() {
      const taken = problems;
      problems = [];
      return taken;
    },
  };
}

function pathOf(url) {
  const { protocol, pathname } = new URL(url);
  return protocol.startsWith("http") ? pathname : url.slice(0, 100);
}
