import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { Malformed } from '../malformed.ts';
import * as capf from './capf.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

function parsed(octets: Uint8Array): capf.Message {
  const message = capf.parse(octets);
  if (message instanceof Malformed) throw new Error(message.reason);
  return message;
}

const { COMMANDS, TAGS } = capf;

describe('messages of a session', () => {
  it('the server asks who is there', () => {
    const octets = capf.encode(COMMANDS.authRequest, 4097, [
      capf.octet(TAGS.version, 3),
      capf.octet(TAGS.authType, capf.AUTH_TYPES.none),
    ]);
    expect(toHex(octets)).toBe(`55 01 00001001 0008 ${'07 0001 03'} ${'08 0001 00'}`.replaceAll(' ', ''));
    expect(capf.describe(parsed(octets))).toBe('CAPF authentication request 4097: 7 8');
  });

  it('the phone answers with its name, and never shows the string', () => {
    const octets = capf.encode(COMMANDS.authResponse, 4097, [
      capf.octet(TAGS.reason, capf.REASONS.ok),
      capf.octet(TAGS.version, 3),
      capf.text(TAGS.password, '73519'),
      capf.text(TAGS.deviceName, 'SEP0011AABBCC01'),
    ]);
    const message = parsed(octets);
    expect(capf.textOf(message, TAGS.password)).toBe('73519');
    expect(capf.describe(message)).toBe('CAPF authentication response 4097: SEP0011AABBCC01, reason 1, 1 7 11 13');
    // The null string is its NUL alone.
    expect(toHex(capf.text(TAGS.password, '').value)).toBe('00');
  });

  it('a certificate is an element in an element', () => {
    const octets = capf.encode(COMMANDS.storeRequest, 1, [
      capf.octet(TAGS.certificateType, 1),
      capf.certificate(capf.CERTIFICATE_TYPES.lsc, hex('3003020101')),
    ]);
    expect(toHex(octets.subarray(8))).toBe('030001 01 04000a 010007 0001 3003020101'.replaceAll(' ', ''));
    expect(toHex(capf.certificateOf(parsed(octets))!)).toBe('3003020101');
  });

  it.each([
    ['no certificate', '55 09 00000001 0004 03 0001 01'],
    ['an empty one', '55 09 00000001 0008 04 0005 01 0002 0001'],
    ['one that ends early', '55 09 00000001 0008 04 0005 01 0009 0001'],
  ])('%s is none', (_what, text) => {
    expect(capf.certificateOf(parsed(hex(text)))).toBeNull();
  });

  it('numbers have up to four octets', () => {
    const message = parsed(hex('55 03 00000001 000f 0a 0002 0800 0c 0004 00000e10 01 0000'));
    expect(capf.numberOf(message, TAGS.keySize)).toBe(2048);
    expect(capf.numberOf(message, TAGS.retryDelay)).toBe(3600);
    expect(capf.numberOf(message, TAGS.reason)).toBeNull();
    expect(capf.numberOf(message, TAGS.curve)).toBeNull();
  });
});

describe('what is no message', () => {
  it.each([
    ['too short', '55 01 00001001 00'],
    ['of another protocol', '57 01 00001001 0000'],
    ['cut off', '55 01 00001001 0004 07 0001'],
    ['with an element that reaches past its end', '55 01 00001001 0004 07 0002 03'],
    ['with an element whose head is cut', '55 01 00001001 0002 07 00'],
    ['with more elements than there can be', `55 01 00001001 00c3 ${'07 0000'.repeat(65)}`],
  ])('%s', (_what, text) => {
    expect(capf.parse(hex(text))).toBeInstanceOf(Malformed);
  });
});

const element = fc.record({
  tag: fc.integer({ min: 0, max: 255 }),
  value: fc.uint8Array({ maxLength: 300 }),
});
const anyMessage = fc.record({
  command: fc.integer({ min: 0, max: 255 }),
  session: fc.integer({ min: 0, max: 0xffff_ffff }),
  elements: fc.array(element, { maxLength: 20 }),
});

describe('any octets', () => {
  it('what is written is read again', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const octets = capf.encode(message.command, message.session, message.elements);
        expect(octets.length).toBe(capf.lengthOf(message));
        expect(capf.messageLength(octets)).toBe(octets.length);
        expect(capf.parse(octets)).toEqual(message);
      }),
      { numRuns: fuzzRuns() },
    );
  });

  it('what is accepted is written again as it was; nothing throws', () => {
    const bytes = fc
      .tuple(anyMessage, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.uint8Array({ maxLength: 8 }))
      .map(([message, flips, tail]) => {
        const octets = Buffer.concat([capf.encode(message.command, message.session, message.elements), tail]);
        for (const [at, value] of flips) octets[at % octets.length] = value;
        return new Uint8Array(octets);
      });
    fc.assert(
      fc.property(fc.oneof(bytes, fc.uint8Array({ maxLength: 64 })), (octets) => {
        const message = capf.parse(octets);
        if (message instanceof Malformed) return;
        const again = capf.encode(message.command, message.session, message.elements);
        expect(again).toEqual(octets.slice(0, again.length));
        capf.describe(message);
        capf.certificateOf(message);
        for (const tag of Object.values(TAGS)) {
          capf.numberOf(message, tag);
          capf.textOf(message, tag);
          const value = capf.elementOf(message, tag);
          if (value !== null) capf.nestedValue(value, 1);
        }
      }),
      { numRuns: fuzzRuns() },
    );
  });
});
