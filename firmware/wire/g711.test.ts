import { describe, expect, it } from 'vitest';
import { ALAW_SILENCE, fromAlaw, fromUlaw, toAlaw, toUlaw, ULAW_SILENCE } from './g711.ts';

const OCTETS = Array.from({ length: 256 }, (_, k) => k);

describe('G.711', () => {
  it('gives every octet back (mu-law has two zeros)', () => {
    for (const octet of OCTETS) {
      expect(toAlaw(fromAlaw(octet))).toBe(octet);
      if (octet !== 0x7f) expect(toUlaw(fromUlaw(octet))).toBe(octet);
    }
    expect(fromUlaw(0x7f)).toBe(-0);
  });

  it('knows silence, the loudest sample and some between (values of the ITU-T tables)', () => {
    expect([toUlaw(0), toAlaw(0)]).toEqual([ULAW_SILENCE, ALAW_SILENCE]);
    expect([toUlaw(32_767), toUlaw(-32_768)]).toEqual([0x80, 0x00]);
    expect([toAlaw(32_767), toAlaw(-32_768)]).toEqual([0xaa, 0x2a]);
    expect([fromUlaw(0x80), fromUlaw(0x00)]).toEqual([32_124, -32_124]);
    expect([fromAlaw(0xaa), fromAlaw(0x2a)]).toEqual([32_256, -32_256]);
  });

  it('is off by no more than half a step', () => {
    for (let sample = -32_000; sample <= 32_000; sample += 7) {
      const step = Math.max(16, Math.abs(sample) / 16);
      expect(Math.abs(fromUlaw(toUlaw(sample)) - sample)).toBeLessThanOrEqual(step);
      expect(Math.abs(fromAlaw(toAlaw(sample)) - sample)).toBeLessThanOrEqual(step);
    }
  });
});
