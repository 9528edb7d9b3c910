// One Go runtime an isolate: boot, scopes, the host functions that Go calls, timers, recovery. docs/runtime.md tells why it is as it is.

import appWasm from "./build/app.wasm";
import "./build/wasm_exec.js";
import { SCRATCH_MEMORY, ScratchKeeper } from "./internal/d1/scratch.mjs";
import { Prefetch } from "./internal/d1/prefetch.mjs";
import { StorageError } from "./internal/files/bucket.mjs";
import { Direct } from "./internal/files/direct.mjs";
import { createDisk } from "./internal/files/disk.mjs";
import { Clock, TooEarly } from "./internal/host/clock.mjs";
import { divideEnvironment } from "./internal/host/environment.mjs";
import { ANSWERS, D1_CALL, OPERATIONS, OWN } from "./internal/host/operations.mjs";
import { pendingEventImports } from "./internal/host/pending.mjs";
import { PUMP_INTERVAL } from "./internal/host/scope.mjs";
import { numberSetting, variables } from "./internal/host/settings.mjs";
import { unpackAnswer } from "./internal/httpbridge/bridge.mjs";
import { createFileSystem } from "./internal/memfs/memfs.mjs";
import { Realtime, STALE } from "./internal/realtime/door.mjs";
import { Writer } from "./internal/wire/wire.mjs";
import { BOOT_PLAN } from "./internal/worker/boot.mjs";

// The kinds of events that are reported to Go; internal/host/door_js.go.
const EVENT_BEGIN = 1;
const EVENT_REPLY = 2;
const EVENT_FAILED = 3;
const EVENT_CANCEL = 4;
const EVENT_TIMER = 5;
const EVENT_STALL = 6;
const EVENT_FAULT = 7;
const EVENT_COLLECT = 8;
const EVENT_WAIT = 9;

const MEBIBYTE = 1024 * 1024;

/** What a call of D1 counts in the number that tells Go the calls and, below, the statements; costBits in internal/host/door_js.go. */
const COST_UNIT = 2 ** 26;

/** Past this size of linear memory, which never shrinks, an instance takes no new requests and a fresh one is started. */
const MEMORY_LIMIT = 80;

/** At this size the instance is given up at once: an isolate has 128 MB for everything. */
const MEMORY_CEILING = 112;

/** What a scratch leaves of that, in bytes, for the program to grow while it is there. */
const SCRATCH_RESERVE = 8 * MEBIBYTE;

/** How late Go may be started by the event whose boot it is, in milliseconds, before another one does it. */
const START_LIMIT = 100;

/** How long an event may wait, in seconds, with no operation of its own started or settled, until Go finds it deadlocked, or not: it looks twice. */
const STALL_LIMIT = 30;

/** How long it may wait, in milliseconds, if it is not. PocketBase's own server gives a request as long. */
const REQUEST_LIMIT = 300_000;

/** How long a call of R2 may take, in seconds, before it is given up. */
const R2_TIMEOUT = 30;

/** A scope is taken for cancelled by the platform when its pump is this late, in milliseconds, while others run. */
const LOST_PUMP = 5 * PUMP_INTERVAL;

const EMPTY = new Uint8Array(0);

/** Why a request could not be served by an instance; it can be tried again. */
export class RuntimeError extends Error {
  name = "RuntimeError";
}

/** One instance of the Go program. */
export class Runtime {
  /** "new" (no event has come), "booting", "ready", "retired" (serves what it has, takes nothing new) or "dead". */
  state = "new";
  /** What Go's boot asks of the databases, by binding; null when it is over. */
  prefetched = null;
  /** Whether realtime connections are Go's to answer, since the app has handlers for them; undefined until Go is ready. */
  holdsConnections;
  /** The bookmark of what Go has in memory of a database with replicas; internal/d1/session.mjs. */
  pinned = null;
  /** Milliseconds of each phase of the boot. */
  phases = { instantiate: 0, go: 0, bootstrap: 0, router: 0 };
  /** The disk that Go sees; internal/files/disk.mjs. */
  disk = null;
  /** How long R2 is waited for, in milliseconds; internal/files/bucket.mjs. */
  patience;
  /** Transfers between clients and R2; internal/files/direct.mjs. */
  direct;
  /** The environment variables that Go asks for; internal/host/environment.mjs. */
  lateEnvironment = [];
  /** SQLite in the isolate, for transactions. */
  scratch = new ScratchKeeper();

  #env;
  #go;
  #exports;
  #current = null;
  #scopes = new Map();
  #lastScope = 0;
  #lastCall = 0;
  #clock;
  #parcel = EMPTY;
  #stranded = [];
  #ended = []; // the scopes that have ended and that Go has not forgotten, by id
  #lastSweep = performance.now();
  #progress = performance.now();
  #markedAt;
  #phase = "go";
  #waiting = new Set();
  #listeners = null; // by realtime hub, the version of its listeners that Go has
  #exitCode = 0;
  #flushOutput;
  #reason;
  #memoryLimit;
  #memoryCeiling;
  #stallLimit;

  /**
   * @param {object} env the bindings
   * @param {boolean} inEvent whether there is an event
   */
  constructor(env, inEvent) {
    this.#env = env;
    this.#clock = new Clock(inEvent, (at) => this.#wakeBefore(at));
    this.#memoryLimit = numberSetting(env, "POCKETFLARE_MEMORY_LIMIT_MB", MEMORY_LIMIT) * MEBIBYTE;
    this.#memoryCeiling = Math.max(numberSetting(env, "POCKETFLARE_MEMORY_CEILING_MB", MEMORY_CEILING) * MEBIBYTE, this.#memoryLimit);
    this.#stallLimit = numberSetting(env, "POCKETFLARE_STALL_SECONDS", STALL_LIMIT) * 1000;
    this.patience = numberSetting(env, "POCKETFLARE_R2_TIMEOUT_SECONDS", R2_TIMEOUT) * 1000;
    this.direct = new Direct(env, this.patience);
    if (env.REALTIME_DO) this.#listeners = new Map();
  }

  /** Has Go begin its start before there is an event, as far as it comes: until it waits for one. */
  prepare() {
    this.#start(null);
  }

  /**
   * Starts Go, or has it go on. It boots in the scope's context and, should that end, in those of the others that wait.
   * @param {import("./internal/host/scope.mjs").Scope} scope
   */
  boot(scope) {
    this.state = "booting";
    this.#progress = this.#lastSweep = this.#markedAt = performance.now();
    this.#clock.start();
    this.attach(scope); // Go hears of the event when this turn is over
    this.prefetched = Object.fromEntries(Object.entries(BOOT_PLAN).map(([name, plan]) => [name, new Prefetch(scope, name, plan)]));
    // Go's start keeps the thread busy, and what was asked leaves only when the event loop has had a turn.
    if (!this.#go) setTimeout(() => this.#start(scope), 0);
    scope.keepAlive();
  }

  /** Starts Go in the scope's turn, or in none, unless it was started. */
  #start(scope) {
    if (this.#go || this.state === "dead" || scope?.ended) return;
    try {
      this.#launch(scope);
    } catch (error) {
      this.#fail(error, "PocketBase could not be started: ");
    }
  }

  #launch(scope) {
    const started = performance.now();
    const { fs: memory, path, flush } = createFileSystem({ log: printLine, cwd: globalThis.process?.cwd() });
    this.#flushOutput = flush;
    const { fs, disk } = createDisk(memory, {
      scope: () => this.#callingScope(),
      run: (owner, task, done) => this.#runFileCall(owner, task, done),
      memory: () => this.memory,
      collect: (turn) => this.#enter(turn, EVENT_COLLECT, 0, EMPTY),
      copies: () => this.#exports.pocketflare_copies() === 1,
    });
    this.disk = disk;
    globalThis.fs = fs;
    globalThis.path = path;
    const go = (this.#go = new globalThis.Go());
    go.argv = ["/pocketflare"]; // PocketBase's data directory is beside it
    // The collector is off until there is an event (host.AwaitEvent).
    const own = { TMPDIR: "/tmp", HOME: "/tmp", GOGC: "off", PB_THUMBS_MAX_WORKERS: "1", GODEBUG: "gcshrinkstackoff=1,multipartfiles=distinct" };
    const { early, late } = divideEnvironment({ ...own, ...variables(this.#env) });
    go.env = early;
    this.lateEnvironment = late;
    go.exit = (code) => (this.#exitCode = code);
    go._resolveExitPromise = () => {}; // it is the first event's, which may be over; #inTurn looks at go.exited
    Object.assign(go.importObject.gojs, this.#clock.imports(go), this.#memoryImports(go, fs), pendingEventImports(go));
    go.importObject.pocketflare = this.#imports();
    const instance = new WebAssembly.Instance(appWasm, go.importObject);
    this.#exports = instance.exports;
    this.#markedAt = performance.now();
    this.phases.instantiate = this.#markedAt - started;
    this.#inTurn(scope, () => go.run(instance).catch((error) => this.#fail(error)));
  }

  /** When Go's next timer is due, in performance.now() milliseconds. */
  get nextTimer() {
    return this.#clock.next;
  }

  /** The size of linear memory in bytes. */
  get memory() {
    return this.#exports?.mem.buffer.byteLength ?? 0;
  }

  /** Whether new events may be given to this instance. */
  get open() {
    return this.state === "new" || this.state === "booting" || this.state === "ready";
  }

  /**
   * Resolves when Go serves; rejects with a RuntimeError if it cannot. Each event needs a promise of its own: one that another
   * event has made never settles for this one when that is cancelled.
   * @returns {Promise<void>}
   */
  ready() {
    if (this.state === "ready") return Promise.resolve();
    if (this.state === "dead") return Promise.reject(this.#reason);
    const waiting = Promise.withResolvers();
    this.#waiting.add(waiting);
    return waiting.promise;
  }

  /** Operation: opens the scratch, if there is memory for it. */
  async openScratch(payload) {
    if (this.memory + SCRATCH_MEMORY > this.#memoryCeiling - SCRATCH_RESERVE) throw new Error("too little memory is left for a scratch");
    await this.scratch.open(payload);
  }

  /** Makes the scope one of this instance's. */
  attach(scope) {
    scope.id = ++this.#lastScope;
    scope.runtime = this;
    if (this.#listeners) scope.realtime = new Realtime(scope, this.#listeners);
    this.#scopes.set(scope.id, scope);
    for (const { task, finish } of this.#stranded.splice(0)) this.#hand(scope, task, finish);
  }

  /**
   * Hands Go the scope's event. Its answer arrives at scope.answer.
   * @param {import("./internal/host/scope.mjs").Scope} scope
   * @param {Uint8Array} packet
   */
  begin(scope, packet) {
    if (scope.ended) return; // the instance died while the event waited for it
    scope.progress = performance.now();
    this.#enter(scope, EVENT_BEGIN, scope.id, packet);
    if (scope.busy) scope.keepAlive();
    else this.#endIfIdle(scope);
  }

  /** Tells Go that nobody waits for the scope's event any more. */
  cancel(scope) {
    if (!scope.ended) this.#enter(scope, EVENT_CANCEL, scope.id, EMPTY);
  }

  /** Gives up a scope whose response could not be made. */
  abandon(scope, error) {
    if (!scope.ended) this.#drop(scope, scope, error);
  }

  /** A pump's turn: Go's timers that are due, and a look at what should have moved. */
  tick(scope) {
    const now = performance.now();
    if (now - this.#progress > START_LIMIT) this.#start(scope);
    if (this.nextTimer <= now) this.#enter(scope, EVENT_TIMER, 0, EMPTY);
    if (now - this.#lastSweep >= PUMP_INTERVAL) {
      this.#sweep(scope, now);
      this.scratch.tidy(false);
    }
    this.#checkProgress(scope, now);
    this.#endIfIdle(scope);
  }

  /** Has Go examine what has waited long without an operation of its own, and gives up what is deadlocked. */
  #checkProgress(scope, now) {
    if (scope.handled || scope.inFlight > 0) return;
    const seconds = this.#stallLimit / 1000;
    if (this.state === "booting") {
      if (now - this.#progress > this.#stallLimit) this.#die(`PocketBase has not started: nothing moved for ${seconds} s`);
    } else if (scope.stuck) {
      this.#retire("a request is deadlocked");
      this.#drop(scope, scope, new RuntimeError(`the request was deadlocked: it made no progress for ${seconds} s`));
    } else if (now - scope.progress > REQUEST_LIMIT) {
      this.#drop(scope, scope, new RuntimeError(`the request made no progress for ${REQUEST_LIMIT / 1000} s`));
    } else if (now - Math.max(scope.progress, scope.examined) > this.#stallLimit / 2) {
      const kind = scope.examined > scope.progress ? EVENT_STALL : EVENT_WAIT;
      scope.examined = now;
      this.#enter(scope, kind, scope.id, EMPTY);
    }
  }

  /**
   * Gives up scopes whose events the platform has cancelled: their pumps no longer run, and their operations never settle. Pumps are late, too,
   * when the isolate slept or was busy; but then they run before the next look.
   */
  #sweep(turn, now) {
    this.#lastSweep = now;
    for (const scope of this.#scopes.values()) {
      if (!scope.pumping || now - scope.beat <= LOST_PUMP) continue;
      if (scope.missed === scope.beat) this.#drop(scope, turn, new RuntimeError("the event was cancelled"));
      else scope.missed = scope.beat;
    }
  }

  // What Go calls. None of these may throw: the exception would tear through Go's stack.

  #imports() {
    return {
      submit: (scope, op, at, length) => {
        const call = ++this.#lastCall;
        this.#submit(this.#scopes.get(scope), call, op, at, length);
        return call;
      },
      ask: (what, at, length) => {
        try {
          this.#parcel = ANSWERS[what](this, new Uint8Array(this.#exports.mem.buffer, at, length));
          return this.#parcel.length;
        } catch (error) {
          this.#parcel = packError(error);
          return ~this.#parcel.length;
        }
      },
      take: (to) => {
        new Uint8Array(this.#exports.mem.buffer, to, this.#parcel.length).set(this.#parcel);
        this.#parcel = EMPTY;
      },
      respond: (id, headAt, headLength, bodyAt, bodyLength) => {
        const scope = this.#scopes.get(id);
        if (!scope || scope.ended) return;
        const memory = this.#exports.mem.buffer;
        const answer = unpackAnswer(new Uint8Array(memory, headAt, headLength), new Uint8Array(memory, bodyAt, bodyLength));
        if (!answer.stream) scope.handled = true;
        if (!answer.object) scope.opened?.cancel();
        scope.early?.cancel();
        scope.taken = scope === this.#current; // then its event goes on with it when this turn ends
        scope.answer.resolve(answer);
      },
      cost: (id) => {
        const stats = this.#scopes.get(id)?.stats;
        return stats ? stats.d1Calls * COST_UNIT + Math.min(stats.d1Statements, COST_UNIT - 1) : 0;
      },
      listeners: (id) => (this.#listeners ? (this.#scopes.get(id)?.realtime.state ?? STALE) : 0),
      commit: (id) => this.#scopes.get(id)?.realtime?.commit() ?? 0,
      holds: (holds) => (this.holdsConnections = holds === 1),
      ended: () => this.#ended.pop() ?? 0,
      stuck: (id) => {
        const scope = this.#scopes.get(id);
        if (!scope) return;
        scope.stuck = true; // its pump ends it: Go is in the middle of its turn
        scope.wake();
      },
      mark: (phase) => this.#mark(phase === 1 ? "bootstrap" : "router"),
      ready: (at, length) => {
        this.#mark("done");
        this.prefetched = null;
        if (length > 0) {
          const message = new TextDecoder().decode(new Uint8Array(this.#exports.mem.buffer, at, length));
          this.#die(`PocketBase could not be started: ${message}`);
        } else if (this.state === "booting") {
          this.state = "ready";
          for (const { resolve } of this.#waiting) resolve();
          this.#waiting.clear();
        } else if (this.state === "new") {
          this.#die("Go starts with the first request: the program waited for none", console.debug);
        }
      },
    };
  }

  #mark(next) {
    const now = performance.now();
    this.phases[this.#phase] = now - this.#markedAt;
    this.#phase = next;
    this.#markedAt = now;
  }

  #submit(owner, call, op, at, length) {
    const finish = (turn, error, reply) => {
      if (op !== D1_CALL) forgetReads(turn);
      if (error instanceof StorageError) this.#noteFault(turn, owner, error);
      if (error) this.#enter(turn, EVENT_FAILED, call, packError(error));
      else this.#enter(turn, EVENT_REPLY, call, reply ?? EMPTY);
    };
    const start = (scope, payload) => {
      if (scope !== owner && OWN.has(op)) return Promise.reject(new Error("the event has ended"));
      return OPERATIONS[op](scope, payload);
    };
    const view = new Uint8Array(this.#exports.mem.buffer, at, length);
    if (owner !== undefined && owner === this.#current && !owner.ended) {
      this.#run(owner, (scope) => start(scope, view), finish);
    } else {
      const payload = view.slice();
      this.#runInScope(owner, (scope) => start(scope, payload), finish);
    }
  }

  /** Runs a task in its scope's own context or, where that has ended, in another's. */
  #runInScope(owner, task, finish) {
    const scope = owner && !owner.ended ? owner : this.#anyScope();
    if (!scope) this.#stranded.push({ task, finish });
    else if (scope === this.#current) this.#run(scope, task, finish);
    else this.#hand(scope, task, finish);
  }

  /** Has the scope's pump run a task. Should the scope be given up before that, Go is told. */
  #hand(scope, task, finish) {
    scope.calls.add(finish);
    scope.enqueue(() => this.#run(scope, task, finish));
  }

  /** The scope of the goroutine that has called JavaScript, or who does its work if that has ended. */
  #callingScope() {
    const scope = this.#scopes.get(this.#exports.pocketflare_scope());
    return scope && !scope.ended ? scope : this.#anyScope();
  }

  /** Tells Go that the file storage failed a call of the owner's, so that its client hears of it whatever PocketBase makes of the error. */
  #noteFault(turn, owner, error) {
    console.error(`pocketflare: ${error.message}`);
    if (!owner) return;
    this.#inTurn(turn, () => {
      this.#parcel = EMPTY;
      this.#exports.pocketflare_event(EVENT_FAULT, owner.id, 0);
    });
  }

  /** Runs a call of the file system that needs I/O. */
  #runFileCall(owner, task, done) {
    const finish = (turn, error, value) => {
      forgetReads(turn);
      if (error instanceof StorageError) this.#noteFault(turn, owner, error);
      this.#inTurn(turn, () => done(error, value));
    };
    this.#runInScope(owner, task, finish);
  }

  /** The scope for an operation whose own has ended: the one whose turn it is, or one whose pump can take it. */
  #anyScope() {
    if (this.#current && !this.#current.ended) return this.#current;
    for (const scope of this.#scopes.values()) if (scope.pumping && !scope.ended) return scope;
    return null;
  }

  /**
   * Runs an operation in the scope's own context.
   * @param {(scope) => Promise<any>} task
   * @param {(turn, error, reply) => void} finish tells Go, as the turn of the scope that it is given
   */
  #run(scope, task, finish) {
    scope.inFlight++;
    scope.progress = this.#progress = performance.now();
    const settle = (error, reply) => {
      if (scope.ended) return; // it was given up, and Go has been told
      scope.inFlight--;
      scope.calls.delete(finish);
      scope.progress = this.#progress = performance.now();
      finish(scope, error, reply);
      this.#endIfIdle(scope);
    };
    scope.calls.add(finish);
    task(scope).then(
      (reply) => settle(null, reply),
      (error) => settle(error ?? new Error("unknown error")),
    );
  }

  #enter(scope, kind, id, parcel) {
    this.#inTurn(scope, () => {
      this.#parcel = parcel;
      this.#exports.pocketflare_event(kind, id, parcel.length);
      if (!this.#go.exited) this.#go._resume();
    });
  }

  /** Lets Go run as the scope's turn, and looks at what has become of it. */
  #inTurn(scope, run) {
    if (this.state === "dead" || !this.#exports) return;
    const outer = this.#current;
    this.#current = scope;
    try {
      run();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#current = outer;
    }
    if (this.#go.exited) this.#die(`the Go program has ended with exit code ${this.#exitCode}`);
    if (this.memory + this.scratch.memory > this.#memoryLimit) this.scratch.tidy(true);
    if (this.memory > this.#memoryLimit) this.#retire(`its memory has passed ${this.#memoryLimit / MEBIBYTE} MB`);
  }

  #endIfIdle(scope) {
    if (scope.busy || scope.ended || scope.id === 0) return;
    this.#scopes.delete(scope.id);
    scope.end();
    this.#ended.push(scope.id);
  }

  /**
   * Gives up one scope: its request fails, and its operations fail in Go.
   * @param turn the scope in whose event this happens; what Go does next is its turn
   */
  #drop(scope, turn, error) {
    this.#scopes.delete(scope.id);
    const calls = [...scope.calls];
    scope.fail(error);
    for (const finish of calls) finish(turn, error);
    this.#enter(turn, EVENT_CANCEL, scope.id, EMPTY);
    this.#ended.push(scope.id);
  }

  #retire(reason) {
    if (this.state !== "ready") return;
    this.state = "retired";
    console.warn(`pocketflare: a fresh instance will take over: ${reason}`);
  }

  /** Gives the instance up for what was thrown, quietly where the first event makes it anew. */
  #fail(error, context = "") {
    if (error instanceof TooEarly) this.#die(`Go starts with the first request: ${error.message} while the program started`, console.debug);
    else this.#die(context + error.message);
  }

  #die(reason, report = console.error) {
    if (this.state === "dead") return;
    this.state = "dead";
    this.#flushOutput?.();
    report(`pocketflare: ${reason}`);
    const error = (this.#reason = new RuntimeError(reason));
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
    for (const scope of this.#scopes.values()) scope.fail(error);
    this.#scopes.clear();
    this.#stranded.length = 0;
    this.#clock.clear();
  }

  /** Has the pumps that sleep past a moment wake for it: Go has one clock, and any event may end at any moment. */
  #wakeBefore(at) {
    for (const scope of this.#scopes.values()) if (scope.alarm > at) scope.wake();
  }

  #memoryImports(go, fs) {
    return {
      // As Go's own, but for the file system: globalThis.fs may be a newer instance's.
      "runtime.wasmWrite": (sp) => {
        sp >>>= 0;
        const [fd, at, length] = [go.mem.getUint32(sp + 8, true), go.mem.getUint32(sp + 16, true), go.mem.getInt32(sp + 24, true)];
        fs.writeSync(fd, new Uint8Array(this.#exports.mem.buffer, at, length));
      },
      // Go calls this when linear memory has grown. Besides the clock's it is the one host function that throws: the instance is given up.
      "runtime.resetMemoryDataView": () => {
        go.mem = new DataView(this.#exports.mem.buffer);
        if (this.memory + this.scratch.memory > this.#memoryCeiling) throw new RuntimeError(`memory has passed ${this.#memoryCeiling / MEBIBYTE} MB`);
      },
    };
  }
}

/** To be called when an event has waited for something else than D1. */
function forgetReads(scope) {
  for (const database of scope.databases.values()) database.memory.forget();
}

function printLine(line) {
  console.log(line);
}

function packError(error) {
  const packed = new Writer(256);
  packed.string(error?.name ?? "Error");
  packed.string(String(error?.message ?? error));
  return packed.done();
}
