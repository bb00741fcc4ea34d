/** Ethernet, LLC, ARP, IPv4, ICMP, UDP and TCP: real octets, what parse accepts emit reproduces, and garbage. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { isMalformed } from '../malformed.ts';
import * as arp from './arp.ts';
import { finish, pseudoHeader, sum, update } from './checksum.ts';
import * as ethernet from './ethernet.ts';
import * as icmp from './icmp.ts';
import * as ipv4 from './ipv4.ts';
import * as llc from './llc.ts';
import { mac, putMac, putU32, u32 } from './octets.ts';
import * as tcp from './tcp.ts';
import * as udp from './udp.ts';

/** Milliseconds; continuous integration runs fifty times as many inputs. */
const FUZZ_TIMEOUT = 300_000;

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(/\s/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** What all of them have in common; each takes its own values only, hence `never`. */
interface Codec {
  parse(bytes: Uint8Array, offset?: number, length?: number): object;
  lengthOf(value: never): number;
  emit(value: never, into: Uint8Array, offset?: number): number;
  describe(value: never): string;
}

/** A well-formed specimen of each, for mutation. */
const SPECIMENS: Readonly<Record<string, { codec: Codec; bytes: Uint8Array }>> = {
  'ethernet untagged': { codec: ethernet, bytes: hex('ffffffffffff 02005ec0ffee 0806 0001') },
  'ethernet tagged': { codec: ethernet, bytes: hex('01000ccccccc 02005ec0ffee 8100 a064 0004 aaaa0300') },
  snap: { codec: llc, bytes: hex('aaaa03 00000c 2000 02b4') },
  'spanning tree': { codec: llc, bytes: hex('424203 0000 00') },
  'llc two octets': { codec: llc, bytes: hex('0404 0001') },
  'llc two octets, the second ends in 11': { codec: llc, bytes: hex('aaaa 0003') },
  arp: { codec: arp, bytes: hex('0001 0800 06 04 0001 02005ec0ffee 0a000005 000000000000 0a000001') },
  ipv4: { codec: ipv4, bytes: hex(`45000073 00004000 4011b861 c0a80001 c0a800c7 ${'aa'.repeat(95)}`) },
  'ipv4 options': { codec: ipv4, bytes: ipv4WithOptions() },
  'icmp echo': { codec: icmp, bytes: sealedIcmp('0800 0000 0001 0002 6162') },
  'icmp unreachable': { codec: icmp, bytes: sealedIcmp(`0303 0000 0000 0000 ${'00'.repeat(28)}`) },
  'icmp other': { codec: icmp, bytes: sealedIcmp('0500 0000 0a000001 4500') },
  udp: { codec: udp, bytes: hex('c000 0045 000a 1234 6162') },
  tcp: { codec: tcp, bytes: hex('c000 07d0 00000001 00000002 5018 2000 abcd 0000') },
  'tcp options': {
    codec: tcp,
    bytes: hex(
      'c000 07d0 00000001 00000000 b002 2000 abcd 0000 020405b4 0402 080a 00000001 00000000 01 030307 fd03aa 00',
    ),
  },
  'tcp sack': {
    codec: tcp,
    bytes: hex('c000 07d0 00000001 00000002 8010 2000 abcd 0000 0101 050a 00000010 00000020'),
  },
};

function sealedIcmp(text: string): Uint8Array {
  const bytes = hex(text);
  const checksum = finish(sum(bytes, 0, bytes.length));
  bytes.set([checksum >> 8, checksum & 255], 2);
  return bytes;
}

function ipv4WithOptions(): Uint8Array {
  const bytes = hex('46b80018 12342000 ff01 0000 0a000001 0a000002 94040000');
  const checksum = finish(sum(bytes, 0, bytes.length));
  bytes.set([checksum >> 8, checksum & 255], 10);
  return bytes;
}

function checkRoundTrip(codec: Codec, bytes: Uint8Array): void {
  const value = codec.parse(bytes);
  if (isMalformed(value)) return;
  const again = new Uint8Array(codec.lengthOf(value as never));
  expect(codec.emit(value as never, again)).toBe(again.length);
  expect(codec.describe(value as never)).not.toBe('');
  // The header again, and behind it what it was parsed with.
  const { payloadOffset = again.length } = value as { payloadOffset?: number };
  const whole = new Uint8Array(Math.max(again.length, bytes.length - payloadOffset + again.length));
  whole.set(again);
  whole.set(bytes.subarray(payloadOffset), again.length);
  const second = codec.parse(whole);
  expect(forget(second)).toEqual(forget(value));
}

/** Without the place in the octets, and without what a header of another length carries. */
function forget(value: object): object {
  return { ...value, payloadOffset: 0, payloadLength: 0, totalLength: 0 };
}

describe('every codec', () => {
  for (const [name, { codec, bytes }] of Object.entries(SPECIMENS)) {
    it(`${name}: reproduces its specimen`, () => {
      const value = codec.parse(bytes);
      expect(isMalformed(value)).toBe(false);
      const again = bytes.slice();
      again.fill(0, 0, codec.lengthOf(value as never));
      codec.emit(value as never, again);
      expect(toHex(again)).toBe(toHex(bytes));
    });

    it(
      `${name}: takes mutated, cut and random octets`,
      () => {
        const mutation = fc.record({
          flips: fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 }),
          length: fc.nat(bytes.length),
          tail: fc.uint8Array({ maxLength: 40 }),
          reseal: fc.boolean(),
        });
        fc.assert(
          fc.property(mutation, ({ flips, length, tail, reseal }) => {
            const mutated = Uint8Array.from([...bytes.subarray(0, length), ...tail]);
            for (const [at, value] of flips) if (at < mutated.length) mutated[at] = value;
            if (reseal) fixChecksum(codec, mutated);
            checkRoundTrip(codec, mutated);
          }),
          { numRuns: fuzzRuns(0.5) },
        );
        fc.assert(
          fc.property(fc.uint8Array({ maxLength: 120 }), (octets) => checkRoundTrip(codec, octets)),
          { numRuns: fuzzRuns(0.5) },
        );
      },
      FUZZ_TIMEOUT,
    );

    it(`${name}: reads at an offset, and not beyond the length`, () => {
      const shifted = new Uint8Array(bytes.length + 20).fill(0xff);
      shifted.set(bytes, 7);
      expect(forget(codec.parse(shifted, 7, bytes.length))).toEqual(forget(codec.parse(bytes)));
      const into = new Uint8Array(shifted.length);
      const value = codec.parse(bytes);
      codec.emit(value as never, into, 7);
      const length = codec.lengthOf(value as never);
      expect(toHex(into.subarray(7, 7 + length))).toBe(toHex(bytes.subarray(0, length)));
      expect(isMalformed(codec.parse(shifted, 7, 2))).toBe(true);
    });
  }
});

/** Lets a mutated IPv4 header or ICMP message past the checksum, so that the code behind it is tried too. */
function fixChecksum(codec: Codec, bytes: Uint8Array): void {
  const isIpv4 = (codec as unknown) === ipv4;
  if (!isIpv4 && (codec as unknown) !== icmp) return;
  const [at, length] = isIpv4 ? [10, (bytes[0]! & 15) * 4] : [2, bytes.length];
  if (bytes.length < Math.max(length, at + 2)) return;
  bytes.set([0, 0], at);
  const checksum = finish(sum(bytes, 0, length));
  bytes.set([checksum >> 8, checksum & 255], at);
}

describe('checksum', () => {
  it('is the one of the example in RFC 1071 section 3', () => {
    const bytes = hex('0001 f203 f4f5 f6f7');
    expect(sum(bytes, 0, 8)).toBe(0x2ddf0);
    expect(finish(0x2ddf0)).toBe(0x220d);
  });

  it('is the same in parts, word by word, and updated (RFC 1624)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(3000), fc.nat(0xffff), (bytes, cut, word) => {
        let simple = 0;
        for (let at = 0; at < bytes.length; at += 2) simple += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
        expect(sum(bytes, 0, bytes.length)).toBe(simple);
        const even = Math.min(cut & ~1, bytes.length);
        expect(sum(bytes, even, bytes.length - even, sum(bytes, 0, even))).toBe(simple);
        if (bytes.length < 2) return;
        const before = finish(simple);
        const old = (bytes[0]! << 8) | bytes[1]!;
        bytes.set([word >> 8, word & 255]);
        const after = finish(sum(bytes, 0, bytes.length));
        // 0 and 0xffff are the same number in ones' complement.
        expect(update(before, old, word) % 0xffff).toBe(after % 0xffff);
      }),
      { numRuns: fuzzRuns(0.2) },
    );
  });

  it('stays exact over the longest packet', () => {
    expect(
      finish(sum(new Uint8Array(65_535).fill(255), 0, 65_535, pseudoHeader(0xffff_ffff, 0xffff_ffff, 17, 65_535))),
    ).toBe(
      // 32,767 words of ones, 0xff00, and the pseudo-header: all ones but for 0xff00 + 17 + 65,535.
      finish(0xff00 + 17),
    );
  });
});

describe('octets', () => {
  it('hold a MAC and an address as numbers', () => {
    const bytes = new Uint8Array(10);
    putMac(bytes, 0, 0xfe_dcba_9876_54);
    putU32(bytes, 6, 0xf000_0001);
    expect(toHex(bytes)).toBe('fedcba987654f0000001');
    expect(mac(bytes, 0)).toBe(0xfe_dcba_9876_54);
    expect(u32(bytes, 6)).toBe(0xf000_0001);
  });
});

describe('ethernet', () => {
  it('tells length from type (802.3 clause 3.2.6) and leaves the padding out of an 802.3 payload', () => {
    const frame = new Uint8Array(60);
    frame.set(hex('01000ccccccc 02005ec0ffee 0010'));
    expect(ethernet.parse(frame)).toMatchObject({ lengthOrType: 16, payloadOffset: 14, payloadLength: 16 });
    frame.set([0x05, 0xff], 12);
    expect(ethernet.parse(frame)).toMatchObject({ reason: 'length/type field' });
    frame.set([0x00, 0xff], 12);
    expect(ethernet.parse(frame)).toMatchObject({ reason: 'truncated' });
    frame.set([0x06, 0x00], 12);
    expect(ethernet.parse(frame)).toMatchObject({ lengthOrType: 0x600, payloadLength: 46 });
  });

  it('reads priority and VLAN from a tag', () => {
    const frame = ethernet.parse(hex('01000ccccccc 02005ec0ffee 8100 a064 0800')) as ethernet.Frame;
    expect([ethernet.priorityOf(frame.tci!), ethernet.vlanIdOf(frame.tci!)]).toEqual([5, 100]);
    expect(ethernet.tciOf(5, 100)).toBe(0xa064);
    expect(ethernet.describe(frame)).toBe('02:00:5e:c0:ff:ee > 01:00:0c:cc:cc:cc vlan 100 p 5 type 0x0800');
  });

  it('knows group addresses', () => {
    expect([0xffff_ffff_ffff, 0x0100_0ccc_cccc, 0x0200_5ec0_ffee].map(ethernet.isGroup)).toEqual([true, true, false]);
  });
});

describe('ipv4', () => {
  it('finds a wrong checksum, version and length', () => {
    const good = SPECIMENS.ipv4!.bytes;
    const reason = (change: (bytes: Uint8Array) => void): string => {
      const bytes = good.slice();
      change(bytes);
      return (ipv4.parse(bytes) as { reason?: string }).reason ?? 'well-formed';
    };
    expect(reason(() => {})).toBe('well-formed');
    expect(reason((bytes) => (bytes[8] = 3))).toBe('header checksum');
    expect(reason((bytes) => (bytes[0] = 0x65))).toBe('version');
    expect(reason((bytes) => (bytes[0] = 0x44))).toBe('length fields');
    const header = good.subarray(0, 20);
    expect(isMalformed(ipv4.parse(header))).toBe(true);
    expect(isMalformed(ipv4.parseHeader(header))).toBe(false);
  });
});

describe('udp and tcp checksums', () => {
  it('hold over the pseudo-header, and a sum of 0 goes out as 0xffff (RFC 768)', () => {
    const bytes = hex('c000 0045 000a 0000 6162');
    udp.seal(bytes, 0, 10, 0x0a000001, 0x0a000002);
    expect(udp.isIntact(bytes, 0, 10, 0x0a000001, 0x0a000002)).toBe(true);
    expect(udp.isIntact(bytes, 0, 10, 0x0a000001, 0x0a000003)).toBe(false);
    // Two octets that make the sum 0.
    const rest = finish(sum(hex('c000 0045 000a 0000'), 0, 8, pseudoHeader(0x0a000001, 0x0a000002, 17, 10)));
    bytes.set([rest >> 8, rest & 255], 8);
    udp.seal(bytes, 0, 10, 0x0a000001, 0x0a000002);
    expect(toHex(bytes.subarray(6, 8))).toBe('ffff');
    expect(udp.isIntact(bytes, 0, 10, 0x0a000001, 0x0a000002)).toBe(true);
  });
});

describe('tcp', () => {
  it('reads options in their order, and knows what it does not know', () => {
    const segment = tcp.parse(SPECIMENS['tcp options']!.bytes) as tcp.Segment;
    expect(segment.options).toEqual([
      { kind: 'mss', mss: 1460 },
      { kind: 'sack-permitted' },
      { kind: 'timestamps', value: 1, echo: 0 },
      { kind: 'nop' },
      { kind: 'window-scale', shift: 7 },
      { kind: 'other', type: 253, value: Uint8Array.of(0xaa) },
    ]);
    expect(tcp.mssOf(segment)).toBe(1460);
    expect(tcp.describe(segment)).toBe(
      'TCP 49152 > 2000 [S] seq 1 win 8192 options [mss 1460,sack-permitted,TS val 1 ecr 0,nop,wscale 7,kind 253]',
    );
  });

  it('refuses options that run out of the header', () => {
    const bytes = SPECIMENS['tcp options']!.bytes.slice();
    for (const length of [0, 1, 200]) {
      bytes[21] = length;
      expect(tcp.parse(bytes)).toMatchObject({ reason: 'option length' });
    }
  });
});
