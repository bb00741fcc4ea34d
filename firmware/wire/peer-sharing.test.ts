import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { isMalformed } from '../malformed.ts';
import * as sharing from './peer-sharing.ts';

const QUESTION: sharing.Message = { kind: 'question', port: 0, id: 7, model: '7975', load: 'X.1' };
const OCTETS = Uint8Array.from([
  ...[0x53, 0x50, 0x46, 0x53, 1, 1, 0, 0, 0, 0, 0, 7],
  ...[4, 0x37, 0x39, 0x37, 0x35],
  ...[3, 0x58, 0x2e, 0x31],
]);

function octetsOf(message: sharing.Message): Uint8Array {
  const octets = new Uint8Array(sharing.lengthOf(message));
  expect(sharing.emit(message, octets)).toBe(octets.length);
  return octets;
}

const text = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 255,
});
const message = fc.record<sharing.Message>({
  kind: fc.constantFrom('question', 'answer'),
  port: fc.nat(0xffff),
  id: fc.nat(0xffff_ffff),
  model: text,
  load: text,
});

describe('messages of peer sharing', () => {
  it('are as the table says', () => {
    expect(octetsOf(QUESTION)).toEqual(OCTETS);
    expect(sharing.parse(OCTETS)).toEqual(QUESTION);
    expect(sharing.describe(QUESTION)).toBe('peer sharing question 7: X.1 for 7975');
    expect(sharing.describe({ ...QUESTION, kind: 'answer', port: 6977 })).toContain('on port 6977');
  });

  it('are read back as they were written', () => {
    fc.assert(
      fc.property(message, (one) => {
        expect(sharing.parse(octetsOf(one))).toEqual(one);
      }),
      { numRuns: fuzzRuns() },
    );
  });

  it('cut, longer, or changed anywhere never throw, and what is read is written again as it was', () => {
    for (let length = 0; length < OCTETS.length; length++)
      expect(isMalformed(sharing.parse(OCTETS, 0, length))).toBe(true);
    expect(isMalformed(sharing.parse(Uint8Array.from([...OCTETS, 0])))).toBe(true);
    fc.assert(
      fc.property(fc.nat(OCTETS.length - 1), fc.nat(255), (at, octet) => {
        const changed = OCTETS.slice();
        changed[at] = octet;
        const read = sharing.parse(changed);
        if (!isMalformed(read)) expect(octetsOf(read)).toEqual(changed);
      }),
      { numRuns: fuzzRuns() },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => {
        sharing.parse(octets);
      }),
      { numRuns: fuzzRuns() },
    );
  });

  it('do not hold a name of more than 255 characters', () => {
    const long = { ...QUESTION, load: 'x'.repeat(256) };
    expect(() => sharing.emit(long, new Uint8Array(sharing.lengthOf(long)))).toThrow(RangeError);
  });
});
