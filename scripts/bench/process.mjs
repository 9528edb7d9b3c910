/** What the operating system knows of the processes that this one has started. Linux only; elsewhere nothing is known. */
import { readFileSync, readdirSync } from "node:fs";

/** Milliseconds of a tick of /proc/<id>/stat: USER_HZ is 100 on every Linux. */
const TICK = 10;

/** @returns {number[]} the ids of the processes that this one has started and that still run */
export function childProcesses() {
  try {
    const threads = readdirSync("/proc/self/task");
    return threads.flatMap((id) => readFileSync(`/proc/self/task/${id}/children`, "utf8").split(" ").filter(Boolean).map(Number));
  } catch {
    return [];
  }
}

/** @returns {number} the CPU time that the process has used, all its threads together; NaN if that cannot be known */
export function cpuMilliseconds(id) {
  try {
    const fields = readFileSync(`/proc/${id}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK;
  } catch {
    return NaN;
  }
}

/** @returns {number} the bytes of the process that are in memory; NaN if that cannot be known */
export function residentBytes(id) {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))[1]);
  } catch {
    return NaN;
  }
}
