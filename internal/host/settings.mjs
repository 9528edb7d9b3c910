// The Worker's variables. wrangler.toml may give a number, or true and false, where a secret and .dev.vars give a text.

/** What the variables of this project's own begin with. */
const PREFIX = "POCKETFLARE_";

/** All of them; docs/configuration.md. */
export const NAMES = [
  "ADMIN_EMAIL",
  "ADMIN_PASSWORD",
  "APP_URL",
  "D1_MAX_STATEMENTS",
  "D1_SCRATCH",
  "D1_SESSIONS",
  "D1_WRITE_TOKENS",
  "DIRECT_DOWNLOAD_MIN",
  "EARLY_START",
  "MEMORY_CEILING_MB",
  "MEMORY_LIMIT_MB",
  "R2_TIMEOUT_SECONDS",
  "REALTIME_SHARDS",
  "SETUP_KEY",
  "STALL_SECONDS",
].map((name) => PREFIX + name);

const SWITCH = new Map([
  ["1", true],
  ["true", true],
  ["0", false],
  ["false", false],
]);

/** What was said of variables in this isolate, so that it is said once. */
const said = new Set();

/**
 * @param {object} env an event's bindings
 * @returns {Record<string, string>} the variables among them, as the environment of a program
 */
export function variables(env) {
  const texts = {};
  for (const [name, value] of Object.entries(env)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") texts[name] = String(value);
  }
  return texts;
}

/** Has the log tell of variables that look like this project's and that nothing reads: a misspelt setup key leaves the setup page open. @param {object} env */
export function tellUnknown(env) {
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX) || NAMES.includes(name)) continue;
    console.warn(`pocketflare: ${name} is set, but there is no such variable: its name may be misspelt; docs/configuration.md lists them all`);
  }
}

/**
 * @param {object} env
 * @param {string} name
 * @param {number} fallback where it is not set, or no number above 0, of which the log tells
 * @returns {number}
 */
export function numberSetting(env, name, fallback) {
  return setting(env, name, fallback, toNumber, "a number above 0");
}

/**
 * @param {object} env
 * @param {string} name
 * @param {number} fallback where it is not set, or no whole number from 1 to `most`, of which the log tells
 * @param {number} most
 * @returns {number}
 */
export function countSetting(env, name, fallback, most) {
  const toCount = (given) => (Number.isInteger(toNumber(given)) && given <= most ? Number(given) : undefined);
  return setting(env, name, fallback, toCount, `a whole number from 1 to ${most}`);
}

/**
 * @param {object} env
 * @param {string} name
 * @param {boolean} fallback where it is not set, or no switch, of which the log tells
 * @returns {boolean}
 */
export function switchSetting(env, name, fallback) {
  return setting(env, name, fallback, toSwitch, "1 or 0");
}

/** Whether a switch is on. What is none is off: the program reads it as well, and says so. */
export function isOn(value) {
  return toSwitch(value) === true;
}

function setting(env, name, fallback, parse, what) {
  const given = env[name];
  if (given === undefined || given === "") return fallback;
  const value = parse(given);
  if (value !== undefined) return value;
  const message = `pocketflare: ${name} is ${JSON.stringify(given)}; it must be ${what}, so ${Number(fallback)} is used`;
  if (!said.has(message)) console.warn(message);
  said.add(message);
  return fallback;
}

/** @returns {number | undefined} */
function toNumber(given) {
  const value = Number(given);
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

/** @returns {boolean | undefined} */
function toSwitch(given) {
  return SWITCH.get(String(given).toLowerCase());
}
