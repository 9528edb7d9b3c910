import { readdirSync, statSync, watch } from "node:fs";
import { join, sep } from "node:path";

/**
 * Watches the files below a directory, whichever directories come and go. Node's own recursive watch cannot leave
 * directories out, and node_modules alone has thousands.
 *
 * @param {string} root
 * @param {object} options
 * @param {(path: string) => boolean} options.enters whether to look into a directory
 * @param {(path: string) => boolean} options.concerns whether a file matters
 * @param {(path: string) => void} options.changed called with the path of what was written, made or removed
 * @returns {() => void} ends it
 */
export function watchTree(root, { enters, concerns, changed }) {
  const watchers = new Map();

  function add(directory) {
    if (watchers.has(directory)) return;
    try {
      const watcher = watch(directory, (_event, name) => name && notice(join(directory, name)));
      watcher.on("error", () => remove(directory));
      watchers.set(directory, watcher);
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        const path = join(directory, entry.name);
        if (entry.isDirectory() && enters(path)) add(path);
      }
    } catch (error) {
      if (error.code !== "ENOENT") throw error; // it was removed again
    }
  }

  function remove(directory) {
    for (const [path, watcher] of watchers) {
      if (path !== directory && !path.startsWith(directory + sep)) continue;
      watcher.close();
      watchers.delete(path);
    }
  }

  function notice(path) {
    const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
    if (isDirectory === undefined) remove(path);
    if (isDirectory && !watchers.has(path) && enters(path)) {
      add(path);
      changed(path);
    } else if (!isDirectory && concerns(path)) {
      changed(path);
    }
  }

  add(root);
  return () => remove(root);
}
