import { SourceMap, type SourceMapPayload } from 'node:module';
import vm from 'node:vm';
import type { Payload } from '../hal/entry-points.ts';

/**
 * Turns the verified body of an image into running code. All phones that run the same image share one context and one compiled payload.
 *
 * The context is made with DONT_CONTEXTIFY: an ordinary contextified one costs 220 to 300 ns for every mention of a built-in. What a payload
 * must not have is deleted before it is evaluated, and the global object with all intrinsics is frozen, so that no phone can change what
 * another one sees. `node:vm` is not a security boundary: the image's signature is. What the language itself cannot be robbed of, async functions
 * and import(), the image build refuses: a promise that one of them rejects would end the process.
 */

/** All that a payload finds on its global object. Whatever else the engine puts there, now or in a later version, is deleted. */
export const PAYLOAD_GLOBALS: ReadonlySet<string> = new Set(
  `Infinity NaN undefined globalThis isFinite isNaN parseFloat parseInt decodeURI decodeURIComponent encodeURI
  encodeURIComponent Object Function Boolean Symbol Error AggregateError EvalError RangeError ReferenceError SyntaxError
  TypeError URIError Number BigInt Math String RegExp Array Map Set WeakMap WeakSet ArrayBuffer DataView Int8Array
  Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array BigInt64Array BigUint64Array Float32Array
  Float64Array JSON Reflect Proxy`.split(/\s+/),
);

/** The intrinsics that no property of the global object leads to. */
const HIDDEN_INTRINSICS = `[
  function* () {}, (function* () {})(), async function () {}, async function* () {}, (async function* () {})(),
  [][Symbol.iterator](), new Map()[Symbol.iterator](), new Set()[Symbol.iterator](), ''[Symbol.iterator](),
  ''.matchAll(/(?:)/g), Object.getPrototypeOf(Uint8Array), Object.getPrototypeOf(async function () {}).constructor,
]`;

/** Chance, the host's language, and regular expressions' memory of the last match, which all phones would share. */
const FORBIDDEN_PROPERTIES: readonly (readonly [owner: string, pattern: RegExp])[] = [
  ['Math', /^random$/],
  ['RegExp', /^(\$.|input|lastMatch|lastParen|leftContext|rightContext)$/],
  ['Object.prototype', /^toLocale/],
  ['Number.prototype', /^toLocale/],
  ['BigInt.prototype', /^toLocale/],
  ['String.prototype', /^(toLocale|localeCompare$)/],
  ['Array.prototype', /^toLocale/],
  ['Object.getPrototypeOf(Uint8Array).prototype', /^toLocale/],
  // A promise can still be made by calling an async function; nothing can be hung on it, and it is never settled.
  ['(async function () {})().constructor', /^(all|any|race|reject|resolve|try|withResolvers)/],
  ['(async function () {})().constructor.prototype', /^(then|catch|finally)$/],
];

/** What went wrong in a payload, in words that survive in the crash log. */
export interface CpuFault {
  readonly reason: string;
  /** Frames of the stack, innermost first; by source file and line where a source map was given. */
  readonly stack: readonly string[];
}

export function isCpuFault(value: object): value is CpuFault {
  return typeof value !== 'function';
}

/** Who has the CPU; told when the watchdog has stopped its code. */
export interface Runner {
  stopped(limitMilliseconds: number): void;
}

interface LoadedPayload {
  readonly payload: Payload;
  readonly context: vm.Context;
}

/** The source map, version 3, of the payload with this digest; null where there is none. */
export type SourceMapReader = (digest: string) => string | null;

/** At most this many stack frames go into a crash log, which is one flash sector. */
const STACK_LIMIT = 12;

/**
 * One a shard: the compiled payloads, by the digest of their body, and the guard that stops endless loops. A context lives as long as
 * its Cpu, since a phone may boot any of them again.
 */
export class Cpu {
  /** Whose code is being run: set by a phone around each entry point. */
  running: Runner | null = null;

  private readonly loaded = new Map<string, LoadedPayload>();
  /** By the name that frames of the stack have for a payload. */
  private readonly digests = new Map<string, string>();
  private readonly sourceMaps = new Map<string, SourceMap | null>();
  private readonly readSourceMap: SourceMapReader;
  private readonly guard = vm.createContext(vm.constants.DONT_CONTEXTIFY);
  private readonly guarded = new vm.Script('slice()', { filename: 'guard.js' });

  /** @param readSourceMap lets faults be told by source file and line; asked at the first fault in a payload, and never before. */
  constructor(readSourceMap: SourceMapReader = () => null) {
    this.readSourceMap = readSourceMap;
  }

  /**
   * The payload of a body whose digest the bootloader has verified. `body` is asked for only when this digest is new.
   * @param digest lower-case hexadecimal; the key under which phones share the compiled code.
   */
  load(digest: string, body: () => Uint8Array): Payload | CpuFault {
    const known = this.loaded.get(digest);
    if (known !== undefined) return known.payload;
    this.digests.set(payloadFile(digest), digest);
    try {
      const context = payloadContext();
      const text = new TextDecoder('utf-8', { fatal: true }).decode(body());
      const payload: unknown = new vm.Script(`(${text}\n)`, { filename: payloadFile(digest) }).runInContext(context);
      if (typeof payload !== 'function') return { reason: 'the image body is not a function expression', stack: [] };
      this.loaded.set(digest, { payload: payload as Payload, context });
      return payload as Payload;
    } catch (error) {
      return this.faultOf(error);
    }
  }

  /** How many contexts there are. */
  get payloadCount(): number {
    return this.loaded.size;
  }

  /** Words for what a payload threw, which may be anything, of any realm. */
  faultOf(thrown: unknown): CpuFault {
    const frames = textOf(() => (thrown as { stack?: unknown }).stack).split('\n');
    const stack = frames.map((line) => this.mapped(line.trim())).filter((line) => line !== null);
    return { reason: textOf(() => thrown).replaceAll('\n', ' '), stack: stack.slice(0, STACK_LIMIT) };
  }

  /**
   * The watchdog. Runs a slice of the timeline and stops it when it lasts longer than the limit, which only an endless loop does: a limit
   * around each entry point would cost 50 to 330 us every time. The phone whose software looped is told, and resets. False when the slice
   * was stopped: the timeline has then lost the alarm it was firing. What the slice throws passes through.
   */
  runGuarded(slice: () => void, limitMilliseconds: number): boolean {
    this.running = null;
    this.guard.slice = slice;
    try {
      this.guarded.runInContext(this.guard, { timeout: limitMilliseconds });
      return true;
    } catch (error) {
      if ((error as { code?: unknown } | null)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    } finally {
      this.guard.slice = undefined;
    }
    const culprit = this.takeRunning();
    if (culprit === null)
      throw new Error(`a slice of the timeline took more than ${limitMilliseconds} ms, in no phone's software`);
    culprit.stopped(limitMilliseconds);
    return false;
  }

  /** Code that is stopped runs no `finally`: `running` is as the loop left it. */
  private takeRunning(): Runner | null {
    const { running } = this;
    this.running = null;
    return running;
  }

  /** Null for what is no frame of a payload. */
  private mapped(frame: string): string | null {
    const found = /^(at .*?)\(?(payload-[0-9a-f]+\.js):(\d+):(\d+)\)?$/.exec(frame);
    if (found === null) return null;
    const [, at = '', file = '', line = '1', column = '1'] = found;
    // Line and column of a stack count from 1, those of a source map from 0; the first line has the added parenthesis.
    const zeroLine = Number(line) - 1;
    const entry = this.sourceMapOf(file)?.findEntry(zeroLine, Number(column) - (zeroLine === 0 ? 2 : 1));
    if (entry === undefined || !('originalSource' in entry)) return frame;
    return `${at}(${entry.originalSource}:${entry.originalLine + 1}:${entry.originalColumn + 1})`;
  }

  private sourceMapOf(file: string): SourceMap | null {
    let map = this.sourceMaps.get(file);
    if (map === undefined) {
      const digest = this.digests.get(file);
      const json = digest === undefined ? null : this.readSourceMap(digest);
      map = json === null ? null : new SourceMap(JSON.parse(json) as SourceMapPayload);
      this.sourceMaps.set(file, map);
    }
    return map;
  }
}

function payloadFile(digest: string): string {
  return `payload-${digest.slice(0, 16)}.js`;
}

/** A payload may throw anything, also an object whose getters throw. */
function textOf(value: () => unknown): string {
  try {
    return String(value());
  } catch {
    return 'a value that cannot be printed';
  }
}

/** A fresh context, stripped and frozen. */
function payloadContext(): vm.Context {
  const context = vm.createContext(vm.constants.DONT_CONTEXTIFY, {
    name: 'payload',
    codeGeneration: { strings: false, wasm: false },
    // Its own queue of microtasks, which nobody runs: what an async function leaves for later never happens.
    microtaskMode: 'afterEvaluate',
  });
  const evaluate = (source: string): unknown => new vm.Script(source).runInContext(context);
  const hidden = evaluate(HIDDEN_INTRINSICS) as object[];
  for (const [owner, pattern] of FORBIDDEN_PROPERTIES) disable(evaluate(owner) as object, pattern);
  const promise = evaluate('(async function () {})()') as object;
  for (const key of Object.getOwnPropertyNames(context)) {
    if (!PAYLOAD_GLOBALS.has(key)) Reflect.deleteProperty(context, key);
  }
  evaluate(ALLOW_ERRORS_TO_BE_NAMED);
  const prototypes = evaluate(ELEMENT_PROTOTYPES) as object[];
  freezeAll([context, promise, ...hidden], new Set(prototypes));
  return context;
}

/** A method becomes undefined, since a prototype that lost a property is slow (measured: a configuration parse by two fifths). */
function disable(owner: object, unwanted: RegExp): void {
  for (const key of Object.getOwnPropertyNames(owner)) {
    if (!unwanted.test(key)) continue;
    const isMethod = 'value' in (Reflect.getOwnPropertyDescriptor(owner, key) ?? {});
    if (isMethod) Object.defineProperty(owner, key, { value: undefined });
    else Reflect.deleteProperty(owner, key);
  }
}

/**
 * On a frozen prototype, `error.name = 'X'` would throw, since an inherited read-only property forbids the assignment. Accessors that
 * define the property on the instance make it mean what everybody expects. They are made inside: all that can be reached is frozen.
 */
const ALLOW_ERRORS_TO_BE_NAMED = `for (const { prototype } of
  [Error, AggregateError, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
  for (const key of ['name', 'message']) {
    const value = prototype[key];
    Object.defineProperty(prototype, key, {
      get() { return value; },
      set(own) { Object.defineProperty(this, key, { value: own, writable: true, enumerable: false, configurable: true }); },
    });
  }
}`;

/** What stands behind every typed array: its own prototype, %TypedArray%.prototype, Object.prototype. */
const ELEMENT_PROTOTYPES = `[
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array,
  BigUint64Array, Float32Array, Float64Array, Object.getPrototypeOf(Uint8Array), Object,
].map(({ prototype }) => prototype)`;

/**
 * Freezes every object that can be reached over prototypes, properties and accessors. V8's Object.freeze also changes how an object keeps
 * its elements, and every access to a typed array then looks at its prototypes (measured: codecs at half speed), so these are
 * frozen property by property. Doing so with all would slow down others (a configuration parse by a third).
 */
function freezeAll(roots: readonly object[], byProperty: ReadonlySet<object>): void {
  const seen = new Set<object>();
  const pending = [...roots];
  const push = (value: unknown): void => {
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') pending.push(value);
  };
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    push(Object.getPrototypeOf(next));
    for (const key of Reflect.ownKeys(next)) {
      const { value, get, set } = Reflect.getOwnPropertyDescriptor(next, key) ?? {};
      [value, get, set].forEach(push);
    }
    if (byProperty.has(next)) freezeProperties(next);
    else Object.freeze(next);
  }
}

/** Afterwards `Object.isFrozen` is true. */
function freezeProperties(object: object): void {
  for (const key of Reflect.ownKeys(object)) {
    const property = Reflect.getOwnPropertyDescriptor(object, key);
    if (property?.configurable === false && property.writable !== true) continue;
    const fixed = property !== undefined && 'value' in property ? { writable: false } : {};
    Object.defineProperty(object, key, { ...fixed, configurable: false });
  }
  Object.preventExtensions(object);
}
