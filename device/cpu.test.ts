import { describe, expect, it } from 'vitest';
import type { BootRecord } from '../hal/entry-points.ts';
import type { Hal } from '../hal/hal.ts';
import { Cpu, type CpuFault, isCpuFault, PAYLOAD_GLOBALS } from './cpu.ts';

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a payload's entry function returns. */
function evaluate(body: string, cpu = new Cpu(), digest = 'ab'.repeat(32)): unknown {
  const payload = cpu.load(digest, () => octets(body));
  if (isCpuFault(payload)) throw new Error(payload.reason);
  return payload({} as Hal, {} as BootRecord);
}

function faultOf(body: string): CpuFault {
  const payload = new Cpu().load('ab', () => octets(body));
  if (!isCpuFault(payload)) throw new Error('it was loaded');
  return payload;
}

describe('what a payload finds', () => {
  it('has the language and nothing else on the global object', () => {
    const names = evaluate('() => Object.getOwnPropertyNames(globalThis)') as string[];
    expect(new Set(names)).toEqual(PAYLOAD_GLOBALS);
  });

  it.each(
    `Date Promise Intl console WebAssembly SharedArrayBuffer Atomics WeakRef FinalizationRegistry eval escape
     setTimeout setImmediate queueMicrotask process require Buffer TextDecoder structuredClone performance crypto`.split(
      /\s+/,
    ),
  )('has no %s', (name) => {
    expect(evaluate(`() => typeof ${name}`)).toBe('undefined');
  });

  it.each([
    'Math.random',
    'RegExp.$1',
    'RegExp.lastMatch',
    '(1).toLocaleString',
    '"a".localeCompare',
    '(async () => {})().then',
    '(async () => {})().constructor.resolve',
  ])('has no %s', (expression) => {
    expect(evaluate(`() => typeof ${expression}`)).toBe('undefined');
  });

  it.each(['Function("return 1")', '(() => {}).constructor("return 1")', '(async () => {}).constructor("return 1")'])(
    'cannot make code out of text: %s',
    (expression) => {
      expect(() => evaluate(`() => ${expression}`)).toThrow(/Code generation from strings/);
    },
  );

  it('is never continued after an await', async () => {
    const probe = evaluate(
      '() => { const probe = { continued: false }; (async () => { await null; probe.continued = true; })(); return probe; }',
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(probe).toEqual({ continued: false });
  });
});

describe('frozen', () => {
  it.each([
    'Array.prototype.push = null',
    'Array.prototype.extra = 1',
    'Object.prototype.extra = 1',
    'globalThis.extra = 1',
    'Math.extra = 1',
    'Reflect.getPrototypeOf(function* () {}).extra = 1',
    'Reflect.getPrototypeOf([][Symbol.iterator]()).next = null',
    'Reflect.getPrototypeOf(new Map().entries()).next = null',
    'Reflect.getPrototypeOf(Uint8Array).from = null',
    'Reflect.getPrototypeOf(Uint8Array.prototype).fill = null',
    'Uint8Array.prototype.constructor = null',
    'Uint8Array.prototype.extra = 1',
    'Object.prototype.toString = null',
    'Object.prototype.__proto__ = Array.prototype',
    'Reflect.getPrototypeOf("".matchAll(/x/g)).next = null',
    'Reflect.getPrototypeOf(async function () {}).extra = 1',
    '(async function () {})().constructor.extra = 1',
    'Error.prototype.toString = null',
    'RegExp.prototype.exec = null',
  ])('throws: %s', (statement) => {
    expect(() => evaluate(`() => { 'use strict'; ${statement}; }`)).toThrow(
      /not extensible|read only|Cannot assign|Immutable prototype/,
    );
  });

  it('is every intrinsic, however it was done', () => {
    const body = `() => [Object, Array, Uint8Array, Object.getPrototypeOf(Uint8Array), Float64Array, Map, RegExp, Function, Error]
      .flatMap((constructor) => [constructor, constructor.prototype]).every(Object.isFrozen) && Object.isFrozen(globalThis)`;
    expect(evaluate(body)).toBe(true);
  });

  it('leaves the host as it is', () => {
    evaluate('() => 1');
    for (const host of [Object.prototype, Function.prototype, Array.prototype, Error.prototype, globalThis]) {
      expect(Object.isFrozen(host)).toBe(false);
    }
  });

  it('still lets errors be named, which libraries do', () => {
    const body = `() => {
      'use strict';
      class Mine extends Error { constructor(message) { super(message); this.name = 'Mine'; } }
      const error = new Mine('first');
      error.message = 'second';
      return [String(error), String(new TypeError('third')), Object.keys(error).length];
    }`;
    expect(evaluate(body)).toEqual(['Mine: second', 'TypeError: third', 0]);
  });
});

describe('load', () => {
  it('compiles a digest once and shares it', () => {
    const cpu = new Cpu();
    let reads = 0;
    const body = () => {
      reads++;
      return octets('() => ({})');
    };
    expect(cpu.load('aa', body)).toBe(cpu.load('aa', body));
    expect(cpu.load('bb', body)).not.toBe(cpu.load('aa', body));
    expect(reads).toBe(2);
    expect(cpu.payloadCount).toBe(2);
  });

  it.each([
    ['() => {', /^SyntaxError: /],
    ['42', /not a function expression/],
    ['', /^SyntaxError: /],
    ['(() => { throw new RangeError("early"); })()', /^RangeError: early$/],
  ])('says what is wrong with %j', (body, reason) => {
    expect(faultOf(body).reason).toMatch(reason);
  });

  it('refuses what is not UTF-8', () => {
    const payload = new Cpu().load('ab', () => Uint8Array.of(0x22, 0xff, 0x22));
    expect(isCpuFault(payload) && payload.reason).toMatch(/encoded data was not valid/);
  });

  it('takes a body that ends in a comment', () => {
    expect(evaluate('() => 7 // the end')).toBe(7);
  });
});

describe('faults', () => {
  const thrownBy = (cpu: Cpu, body: string): unknown => {
    try {
      return evaluate(body, cpu);
    } catch (thrown) {
      return thrown;
    }
  };

  it('are told with the frames of the payload alone', () => {
    const cpu = new Cpu();
    const fault = cpu.faultOf(
      thrownBy(cpu, '() => {\n  const inner = () => { throw new TypeError("no such line"); };\n  inner();\n}'),
    );
    expect(fault.reason).toBe('TypeError: no such line');
    expect(fault.stack.map((frame) => frame.replace(/payload-\w+/, 'payload'))).toEqual([
      'at inner (payload.js:2:31)',
      'at payload.js:3:3',
    ]);
  });

  it('are told by source line where a source map is given', () => {
    const asked: string[] = [];
    const cpu = new Cpu((digest) => {
      asked.push(digest);
      // Generated line 1, column 6 (the `throw`) is line 12, column 4 of firmware/kernel.ts.
      return JSON.stringify({ version: 3, sources: ['firmware/kernel.ts'], names: [], mappings: 'MAWI', file: '' });
    });
    const thrown = thrownBy(cpu, '() =>{throw new Error("mapped")}');
    expect(asked).toEqual([]);
    for (let time = 0; time < 2; time++) {
      expect(cpu.faultOf(thrown).stack).toEqual(['at (firmware/kernel.ts:12:5)']);
    }
    expect(asked).toEqual(['ab'.repeat(32)]);
  });

  it.each([
    ['null', 'null'],
    ['"text"', 'text'],
    ['{ get stack() { throw 1; }, toString() { throw 2; } }', 'a value that cannot be printed'],
  ])('may be anything: throw %s', (thrown, reason) => {
    const cpu = new Cpu();
    expect(cpu.faultOf(thrownBy(cpu, `() => { throw ${thrown}; }`))).toEqual({ reason, stack: [] });
  });
});

describe('runGuarded', () => {
  const runner = () => ({
    stoppedAfter: 0,
    stopped(limit: number) {
      this.stoppedAfter = limit;
    },
  });

  it('lets a slice that ends be', () => {
    const cpu = new Cpu();
    let ran = false;
    const slice = () => {
      ran = true;
    };
    expect(cpu.runGuarded(slice, 1_000)).toBe(true);
    expect(ran).toBe(true);
  });

  it('stops an endless loop inside a payload and tells whose it was', () => {
    const cpu = new Cpu();
    const loop = evaluate('() => () => { for (;;); }', cpu) as () => void;
    const phone = runner();
    const slice = () => {
      cpu.running = phone;
      loop();
    };
    expect(cpu.runGuarded(slice, 20)).toBe(false);
    expect(phone.stoppedAfter).toBe(20);
    expect(cpu.running).toBeNull();
  });

  it('goes on after a stop', () => {
    const cpu = new Cpu();
    cpu.runGuarded(() => {
      cpu.running = runner();
      for (;;);
    }, 20);
    expect(cpu.runGuarded(() => {}, 1_000)).toBe(true);
    expect(evaluate('() => 1 + 1', cpu)).toBe(2);
  });

  it('throws when nobody can be blamed', () => {
    expect(() =>
      new Cpu().runGuarded(() => {
        for (;;);
      }, 20),
    ).toThrow(/in no phone's software/);
  });

  it('passes on what the slice throws', () => {
    expect(() =>
      new Cpu().runGuarded(() => {
        throw new RangeError('mine');
      }, 1_000),
    ).toThrow(RangeError);
  });
});
