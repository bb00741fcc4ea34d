import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emitLatin1, emitUtf8, latin1, utf8, utf8Length } from './text.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 2_000);

describe('text', () => {
  it('Latin-1 is reversible for all octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const back = new Uint8Array(bytes.length);
        expect(emitLatin1(latin1(bytes), back)).toBe(bytes.length);
        expect(back).toEqual(bytes);
      }),
      { numRuns },
    );
  });

  it('reads long Latin-1 in pieces', () => {
    const bytes = new Uint8Array(10_000).map((_, index) => index & 0xff);
    const text = latin1(bytes);
    expect(text).toHaveLength(10_000);
    expect(text.charCodeAt(9_999)).toBe(9_999 & 0xff);
  });

  it('writes UTF-8 as the host does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 32 }), (text) => {
        const expected = new TextEncoder().encode(text);
        const into = new Uint8Array(expected.length);
        expect(utf8Length(text)).toBe(expected.length);
        expect(emitUtf8(text, into)).toBe(expected.length);
        expect(into).toEqual(expected);
        expect(utf8(into)).toBe(new TextDecoder('utf-8', { ignoreBOM: true }).decode(expected));
      }),
      { numRuns },
    );
  });

  it('never throws on what is not UTF-8, and keeps the well-formed rest', () => {
    expect(utf8(Uint8Array.of(0x41, 0xc0, 0x80, 0x42, 0xff, 0xe2, 0x82, 0x43))).toBe(
      'A\ufffd\ufffdB\ufffd\ufffd\ufffdC',
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        utf8(bytes);
      }),
      { numRuns },
    );
  });
});
