import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { isMalformed } from '../malformed.ts';
import * as dns from './dns.ts';

const QUERY: dns.Message = {
  id: 0x1234,
  response: false,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: false,
  rcode: 0,
  questions: [{ name: 'CiscoCM1.example.com', type: dns.TYPE_A, class: dns.CLASS_IN }],
  answers: [],
  authorities: [],
  additionals: [],
};

function emitted(message: dns.Message): Uint8Array {
  const octets = new Uint8Array(dns.lengthOf(message)).fill(0xaa);
  expect(dns.emit(message, octets)).toBe(octets.length);
  return octets;
}

function parsed(octets: Uint8Array): dns.Message {
  const message = dns.parse(octets);
  if (isMalformed(message)) throw new Error(message.reason);
  return message;
}

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));

/** A header with these counts, and what follows it. */
const withBody = (questions: number, answers: number, body: string): Uint8Array =>
  hex(`1234 8180 000${questions} 000${answers} 0000 0000 ${body}`);

describe('DNS message', () => {
  it('lays out a query', () => {
    expect(emitted(QUERY)).toEqual(
      hex('1234 0100 0001 0000 0000 0000 08 436973636f434d31 07 6578616d706c65 03 636f6d 00 0001 0001'),
    );
    expect(dns.describe(QUERY)).toBe('DNS query 4660 A CiscoCM1.example.com');
  });

  it('follows compression (RFC 1035 section 4.1.4: F.ISI.ARPA, FOO.F.ISI.ARPA)', () => {
    const message = parsed(
      withBody(
        1,
        2,
        `01 46 03 495349 04 41525041 00 0001 0001
         03 464f4f c00c 0005 0001 00000e10 0002 c00c
         c00c 0001 0001 0000003c 0004 0a000001`,
      ),
    );
    expect(message.answers).toEqual([
      { name: 'FOO.F.ISI.ARPA', type: 5, class: 1, ttl: 3600, data: { kind: 'name', name: 'F.ISI.ARPA' } },
      { name: 'F.ISI.ARPA', type: 1, class: 1, ttl: 60, data: { kind: 'address', address: 0x0a000001 } },
    ]);
    expect(message).toMatchObject({ response: true, recursionAvailable: true, rcode: 0 });
    expect(dns.describe(message)).toBe('DNS answer 4660 NOERROR A F.ISI.ARPA CNAME F.ISI.ARPA A 10.0.0.1');
  });

  it('keeps dots within labels apart from dots between them, and unknown data as it is', () => {
    const message = parsed(withBody(1, 1, '03 612e62 01 5c 00 0001 0001 00 0063 0001 00000000 0003 010203'));
    expect(message.questions[0]!.name).toBe('a\\.b.\\\\');
    expect(message.answers[0]).toMatchObject({ name: '', data: { kind: 'octets', octets: Uint8Array.of(1, 2, 3) } });
    expect(parsed(emitted(message))).toEqual(message);
  });

  it('refuses loops, names without end and counts without entries', () => {
    const bad = [
      'c00c 0001 0001',
      '01 61 c00c 0001 0001',
      'c0ff 0001 0001',
      '05 61',
      `${'3f'.padEnd(128, '61')}`.repeat(5),
      '40 61 00 0001 0001',
      '00 0001',
      '',
    ];
    for (const body of bad) expect(isMalformed(dns.parse(withBody(1, 0, body))), body).toBe(true);
    expect(isMalformed(dns.parse(withBody(0, 1, '00 0001 0001 00000000 0005 0a000001')))).toBe(true);
    expect(isMalformed(dns.parse(withBody(0, 1, '00 0005 0001 00000000 0001 00 00')))).toBe(false);
    expect(isMalformed(dns.parse(withBody(0, 1, '00 0005 0001 00000000 0002 00 00')))).toBe(true);
    expect(isMalformed(dns.parse(hex('1234 8180 ffff ffff 0000 0000')))).toBe(true);
    expect(isMalformed(dns.parse(new Uint8Array(11)))).toBe(true);
  });

  it('knows what can be a name', () => {
    for (const name of ['a', 'a.b.', 'x'.repeat(63), `${'x'.repeat(49)}.`.repeat(5)])
      expect(dns.isName(name), name).toBe(true);
    for (const name of ['a..b', '.a', 'x'.repeat(64), `${'x'.repeat(50)}.`.repeat(5), 'ĉ.example']) {
      expect(dns.isName(name), name).toBe(false);
    }
  });

  it('never throws, and reproduces what it accepts', () => {
    const body = fc.array(
      fc.constantFrom('00', '01', '61', 'c0', '0c', '0005', '0001', '00010001', '0000003c', '0004', '016100'),
      {
        maxLength: 40,
      },
    );
    const shaped = fc
      .tuple(fc.nat(3), fc.nat(3), body)
      .map(([questions, answers, parts]) => withBody(questions, answers, parts.join('')));
    fc.assert(
      fc.property(fc.oneof(shaped, fc.uint8Array({ maxLength: 100 })), (octets) => {
        const message = dns.parse(octets);
        if (isMalformed(message)) return;
        expect(parsed(emitted(message))).toEqual(message);
        dns.describe(message);
      }),
      { numRuns: fuzzRuns() },
    );
  });
});
