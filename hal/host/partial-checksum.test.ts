import { describe, expect, it } from 'vitest';
import { completeChecksum } from './partial-checksum.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));

/** Ethernet, IPv4 from 10.0.0.1 to 10.0.0.2, then `payload`; padded as a short frame is. */
function frame(protocol: string, payload: string, fragment = '0000'): Uint8Array {
  const length = (20 + hex(payload).length).toString(16).padStart(4, '0');
  const head = `020000000001 020000000002 0800 4500 ${length} 0000 ${fragment} 40 ${protocol} 0000 0a000001 0a000002`;
  const octets = new Uint8Array(60);
  octets.set(hex(head + payload));
  return octets;
}

/** The sum over pseudo-header and segment, which is all ones when the checksum is right (RFC 1071). */
function sum(octets: Uint8Array): number {
  const length = ((octets[16]! << 8) | octets[17]!) - 20;
  const words = [octets[23]!, length];
  for (let at = 26; at < 34; at += 2) words.push((octets[at]! << 8) | octets[at + 1]!);
  for (let at = 34; at < 34 + length; at += 2) {
    words.push((octets[at]! << 8) | (at + 1 < 34 + length ? octets[at + 1]! : 0));
  }
  const total = words.reduce((a, b) => a + b, 0);
  return (total & 0xffff) + (total >>> 16);
}

describe('checksums that the kernel left open', () => {
  it.each([
    ['UDP', '11', '0045 1000 000c beef 01020304'],
    ['UDP of odd length', '11', '0045 1000 000b beef 010203'],
    ['TCP', '06', '07d0 1000 00000001 00000002 5010 ffff beef 0000 dead'],
  ])('%s', (_, protocol, payload) => {
    const octets = frame(protocol, payload);
    completeChecksum(octets, octets.length);
    expect(sum(octets)).toBe(0xffff);
  });

  it('a UDP checksum of zero is sent as all ones', () => {
    // Chosen so that the words add up to ffff: 0a00 0001 0a00 0002 0011 0008 + 0008 + ports.
    const octets = frame('11', 'ebdb 0000 0008 0000');
    completeChecksum(octets, octets.length);
    expect(octets.subarray(40, 42)).toEqual(Uint8Array.of(0xff, 0xff));
  });

  it.each([
    ['a fragment', frame('11', '0045 1000 000c beef 01020304', '2000')],
    ['another protocol', frame('01', '0800 beef 0000 0000')],
    ['a length beyond the frame', frame('11', `0045 1000 000c beef ${'00'.repeat(8)}`).fill(0xff, 16, 18)],
    ['not IPv4', hex('020000000001 020000000002 0806').slice()],
  ])('%s stays as it is', (_, octets) => {
    const before = octets.slice();
    completeChecksum(octets, octets.length);
    expect(octets).toEqual(before);
  });
});
