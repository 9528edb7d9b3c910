/** What a superuser does in the admin UI: sign in, make collections, keep records, read logs, change settings. */
import { CONFIRM, choose, click, eventually, expectToast, fill, named, part, press, textOf, toggle, write } from "./page.mjs";

const COLLECTION = part("collectionUpsertModal");
const RECORD = part("recordUpsertModal");
const RECORDS = part("recordsListTable");

/** Fills in the form of the first superuser, at the address that carries the token. */
export async function createFirstSuperuser(page, { email, password }) {
  const form = part("installerForm");
  await fill(page, `${form} [name="email"]`, email);
  await fill(page, `${form} [name="password"]`, password);
  await fill(page, `${form} [name="passwordConfirm"]`, password);
  await press(page, "Create superuser and login", form);
}

export async function login(page, { email, password }) {
  const form = part("authWithPasswordForm");
  await fill(page, `${form} [name="identity"]`, email);
  await fill(page, `${form} [name="password"]`, password);
  await press(page, "Login", form);
}

export async function logout(page, { email }) {
  await press(page, email, part("appHeader"));
  await press(page, "Logout", part("loggedUserDropdown"));
}

/** Opens a page by the part of its address after the #, as a link or a bookmark would. */
export async function visit(page, hash, selector) {
  await page.evaluate((to) => window.location.assign(to), hash);
  await page.waitForSelector(selector);
}

/** Opens a collection from the sidebar. */
export async function openCollection(page, name) {
  await visit(page, "#/collections", part("pageCollections"));
  await click(page, `button.nav-item[title="${name}"]`);
  await page.waitForSelector(`.breadcrumbs [title="${name}"]`);
}

/**
 * @typedef {object} NewField
 * @property {string} type as the UI calls it ("Plain text", "Rich editor", ...)
 * @property {string} name
 * @property {string[]} [choices] of a select
 * @property {string} [collection] that a relation points to
 * @property {boolean} [multiple] whether a select or a relation takes several
 * @property {boolean} [required]
 */

/**
 * Fills in a new base collection and leaves the form open, for createCollection's caller to look at.
 *
 * @param {string} name
 * @param {NewField[]} fields
 */
export async function fillNewCollection(page, name, fields) {
  await press(page, "New collection");
  await fill(page, `${COLLECTION} input[name="name"]`, name);
  for (const field of fields) await addField(page, field);
}

/** Saves the form that fillNewCollection left open. */
export async function saveNewCollection(page, name) {
  await press(page, "Create", COLLECTION);
  await expectToast(page, `Successfully created collection "${name}".`);
  await page.waitForSelector(COLLECTION, { hidden: true });
}

async function addField(page, { type, name, choices, collection, multiple, required }) {
  const before = await fieldNames(page);
  await press(page, "New field", COLLECTION);
  await press(page, type, `${COLLECTION} .field-types-dropdown`);
  // The new field stands before the dates that the UI adds by itself, under the first free name of its type.
  const position = await eventually(async () => {
    const added = (await fieldNames(page)).findIndex((other) => !before.includes(other));
    if (added < 0) throw new Error(`no field of type ${type} was added`);
    return added;
  });
  const input = `input[name="fields.${position}.name"]`;
  await fill(page, `${COLLECTION} ${input}`, name);

  const field = `${COLLECTION} details:has(${input})`;
  if (choices) {
    await click(page, `${field} [placeholder="Add choices*"]`);
    await fill(page, `${field} textarea`, choices.join("\n"));
    await page.$eval(`${field} textarea`, (element) => element.blur());
  }
  if (collection) await choose(page, `${field} .collections-select`, collection);
  if (multiple) await choose(page, `${field} .single-multiple-select`, "Multiple");
  if (required) {
    await press(page, "Field options", field);
    await toggle(page, `${field} input[name$=".required"]`);
    await press(page, "Field options", field);
  }
}

function fieldNames(page) {
  return page.$$eval(`${COLLECTION} .prop-name input`, (inputs) => inputs.map(({ value }) => value));
}

/** Unlocks an API rule ("listRule", ...) of the open collection and writes it. */
export async function changeRule(page, rule, expression) {
  await press(page, "Collection settings");
  await press(page, "API rules", COLLECTION);
  const field = `${COLLECTION} [name="${rule}"]`;
  await press(page, "Unlock and set custom rule", field);
  await write(page, field, expression);
}

/** Saves the settings of the open collection. */
export async function saveCollection(page, name) {
  await press(page, "Save changes", COLLECTION);
  await expectToast(page, `Successfully updated collection "${name}".`);
  await page.waitForSelector(COLLECTION, { hidden: true });
}

/** How to fill in a field of the record form, by the type of the field. */
const ENTER = {
  text: (page, field, value) => fill(page, field, value),
  number: (page, field, value) => fill(page, field, value),
  email: (page, field, value) => fill(page, field, value),
  password: (page, field, value) => fill(page, field, value),
  url: (page, field, value) => fill(page, field, value),
  date: (page, field, value) => fill(page, field, value),
  bool: (page, field) => toggle(page, field),
  select: (page, field, value) => choose(page, field, ...[value].flat()),
  json: (page, field, value) => write(page, field, value),
  editor: enterRichText,
  relation: pickRecord,
  file: addFiles,
  async geoPoint(page, _field, { lon, lat }) {
    await fill(page, named("Longitude:", RECORD, "spinbutton"), lon);
    await fill(page, named("Latitude:", RECORD, "spinbutton"), lat);
  },
};

async function enterRichText(page, field, text) {
  await click(page, `${RECORD} .field-type-editor:has(${field}) iframe`);
  await page.keyboard.type(text);
  await click(page, `${RECORD} .modal-header`);
}

async function addFiles(page, field, paths) {
  const input = await page.waitForSelector(`${RECORD} .field-type-file:has(${field}) input[type="file"]`);
  await input.uploadFile(...[paths].flat());
}

async function pickRecord(page, field, summary) {
  await press(page, "Open records picker", `${RECORD} ${field}`);
  await click(page, `.records-picker-list ::-p-text(${summary})`);
  await press(page, "Set selection");
  await page.waitForSelector(".records-picker-modal", { hidden: true });
}

/**
 * Opens an empty record of the open collection and fills it in.
 *
 * @param {Record<string, [type: string, value: unknown]>} values by the name of the field
 */
export async function fillNewRecord(page, values) {
  await click(page, ".new-record-btn");
  await fillRecord(page, values);
}

/** Opens the record whose row shows this text. */
export async function openRecord(page, text) {
  await click(page, `${RECORDS} tbody tr ::-p-text(${text})`);
  await page.waitForSelector(named("Save changes", RECORD));
}

export async function fillRecord(page, values) {
  await page.waitForSelector(`${RECORD} .record-field-input`);
  for (const [name, [type, value]] of Object.entries(values)) {
    const field = `[name="${name}"]`;
    await ENTER[type](page, ["editor", "relation", "file"].includes(type) ? field : `${RECORD} ${field}`, value);
  }
}

/** Marks the file of that place in a field of the open record to be removed when the record is saved. */
export async function removeFile(page, field, index = 0) {
  await press(page, "Remove file", `${RECORD} .field-type-file:has([name="${field}"]) .list-item:nth-child(${index + 1})`);
}

/**
 * Waits until the thumbs in a part of the page are loaded.
 * @returns {Promise<{ url: string, width: number, height: number }[]>} in the order in which they are shown
 */
export async function thumbs(page, selector, count) {
  await page.waitForFunction(
    (within, expected) => {
      const images = [...document.querySelectorAll(`${within} .thumb img`)];
      return images.length === expected && images.every(({ complete, naturalWidth }) => complete && naturalWidth > 0);
    },
    {},
    selector,
    count,
  );
  return page.$$eval(`${selector} .thumb img`, (images) =>
    images.map(({ src, naturalWidth, naturalHeight }) => ({ url: src, width: naturalWidth, height: naturalHeight })),
  );
}

/** Saves the open record, new or not. */
export async function saveRecord(page) {
  const isNew = (await textOf(page, `${RECORD} .modal-footer .btns .btn`)) === "Create";
  await press(page, isNew ? "Create" : "Save changes", RECORD);
  await expectToast(page, isNew ? "Successfully created" : "Successfully updated");
  await page.waitForSelector(RECORD, { hidden: true });
}

/** Deletes the open record from its menu. */
export async function deleteOpenRecord(page) {
  await press(page, "More options", `${RECORD} .modal-header`);
  await press(page, "Delete", `${RECORD} .modal-header :popover-open`);
  await press(page, "Delete record", CONFIRM);
  await expectToast(page, "Successfully deleted record");
}

/** Marks the rows that show these texts. */
export async function selectRecords(page, ...texts) {
  for (const text of texts) {
    const row = await page.waitForSelector(`${RECORDS} tbody tr:has(label) ::-p-text(${text})`);
    const box = await row.evaluateHandle((element) => element.closest("tr").querySelector("label"));
    await box.asElement().click();
  }
}

/** Deletes the marked records. */
export async function deleteSelected(page) {
  await press(page, "Delete", ".records-bulkbar");
  await press(page, "Yes", CONFIRM);
  await expectToast(page, "Successfully deleted");
}

/** Filters the list of the open collection; an empty filter shows all of it again. */
export async function filterRecords(page, filter) {
  const form = `${part("pageCollections")} form`;
  if (!filter) return press(page, "Clear", form);
  await write(page, form, filter);
  await press(page, "Search", form);
}

/**
 * The rows of the list on the page, each with the text of its cells by the name of the field.
 *
 * @returns {Promise<Record<string, string>[]>}
 */
export async function rows(page) {
  return page.$$eval(`${RECORDS} tbody tr.handle`, (elements) =>
    elements.map((row) =>
      Object.fromEntries([...row.querySelectorAll("td[data-name]")].map((cell) => [cell.dataset.name, cell.innerText.trim()])),
    ),
  );
}

/** Creates a view collection from its query. */
export async function createView(page, name, query) {
  await press(page, "New collection");
  await fill(page, `${COLLECTION} input[name="name"]`, name);
  await press(page, "Type: Base", COLLECTION);
  await press(page, "View collection", COLLECTION);
  await write(page, `${COLLECTION} [name="viewQuery"]`, query);
  await saveNewCollection(page, name);
}

/** Renames a field of the open collection in its settings, which is left to be saved. */
export async function renameField(page, from, to) {
  await press(page, "Collection settings");
  const position = await eventually(async () => {
    const found = (await fieldNames(page)).indexOf(from);
    if (found < 0) throw new Error(`no field ${from}`);
    return found;
  });
  await fill(page, `${COLLECTION} input[name="fields.${position}.name"]`, to);
}

/** Saves the settings of the open collection and confirms that they change what is stored. */
export async function saveRiskyChanges(page, name) {
  await press(page, "Save changes", COLLECTION);
  await press(page, "Yes, save changes", CONFIRM);
  await expectToast(page, `Successfully updated collection "${name}".`);
  await page.waitForSelector(COLLECTION, { hidden: true });
}

/** Takes "Truncate" or "Delete" from the menu of the open collection and types its name to confirm. */
export async function emptyOrDeleteCollection(page, action, name) {
  await press(page, "Collection settings");
  await press(page, "More options", `${COLLECTION} .modal-header`);
  await press(page, action, `${COLLECTION} .modal-header`);
  await fill(page, `${CONFIRM} input`, name);
  await press(page, "Yes", CONFIRM);
  await expectToast(page, `${action === "Delete" ? "Successfully deleted" : "Successfully truncated"} collection "${name}".`);
}

/** Adds collections to the existing ones on the import page, up to the review of the changes. */
export async function reviewImport(page, collections) {
  const importing = part("pageImportCollections");
  await visit(page, "#/settings/import-collections", importing);
  await fill(page, `${importing} textarea`, JSON.stringify(collections));
  await toggle(page, `${importing} input.switch`);
  await press(page, "Review", importing);
}
