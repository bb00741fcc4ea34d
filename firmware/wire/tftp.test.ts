import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { sharedPcap } from '../../test/support/shared-pcap.ts';
import { isMalformed } from '../malformed.ts';
import * as tftp from './tftp.ts';

function emitted(message: tftp.Message): Uint8Array {
  const octets = new Uint8Array(tftp.lengthOf(message)).fill(0xaa);
  expect(tftp.emit(message, octets)).toBe(octets.length);
  return octets;
}

function parsed(octets: Uint8Array): tftp.Message {
  const message = tftp.parse(octets);
  if (isMalformed(message)) throw new Error(message.reason);
  return message;
}

const octetsOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

describe('TFTP message', () => {
  it('is the request of a real phone, octet for octet (CUCM trace of an 8861 with 12.1(1)SR1, 31 octets)', () => {
    const octets = emitted({ kind: 'RRQ', filename: 'CTLSEP2834A2823B58.tlv', mode: 'octet', options: [] });
    expect(octets).toEqual(octetsOf('\0\x01CTLSEP2834A2823B58.tlv\0octet\0'));
    expect(octets).toHaveLength(31);
  });

  it('lays out each kind', () => {
    expect(emitted({ kind: 'DATA', block: 0x0102, octets: Uint8Array.of(9, 8) })).toEqual(
      Uint8Array.of(0, 3, 1, 2, 9, 8),
    );
    expect(emitted({ kind: 'ACK', block: 0xffff })).toEqual(Uint8Array.of(0, 4, 255, 255));
    expect(emitted({ kind: 'ERROR', code: 1, text: 'no' })).toEqual(octetsOf('\0\x05\0\x01no\0'));
    const options = [{ name: 'blksize', value: '1428' }];
    expect(emitted({ kind: 'OACK', options })).toEqual(octetsOf('\0\x06blksize\x001428\0'));
    expect(tftp.parse(octetsOf('\0\x06'))).toEqual({ kind: 'OACK', options: [] });
    expect(isMalformed(tftp.parse(octetsOf('\0\x06\0')))).toBe(true);
    expect(parsed(octetsOf('\0\x01f\0OCTET\0blksize\x001428\0tsize\x000\0'))).toEqual({
      kind: 'RRQ',
      filename: 'f',
      mode: 'OCTET',
      options: [...options, { name: 'tsize', value: '0' }],
    });
  });

  it('takes an error text without its NUL, and zeros after a request', () => {
    expect(parsed(octetsOf('\0\x05\0\x02denied'))).toEqual({ kind: 'ERROR', code: 2, text: 'denied' });
    expect(parsed(octetsOf('\0\x01f\0octet\0\0\0\0'))).toMatchObject({ filename: 'f', options: [] });
  });

  it('describes', () => {
    expect(
      tftp.describe({ kind: 'RRQ', filename: 'a b', mode: 'octet', options: [{ name: 'tsize', value: '0' }] }),
    ).toBe('TFTP RRQ "a b" octet tsize=0');
    expect(tftp.describe({ kind: 'DATA', block: 3, octets: new Uint8Array(5) })).toBe('TFTP DATA block 3 (5 octets)');
  });

  it('refuses what does not fit', () => {
    for (const text of [
      '',
      '\0\x04\0',
      '\0\x07\0\0',
      '\x01\x01f\0octet\0',
      '\0\x01f\0octet',
      '\0\x01f\0',
      '\0\x01abcd',
    ]) {
      expect(isMalformed(tftp.parse(octetsOf(text))), JSON.stringify(text)).toBe(true);
    }
    expect(isMalformed(tftp.parse(octetsOf(`\0\x06${'a\0b\0'.repeat(40)}`)))).toBe(true);
  });

  it('never throws, and reproduces what it accepts', () => {
    const shaped = fc
      .tuple(fc.integer({ min: 0, max: 7 }), fc.uint8Array({ maxLength: 60 }))
      .map(([opcode, rest]) => Uint8Array.of(0, opcode, ...rest));
    const request = fc
      .array(fc.string({ unit: 'grapheme-ascii', maxLength: 8 }), { maxLength: 8 })
      .map((texts) => octetsOf(`\0\x01${texts.map((text) => `${text}\0`).join('')}`));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), shaped, request), (octets) => {
        const message = tftp.parse(octets);
        if (isMalformed(message)) return;
        expect(parsed(emitted(message))).toEqual(message);
        tftp.describe(message);
      }),
      { numRuns: fuzzRuns() },
    );
  });
});

describe('capture', () => {
  const transfer = sharedPcap('tcpdump_tftp.pcap');

  it.skipIf(transfer === null)('a transfer of three blocks', () => {
    const lines = transfer!.map((frame) => {
      const udpLength = (frame[38]! << 8) | frame[39]!;
      const octets = frame.subarray(42, 34 + udpLength);
      const message = parsed(octets);
      expect(emitted(message)).toEqual(new Uint8Array(octets));
      return tftp.describe(message);
    });
    expect(lines).toEqual([
      'TFTP RRQ "file1" octet',
      'TFTP DATA block 1 (512 octets)',
      'TFTP ACK block 1',
      'TFTP DATA block 2 (512 octets)',
      'TFTP ACK block 2',
      'TFTP DATA block 3 (105 octets)',
      'TFTP ACK block 3',
    ]);
  });
});
