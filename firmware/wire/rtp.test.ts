import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { isMalformed } from '../malformed.ts';
import * as rtcp from './rtcp.ts';
import * as rtp from './rtp.ts';

const header: rtp.Header = {
  marker: true,
  payloadType: 0,
  sequenceNumber: 0x1234,
  timestamp: 0xdead_beef,
  ssrc: 0x0102_0304,
  csrcs: [],
  extension: null,
  padding: 0,
};

function emitted(h: rtp.Header, payload: Uint8Array): Uint8Array {
  const octets = new Uint8Array(rtp.lengthOf(h, payload.length)).fill(0xaa);
  expect(rtp.emit(h, payload, octets)).toBe(octets.length);
  return octets;
}

function payloadOf(octets: Uint8Array, { payloadOffset, payloadLength }: rtp.Packet): Uint8Array {
  return octets.slice(payloadOffset, payloadOffset + payloadLength);
}

describe('RTP packet', () => {
  it('is laid out as RFC 3550 5.1 has it', () => {
    expect([...emitted(header, Uint8Array.of(0xff, 0xfe))]).toEqual([
      0x80, 0x80, 0x12, 0x34, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4, 0xff, 0xfe,
    ]);
  });

  it('carries sources, an extension and padding', () => {
    const extension = { profile: 0xbede, data: Uint8Array.of(1, 2, 3, 4) };
    const octets = emitted({ ...header, csrcs: [7, 8], extension, padding: 3 }, Uint8Array.of(9));
    const packet = rtp.parse(octets);
    if (isMalformed(packet)) throw new Error(packet.reason);
    expect(packet).toMatchObject({ csrcs: [7, 8], extension, padding: 3, payloadLength: 1 });
    expect([...payloadOf(octets, packet)]).toEqual([9]);
  });

  it('describes', () => {
    const packet = rtp.parse(emitted(header, new Uint8Array(160)));
    if (isMalformed(packet)) throw new Error(packet.reason);
    expect(rtp.describe(packet)).toBe('RTP 0x01020304 type 0 marker sequence 4660 time 3735928559 (160 octets)');
  });

  it('refuses what is none', () => {
    const bad = [[], [0x40, ...Array(11).fill(0)], [0x81, ...Array(11).fill(0)], [0x90, ...Array(11).fill(0)]];
    for (const octets of bad) expect(isMalformed(rtp.parse(Uint8Array.from(octets)))).toBe(true);
    // A padding of nothing, and one longer than the packet.
    expect(isMalformed(rtp.parse(Uint8Array.from([0xa0, ...Array(12).fill(0)])))).toBe(true);
    expect(isMalformed(rtp.parse(Uint8Array.from([0xa0, ...Array(11).fill(0), 2])))).toBe(true);
  });

  it('never throws, and emits again what it parsed', () => {
    const start = fc.tuple(fc.constantFrom(0x80, 0x90, 0xa0, 0x82, 0xb1), fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          start.map(([b, rest]) => Uint8Array.of(b, ...rest)),
        ),
        (o) => {
          const packet = rtp.parse(o);
          if (isMalformed(packet)) return;
          const again = emitted(packet, payloadOf(o, packet));
          expect(again.length).toBe(o.length);
          expect(again.subarray(0, o.length - packet.padding)).toEqual(o.subarray(0, o.length - packet.padding));
        },
      ),
      { numRuns: fuzzRuns() },
    );
  });
});

const BLOCK = {
  ssrc: 1,
  fractionLost: 12,
  cumulativeLost: -2,
  highestSequence: 0x1_0005,
  jitter: 3,
  lastReport: 0x1122_3344,
  sinceLastReport: 65_536,
};

const COMPOUND: rtcp.Packet[] = [
  {
    kind: 'SR',
    ssrc: 0x0a0b_0c0d,
    ntpSeconds: 3_000_000_000,
    ntpFraction: 0x8000_0000,
    rtpTimestamp: 160,
    packets: 50,
    octets: 8000,
    blocks: [BLOCK],
    rest: new Uint8Array(0),
  },
  { kind: 'SDES', chunks: [{ ssrc: 0x0a0b_0c0d, items: [{ type: rtcp.CNAME, text: 'SEP02005EC0FFEE@10.0.0.5' }] }] },
  { kind: 'BYE', sources: [0x0a0b_0c0d], reason: 'done' },
];

describe('RTCP compound', () => {
  it('comes back as it was', () => {
    const octets = new Uint8Array(rtcp.lengthOf(COMPOUND));
    expect(rtcp.emit(COMPOUND, octets)).toBe(octets.length);
    expect(rtcp.parse(octets)).toEqual(COMPOUND);
    expect([...octets.subarray(0, 8)]).toEqual([0x81, 200, 0, 12, 0x0a, 0x0b, 0x0c, 0x0d]);
    expect(rtcp.describe(COMPOUND)).toBe(
      'RTCP SR 0x0a0b0c0d 50 packets 8000 octets, SDES 0x0a0b0c0d "SEP02005EC0FFEE@10.0.0.5", BYE 0x0a0b0c0d',
    );
  });

  it('begins with a report, holds together, and is padded at its end alone', () => {
    const octets = new Uint8Array(rtcp.lengthOf(COMPOUND));
    rtcp.emit(COMPOUND, octets);
    expect(isMalformed(rtcp.parse(octets, 52))).toBe(true);
    expect(isMalformed(rtcp.parse(octets, 0, octets.length - 4))).toBe(true);
    const padded = Uint8Array.of(...octets, 0, 0, 0, 4);
    const bye = octets.length - 16;
    padded[bye] = padded[bye]! | 0x20;
    padded[bye + 3] = 4;
    expect(rtcp.parse(padded)).toEqual(COMPOUND);
  });

  it('never throws, and reads again what it emits of what it read', () => {
    const whole = new Uint8Array(rtcp.lengthOf(COMPOUND));
    rtcp.emit(COMPOUND, whole);
    const mutated = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
      const octets = whole.slice();
      for (const [at, value] of changes) octets[at] = value;
      return octets;
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (octets) => {
        const packets = rtcp.parse(octets);
        if (isMalformed(packets)) return;
        const again = new Uint8Array(rtcp.lengthOf(packets));
        expect(rtcp.emit(packets, again)).toBe(again.length);
        expect(rtcp.parse(again)).toEqual(packets);
      }),
      { numRuns: fuzzRuns() },
    );
  });
});
