import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/fuzz-runs.ts';
import { code, shown } from './labels.ts';
import { readText, textLength, writeText } from './text.ts';

function read(...octets: number[]): string {
  return readText(Uint8Array.from(octets), 0, octets.length);
}

function written(text: string, most = 100, utf8 = true): number[] {
  const into = new Uint8Array(100);
  const length = writeText(text, into, 0, most, utf8);
  return [...into.subarray(0, length)];
}

describe('text', () => {
  it('ends at NUL; what follows is garbage', () => {
    expect(read(0x41, 0x42, 0, 0x43, 0xff)).toBe('AB');
    expect(read(0x41, 0x42)).toBe('AB');
    expect(read(0)).toBe('');
  });

  it('is UTF-8 where it can be, else ISO 8859-1', () => {
    expect(read(0xc3, 0xa4)).toBe('ä');
    expect(read(0xe4, 0x62)).toBe('äb');
    expect(read(0xf0, 0x9f, 0x93, 0x9e)).toBe('📞');
    expect(read(0xed, 0xa0, 0x80)).toBe('\u00ed\u00a0\u0080'); // a surrogate is not UTF-8
  });

  it('keeps label codes: 80 17 "1001" is From 1001', () => {
    const text = read(0x80, 0x17, 0x31, 0x30, 0x30, 0x31);
    expect(shown(text)).toBe('From 1001');
    expect(written(text)).toEqual([0x80, 0x17, 0x31, 0x30, 0x30, 0x31]);
  });

  it('shows the labels by which servers reject', () => {
    const texts = [0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33].map((number) => shown(code(number)));
    expect(texts).toEqual([
      'Error No License',
      'Error DBConfig',
      'Error Database',
      'Error Pass Limit',
      'Error Unknown',
      'Error Mismatch',
    ]);
  });

  it('shows the tables where their ends are, and nothing beyond', () => {
    expect(shown(code(0x13))).toBe('Your current options');
    expect(shown(code(0x5f))).toBe('No Call Available For PickUp');
    expect(shown(code(0x61))).toBe('External Transfer Restricted');
    expect(shown(code(0x7f))).toBe('Services URL');
    expect(shown('\u001e\u0051')).toBe('Connecting');
    expect(shown('\u001e\u0043')).toBe('Record');
    expect(shown('\u001e\u0038')).toBe('Do Not Disturb');
    expect(shown('\u001e\u0077')).toBe('');
    expect(shown('Lab SCCP \u0080\u0018')).toBe('Lab SCCP Connected');
  });

  it('never cuts a character in two', () => {
    expect(written('aä', 2)).toEqual([0x61]);
    expect(written('aä', 3)).toEqual([0x61, 0xc3, 0xa4]);
    expect(written('ä€', 100, false)).toEqual([0xe4, 0x3f]);
    expect(written('\ud800')).toEqual([0xef, 0xbf, 0xbd]);
  });

  it('is written in the length that was foretold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.boolean(), (text, utf8) => {
        const into = new Uint8Array(2000);
        expect(writeText(text, into, 0, 2000, utf8)).toBe(textLength(text, utf8));
      }),
      { numRuns: fuzzRuns(0.25) },
    );
  });

  it('of any octets reads the same after it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (octets) => {
        const text = readText(octets, 0, octets.length);
        const into = new Uint8Array(200);
        const length = writeText(text, into, 0, 200, true);
        expect(readText(into, 0, length)).toBe(text);
      }),
      { numRuns: fuzzRuns() },
    );
  });
});
