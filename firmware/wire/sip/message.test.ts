import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/fuzz-runs.ts';
import { capturedSegments } from '../../../test/support/sccp-capture.ts';
import { REFUSED_MESSAGES } from '../../../test/support/sip-torture-invalid.ts';
import { VALID_MESSAGES } from '../../../test/support/sip-torture-valid.ts';
import { isMalformed } from '../../malformed.ts';
import { dateValue, parseDate } from './date.ts';
import { authorization, parseAuthorization, parseChallenge } from './digest.ts';
import { parseAddress, parseSequence, parseTyped, parseVia, quoted, split, unquoted } from './grammar.ts';
import { describe as describeMessage, encode, headerValue, type Message, parse } from './message.ts';
import { multipartText, partsOf } from './multipart.ts';
import * as sdp from './sdp.ts';
import { MessageStream } from './stream.ts';
import { escapedUser, parseUri } from './uri.ts';
import { judgeRequest, judgeResponse } from './validity.ts';

const md5 = (octets: Uint8Array) => createHash('md5').update(octets).digest();

function octets(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1'));
}

const MESSAGES = [...Object.values(VALID_MESSAGES), ...Object.values(REFUSED_MESSAGES).map(([, text]) => text)].map(
  octets,
);

/** Everything that reads into a message. */
function readThrough(m: Message): void {
  describeMessage(m);
  const verdict = m.kind === 'request' ? judgeRequest(m) : judgeResponse(m);
  partsOf(m);
  for (const { value } of m.headers) {
    for (const one of split(value, ',') ?? []) {
      parseAddress(one);
      parseVia(one);
      parseChallenge(one);
    }
    parseChallenge(value);
    parseAuthorization(value, 'REGISTER');
    parseSequence(value);
    parseTyped(value);
    parseUri(value);
    parseDate(value);
  }
  sdp.parse(Buffer.from(m.body).toString('latin1'));
  if (verdict !== null) return;
  const again = parse(encode(m));
  expect(again).toEqual(m);
}

describe('the parser', () => {
  it('takes random octets without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const m = parse(bytes);
        if (!isMalformed(m)) readThrough(m);
      }),
      { numRuns: fuzzRuns() },
    );
  });

  it('takes mutated messages without throwing, and gives again what it accepts', () => {
    const mutation = fc.record({
      at: fc.nat(3000),
      octet: fc.nat(255),
      kind: fc.constantFrom('set', 'delete', 'double'),
    });
    fc.assert(
      fc.property(fc.nat(MESSAGES.length - 1), fc.array(mutation, { maxLength: 6 }), (index, mutations) => {
        let bytes = MESSAGES[index]!.slice();
        for (const { at, octet, kind } of mutations) {
          const place = at % bytes.length;
          if (kind === 'set') bytes[place] = octet;
          else {
            const rest = bytes.subarray(kind === 'delete' ? place + 1 : place);
            bytes = Uint8Array.of(...bytes.subarray(0, place + (kind === 'double' ? 1 : 0)), ...rest);
          }
        }
        const m = parse(bytes);
        if (!isMalformed(m)) readThrough(m);
      }),
      { numRuns: fuzzRuns() },
    );
  });

  it('takes structured nonsense without throwing', () => {
    const pieces = fc.constantFrom(
      '"',
      '<',
      '>',
      ';',
      ',',
      '=',
      '\\',
      '@',
      ':',
      '%',
      '?',
      'sip:',
      'a',
      ' ',
      '*',
      '[',
      ']',
      '/',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (list) => {
        const text = list.join('');
        for (const one of split(text, ',') ?? []) parseAddress(one);
        parseAddress(text);
        parseUri(text);
        parseUri(`sip:${text}`);
        parseVia(`SIP/2.0/TCP ${text}`);
        parseChallenge(`Digest ${text}`);
        parseTyped(text);
      }),
      { numRuns: fuzzRuns() },
    );
  });

  // Whoever reads these in more ways than one for each character does not come back.
  it.each([
    `sip:${'a.'.repeat(2_000)}`,
    `sip:${'a'.repeat(4_000)}!`,
    `sip:${'a-.'.repeat(1_300)}!`,
    `sip:b;${'a'.repeat(4_000)}=!"`,
    `"${'\\"'.repeat(30_000)}`,
    'a-.'.repeat(20_000),
    '1 '.repeat(30_000),
  ])('comes to an end with %.12s…', (text) => {
    expect(parseUri(`${text}"`)).toBeNull();
    for (const read of [parseAddress, parseTyped, (value: string) => parseVia(`SIP/2.0/TCP ${value}`)]) read(text);
    expect(parseChallenge(`Digest ${text}`)).toBeNull();
  });

  it.each([
    ['no blank line', 'OPTIONS sip:a@b SIP/2.0\nVia: x\n'],
    ['no start line', '\n\nhello\n\n'],
    ['no header name', 'OPTIONS sip:a@b SIP/2.0\n: x\n\n'],
    ['a space in the name', 'OPTIONS sip:a@b SIP/2.0\nCall ID: x\n\n'],
    ['too many headers', `OPTIONS sip:a@b SIP/2.0\n${'X: 1\n'.repeat(257)}\n`],
  ])('refuses %s', (_what, text) => {
    expect(isMalformed(parse(octets(text)))).toBe(true);
  });

  it('refuses a line end in pieces, which would make two header fields of one', () => {
    const text = 'OPTIONS sip:a@b SIP/2.0\r\nSubject: x\nVia: y\r\n\r\n';
    expect(isMalformed(parse(new Uint8Array(Buffer.from(text))))).toBe(true);
  });
});

describe('the stream', () => {
  const whole = [VALID_MESSAGES.wsinv!, VALID_MESSAGES.escnull!, VALID_MESSAGES.bcast!, VALID_MESSAGES.zeromf!].map(
    (text) => {
      const m = parse(octets(text));
      return encode(m as Message);
    },
  );
  const expected = whole.map((one) => Buffer.from(one).toString('latin1'));
  const stream = Buffer.concat([...whole.slice(0, 2), Buffer.from('\r\n\r\n'), ...whole.slice(2), Buffer.from('\r\n')]);

  function cutBy(segments: readonly Uint8Array[]): string[] {
    const out: string[] = [];
    const cutter = new MessageStream();
    for (const segment of segments) {
      const wrong = cutter.push(segment, (bytes, offset, length) => {
        out.push(Buffer.from(bytes.subarray(offset, offset + length)).toString('latin1'));
        return true;
      });
      expect(wrong).toBe(null);
    }
    return out;
  }

  it('gives the same messages wherever it is cut in two', () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(cutBy([stream.subarray(0, at), stream.subarray(at)])).toEqual(expected);
    }
  });

  it('gives the same messages in any segments', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), stream.length];
        expect(cutBy(at.slice(1).map((end, k) => stream.subarray(at[k], end)))).toEqual(expected);
      }),
      { numRuns: fuzzRuns(0.1) },
    );
  });

  it.each(['Content-Length: x', 'Content-Length: -1', 'Content-Length: 5\r\nl: 6', 'Content-Length: 99999999'])(
    'ends at %s',
    (field) => {
      const text = `OPTIONS sip:a@b SIP/2.0\r\n${field}\r\n\r\n`;
      expect(isMalformed(new MessageStream().push(Buffer.from(text), () => true))).toBe(true);
    },
  );

  it('does not hold more than a message of octets that never end', () => {
    const cutter = new MessageStream();
    let wrong = null;
    let pushed = 0;
    while (wrong === null && pushed < 1_000_000) {
      wrong = cutter.push(new Uint8Array(1000).fill(65), () => true);
      pushed += 1000;
    }
    expect(pushed).toBeLessThan(70_000);
  });
});

describe('digest', () => {
  // RFC 2617 section 3.5.
  it("gives the response of the RFC's example", () => {
    const challenge = parseChallenge(
      'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    )!;
    const request = { method: 'GET', uri: '/dir/index.html', nonceCount: 1, cnonce: '0a4f113b' };
    const value = authorization(challenge, { userName: 'Mufasa', password: 'Circle Of Life' }, request, md5);
    expect(value).toContain('response="6629fae49393a05397450978507c4ef1"');
    expect(parseAuthorization(value, 'GET')).toMatchObject({ userName: 'Mufasa', nonceCount: 1, qop: true });
  });

  it('knows MD5 only', () => {
    expect(parseChallenge('Digest realm="a", nonce="b", algorithm=SHA-256')).toBe(null);
    expect(parseChallenge('Digest realm="a", nonce="b", qop="auth-int"')).toBe(null);
    expect(parseChallenge('Basic realm="a"')).toBe(null);
    expect(parseChallenge('Digest realm="a, b", nonce="b",stale=TRUE')).toMatchObject({ realm: 'a, b', stale: true });
  });
});

describe('values', () => {
  it.each([
    ['sip:alice;day=tuesday@atlanta.com', { user: 'alice;day=tuesday', host: 'atlanta.com', port: null }],
    ['sips:alice:pw@[2001:db8::1]:5061;lr', { scheme: 'sips', user: 'alice', host: '[2001:db8::1]', port: 5061 }],
    ['sip:10.0.0.1', { user: null, host: '10.0.0.1' }],
    ['tel:+1-201-555-0123', { scheme: 'tel', host: null }],
    ['sip:a@b?Subject=x', { headers: 'Subject=x' }],
    ['sip:', null],
    ['sip:a@b:99999', null],
    ['sip:a b@c', null],
    ['alice', null],
  ])('%s', (text, uri) => {
    if (uri === null) expect(parseUri(text)).toBe(null);
    else expect(parseUri(text)).toMatchObject(uri);
  });

  it('texts in quotes come back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const octetsOf = Buffer.from(text).toString('latin1');
        if (/[\r\n]/.test(text)) return;
        expect(unquoted(quoted(text))).toBe(octetsOf);
      }),
      { numRuns: fuzzRuns(0.25) },
    );
    expect(escapedUser('a b@c')).toBe('a%20b%40c');
  });

  it('dates are those of the host', () => {
    const date = fc.integer({ min: 0, max: 7_258_118_400 });
    fc.assert(
      fc.property(date, (seconds) => {
        expect(dateValue(seconds)).toBe(new Date(seconds * 1000).toUTCString());
        expect(parseDate(dateValue(seconds))).toBe(seconds);
      }),
      { numRuns: fuzzRuns() },
    );
    expect(parseDate('Fri, 01 Jan 2010 16:00:00 EST')).toBe(null);
  });

  it('parts of a body come back', () => {
    const text = multipartText('uniqueBoundary', [
      { headers: [['Content-Type', 'text/plain']], text: 'action=reset\r\n' },
      { headers: [['Content-Type', 'Application/XML; charset=utf-8']], text: '<a/>' },
    ]);
    const headers = [{ name: 'Content-Type', value: 'multipart/mixed;boundary="uniqueBoundary"' }];
    const m: Message = {
      kind: 'response',
      status: 200,
      reason: '',
      headers,
      body: Buffer.from(`preamble\r\n${text}epilogue`),
    };
    expect(partsOf(m).map((part) => [part.type, part.text])).toEqual([
      ['text/plain', 'action=reset\r\n'],
      ['application/xml', '<a/>'],
    ]);
    expect(partsOf({ ...m, headers: [{ name: 'Content-Type', value: 'multipart/mixed' }] })).toEqual([]);
  });

  it('session descriptions come back', () => {
    const text =
      'v=0\r\no=Cisco-SIPUA 25120 0 IN IP4 10.0.0.5\r\ns=SIP Call\r\nb=AS:4064\r\nt=0 0\r\nm=audio 16384 RTP/AVP 0 8 101\r\nc=IN IP4 10.0.0.5\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n';
    const parsed = sdp.parse(text);
    if (isMalformed(parsed)) throw new Error(parsed.reason);
    expect(sdp.emit(parsed)).toBe(text);
    expect(sdp.describe(parsed)).toBe('SDP SIP Call, audio 10.0.0.5:16384 RTP/AVP 0 8 101');
    expect(isMalformed(sdp.parse('v=1\r\n'))).toBe(true);
    expect(isMalformed(sdp.parse('v=0\r\nm=audio x RTP/AVP 0\r\n'))).toBe(true);
  });
});

const PCAP = capturedSegments('sip-ucm-register.pcap', 5060);

describe('what a chan_sip patched for Cisco phones said', () => {
  it.skipIf(PCAP === null)('parses: 401, 200 with remotecc, REFER with three parts', () => {
    const stream = new MessageStream();
    const heard: Message[] = [];
    for (const { from, payload } of PCAP!) {
      if (from !== 5060) continue;
      const wrong = stream.push(payload, (bytes, offset, length) => {
        const m = parse(bytes, offset, length);
        if (!isMalformed(m)) heard.push(m);
        return true;
      });
      expect(wrong).toBe(null);
    }
    expect(heard.map((m) => (m.kind === 'request' ? m.method : m.status))).toEqual([401, 200, 'REFER']);
    expect(heard.map((m) => (m.kind === 'request' ? judgeRequest(m) : judgeResponse(m)))).toEqual([null, null, null]);
    expect(parseChallenge(headerValue(heard[0]!, 'WWW-Authenticate')!)).toMatchObject({
      realm: 'asterisk',
      nonce: '2c63a1cc',
    });
    expect(partsOf(heard[1]!)[0]!.type).toBe('application/x-cisco-remotecc-response+xml');
    expect(partsOf(heard[2]!).length).toBe(3);
  });
});
