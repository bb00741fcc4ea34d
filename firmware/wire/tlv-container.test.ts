import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { isMalformed } from '../malformed.ts';
import * as tlv from './tlv-container.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));

function emitted(container: tlv.Container): Uint8Array {
  const octets = new Uint8Array(tlv.lengthOf(container));
  expect(tlv.emit(container, octets)).toBe(octets.length);
  return octets;
}

function emittedRecords(records: readonly tlv.TlvRecord[]): Uint8Array {
  const octets = new Uint8Array(tlv.lengthOfRecords(records));
  expect(tlv.emitRecords(records, octets)).toBe(octets.length);
  return octets;
}

function accepted<T>(value: T | ReturnType<typeof tlv.parse>): Exclude<T, { reason: string }> {
  if (isMalformed(value)) throw new Error(value.reason);
  return value as Exclude<T, { reason: string }>;
}

const reason = (value: unknown): unknown => (isMalformed(value) ? value.reason : value);

// Signer name, serial and issuer in tag 3; digest and algorithm in tag 7; two octets of padding; then two octets of payload.
const HEADER = `010002 0102 020002 0037 030010 040002 4100 050003 010203 060002 4200
  07000f 080001 01 090008 0a0001 00 0b0001 02 0c0003 aabbcc 0d0d`;

describe('TLV header', () => {
  it('reads nested elements in their order, with where they stand', () => {
    const octets = hex(`${HEADER} ffff`);
    const container = accepted(tlv.parse(octets));
    expect(container.headerLength).toBe(55);
    expect(tlv.describe(container)).toBe('TLV header 55 octets: 1 2 3(4 5 6) 7(8 9(10 11)) 12 13 13');
    expect(container.elements[2]!.children![1]).toEqual({ tag: 5, offset: 18, value: Uint8Array.of(1, 2, 3) });
    expect(container.elements[4]).toEqual({ tag: 12, offset: 47, value: Uint8Array.of(0xaa, 0xbb, 0xcc) });
    expect(emitted(container)).toEqual(octets.subarray(0, 55));
  });

  it('keeps tags that nobody has described', () => {
    expect(tlv.describe(accepted(tlv.parse(hex('010002 0109 020002 000f c80002 0102'))))).toBe(
      'TLV header 15 octets: 1 2 200',
    );
  });

  it('refuses what does not add up', () => {
    expect(reason(tlv.parse(new Uint8Array(0)))).toMatch(/begin with version/);
    expect(reason(tlv.parse(hex('020002 000a 010002 0102')))).toMatch(/begin with version/);
    expect(reason(tlv.parse(hex('010002 0102 020002 00ff')))).toMatch(/past the end of the file/);
    expect(reason(tlv.parse(hex('010002 0102 020002 0009')))).toMatch(/past the end of the file/);
    expect(reason(tlv.parse(hex('010002 0102 020002 000e 04000200')))).toMatch(/what holds it/);
    expect(reason(tlv.parse(hex('010002 0102 020002 0013 030003 040001 41 0000')))).toMatch(/what holds it/);
    expect(reason(tlv.parse(hex('010002 0102 020002 000b 04')))).toMatch(/what holds it/);
    expect(reason(tlv.parse(hex(`010002 0102 020002 00d2 ${'0d'.repeat(200)}`)))).toMatch(/too many/);
    expect(reason(tlv.parse(hex('010002 0102 020002 0019 03000c 030009 030006 030003 030000')))).toMatch(/too many/);
  });
});

describe('TLV records', () => {
  // The empty record of a cluster that went back to non-secure: 33 = 5 + 16 + 5 + 7 octets.
  const EMPTY_RECORD = `010002 0021 02000d ${Buffer.from('192.168.1.10\0').toString('hex')} 040002 0002 0a0004 c0a8010a`;

  it('reads them back to back up to the end', () => {
    const octets = hex(`ffff ${EMPTY_RECORD} ${EMPTY_RECORD}`);
    const records = accepted(tlv.parseRecords(octets, 2));
    expect(records.map(({ offset, length }) => [offset, length])).toEqual([
      [2, 33],
      [35, 33],
    ]);
    expect(records[1]!.elements.map(({ tag }) => tag)).toEqual([2, 4, 10]);
    expect(emittedRecords(records)).toEqual(octets.subarray(2));
    expect(tlv.parseRecords(octets, octets.length)).toEqual([]);
  });

  it('refuses lengths that lead nowhere, and does not loop', () => {
    for (const record of ['010002 0000', '010002 0004', '010002 0006', '0100', '020002 0005', '010002 0008 040002']) {
      expect(isMalformed(tlv.parseRecords(hex(record), 0)), record).toBe(true);
    }
    expect(reason(tlv.parseRecords(hex('0100020005'.repeat(tlv.MAX_RECORDS + 1)), 0))).toMatch(/too many records/);
  });
});

it('never throws, and reproduces what it accepts', () => {
  const good = hex(`${HEADER} 010002 000a 040002 0002`);
  const mutated = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 })
    .map((changes) => changes.reduce((octets, [at, value]) => octets.fill(value, at, at + 1), good.slice()));
  const tags = fc.array(fc.constantFrom('03', '07', '0d', '0000', '0001', '0003', '0006', '04', 'ff'), {
    maxLength: 30,
  });
  const shaped = tags.map((parts) => {
    const body = hex(parts.join(''));
    return Uint8Array.of(1, 0, 2, 1, 2, 2, 0, 2, 0, 10 + body.length, ...body);
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), mutated, shaped), (octets) => {
      const container = tlv.parse(octets);
      if (isMalformed(container)) return;
      expect(emitted(container)).toEqual(octets.subarray(0, container.headerLength));
      tlv.describe(container);
      const records = tlv.parseRecords(octets, container.headerLength);
      if (!isMalformed(records)) expect(emittedRecords(records)).toEqual(octets.subarray(container.headerLength));
    }),
    { numRuns: fuzzRuns() },
  );
});
