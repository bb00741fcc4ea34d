import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  coveringPrefixes,
  destinationFilter,
  MAX_INSTRUCTIONS,
  MAX_PREFIXES,
  type MacPrefix,
} from './packet-filter.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 2_000);

/** The few instructions of classic BPF that the filter uses. Throws on any other and on a jump out of the program. */
function run(program: Uint8Array, frame: Uint8Array): number {
  const code = new DataView(program.buffer);
  const data = new DataView(frame.buffer);
  let a = 0;
  for (let at = 0; at < program.length; at += 8) {
    const k = code.getUint32(at + 4, true);
    switch (code.getUint16(at, true)) {
      case 0x20:
        a = data.getUint32(k);
        break;
      case 0x28:
        a = data.getUint16(k);
        break;
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x15:
        at += 8 * code.getUint8(at + (a === k ? 2 : 3));
        break;
      case 0x06:
        return k;
      default:
        throw new Error('unknown instruction');
    }
  }
  throw new Error('fell off the end');
}

function frameTo(mac: number): Uint8Array {
  const frame = new Uint8Array(60);
  for (let index = 5, rest = mac; index >= 0; index--, rest = Math.floor(rest / 256)) frame[index] = rest % 256;
  return frame;
}

const passes = (program: Uint8Array, mac: number) => run(program, frameTo(mac)) > 0;
const covers = ({ mac, bits }: MacPrefix, other: number) =>
  Math.floor(mac / 2 ** (48 - bits)) === Math.floor(other / 2 ** (48 - bits));

describe('packet filter', () => {
  it('passes what one of its prefixes covers, and nothing else', () => {
    const prefix = fc.record({ mac: fc.nat(0xffff_ffff_ffff), bits: fc.integer({ min: 0, max: 48 }) });
    fc.assert(
      fc.property(
        fc.array(prefix, { maxLength: 6 }),
        fc.nat(0xffff_ffff_ffff),
        fc.nat(47),
        fc.boolean(),
        (prefixes, any, bit, near) => {
          const program = destinationFilter(prefixes);
          const first = prefixes[0]?.mac ?? any;
          // An address that differs in one bit from one that is listed.
          const flipped = Math.floor(first / 2 ** bit) % 2 === 1 ? first - 2 ** bit : first + 2 ** bit;
          const mac = near ? flipped : any;
          expect(passes(program, mac)).toBe(prefixes.some((one) => covers(one, mac)));
        },
      ),
      { numRuns },
    );
  });

  it('holds as many as the kernel takes', () => {
    const many = Array.from({ length: MAX_PREFIXES }, (_, index) => ({ mac: 0x02_0000_0000_00 + index, bits: 47 }));
    const program = destinationFilter(many);
    expect(program.length / 8).toBeLessThanOrEqual(MAX_INSTRUCTIONS);
    expect(passes(program, 0x02_0000_0000_00 + MAX_PREFIXES - 1)).toBe(true);
    expect(() => destinationFilter([...many, { mac: 0, bits: 48 }])).toThrow(RangeError);
  });

  it('covers many addresses by few prefixes', () => {
    const plan = Array.from({ length: 10_000 }, (_, index) => 0x02_5e_c0_01_00_00 + index);
    const prefixes = coveringPrefixes(plan, 64);
    expect(prefixes.length).toBeLessThanOrEqual(64);
    expect(plan.every((mac) => prefixes.some((one) => covers(one, mac)))).toBe(true);
    // 10,000 addresses in a row need no more than 64 blocks of 256.
    expect(prefixes.every(({ bits }) => bits >= 40)).toBe(true);
    expect(coveringPrefixes(plan.slice(0, 3), 64)).toEqual(plan.slice(0, 3).map((mac) => ({ mac, bits: 48 })));
    expect(coveringPrefixes([], 64)).toEqual([]);
  });
});
