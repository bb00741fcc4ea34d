import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/fuzz-runs.ts';
import * as sccp from './message.ts';
import { FrameStream } from './stream.ts';

const FRAMES = [
  sccp.encode({ type: 'KeepAliveAck' }),
  sccp.encode({ type: 'SoftKeyTemplateRes', keys: [{ label: '\u0080\u0001', event: 1 }] }),
  sccp.encode({ type: 'SetLamp', stimulus: 15, mode: 2 }),
  sccp.encode({ type: 'ClearNotify' }),
];

function joined(frames: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(frames));
}

function cutBy(segments: readonly Uint8Array[]): string[] {
  const stream = new FrameStream();
  const out: string[] = [];
  for (const segment of segments) {
    const wrong = stream.push(segment, (bytes, offset, length) => {
      out.push(Buffer.from(bytes.subarray(offset, offset + length)).toString('hex'));
      return true;
    });
    expect(wrong).toBe(null);
  }
  return out;
}

const EXPECTED = FRAMES.map((frame) => Buffer.from(frame).toString('hex'));

describe('the stream', () => {
  it('gives the same frames wherever it is cut in two', () => {
    const whole = joined(FRAMES);
    for (let at = 0; at <= whole.length; at++) {
      expect(cutBy([whole.subarray(0, at), whole.subarray(at)])).toEqual(EXPECTED);
    }
  });

  it('gives the same frames octet by octet', () => {
    expect(cutBy([...joined(FRAMES)].map((octet) => Uint8Array.of(octet)))).toEqual(EXPECTED);
  });

  it('gives the same frames in any segments', () => {
    const whole = joined(FRAMES);
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const segments = at.slice(1).map((end, k) => whole.subarray(at[k], end));
        expect(cutBy(segments)).toEqual(EXPECTED);
      }),
      { numRuns: fuzzRuns(0.25) },
    );
  });

  it('is out of step at a length below 4 or above 16384, also when the length comes in pieces', () => {
    for (const bad of [Uint8Array.of(3, 0, 0, 0), Uint8Array.of(1, 64, 0, 0), Uint8Array.of(255, 255, 255, 255)]) {
      expect(new FrameStream().push(bad, () => true)).toBe(sccp.BAD_LENGTH);
      const stream = new FrameStream();
      expect(stream.push(bad.subarray(0, 2), () => true)).toBe(null);
      expect(stream.push(bad.subarray(2), () => true)).toBe(sccp.BAD_LENGTH);
    }
  });

  it('takes any octets without throwing', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (segments) => {
        const stream = new FrameStream();
        for (const segment of segments) if (stream.push(segment, () => true) !== null) break;
      }),
      { numRuns: fuzzRuns() },
    );
  });

  it('throws the rest away when told to', () => {
    const seen: number[] = [];
    new FrameStream().push(joined(FRAMES), (_bytes, offset) => seen.push(offset) < 2);
    expect(seen.length).toBe(2);
  });
});
