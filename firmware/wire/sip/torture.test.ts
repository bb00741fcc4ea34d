import { describe, expect, it } from 'vitest';
import { NOT_SERVED, REFUSED_MESSAGES } from '../../../test/support/sip-torture-invalid.ts';
import { VALID_MESSAGES } from '../../../test/support/sip-torture-valid.ts';
import { isMalformed } from '../../malformed.ts';
import { answerTo } from '../../protocols/sip/answer.ts';
import { parameter, parseAddress, parseVia, split } from './grammar.ts';
import { emit, encode, headerValue, headerValues, lengthOf, type Message, parse, type Request } from './message.ts';
import { parseUri } from './uri.ts';
import { judgeRequest, judgeResponse } from './validity.ts';

/** As on the wire; `\xNN` is an octet. */
function octets(text: string): Uint8Array {
  const lines = text.replaceAll('\n', '\r\n');
  return Buffer.from(
    lines.replace(/\\x([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

function parsed(text: string): Message {
  const m = parse(octets(text));
  if (isMalformed(m)) throw new Error(m.reason);
  return m;
}

function judged(m: Message) {
  return m.kind === 'request' ? judgeRequest(m) : judgeResponse(m);
}

function valid(name: string): Message {
  return parsed(VALID_MESSAGES[name]!);
}

describe('RFC 4475: well-formed messages are taken', () => {
  it.each(Object.entries(VALID_MESSAGES))('%s', (_name, text) => {
    const m = parsed(text);
    // In dblreq, the second request is beyond the datagram's Content-Length.
    expect(judged(m)).toBe(null);
    const again = parse(encode(m));
    expect(again).toEqual(m);
    const into = new Uint8Array(lengthOf(m) + 7);
    expect(emit(m, into, 7)).toBe(lengthOf(m));
  });

  it('wsinv is what the RFC says it is', () => {
    const m = valid('wsinv') as Request;
    expect(headerValue(m, 'Max-Forwards')).toBe('0068');
    expect(parseAddress(headerValue(m, 'To')!)).toEqual({
      display: '',
      uri: 'sip:vivekg@chair-dnrc.example.com',
      parameters: [{ name: 'tag', value: '1918181833n' }],
    });
    expect(parseAddress(headerValue(m, 'From')!)!.display).toBe('J Rosenberg \\"');
    const vias = headerValues(m, 'Via').flatMap((value) => split(value, ',')!.map((one) => parseVia(one)!));
    expect(vias.map((via) => [via.transport, via.host, parameter(via.parameters, 'branch')])).toEqual([
      ['UDP', '192.0.2.2', '390skdjuw'],
      ['TCP', 'spindle.example.com', 'z9hG4bK9ikj8'],
      ['UDP', '192.168.255.111', 'z9hG4bK30239'],
    ]);
    expect(m.headers.find(({ name }) => name === 'NewFangledHeader')!.value).toBe(
      'newfangled value continued newfangled value',
    );
    const contact = parseAddress(headerValue(m, 'Contact')!)!;
    expect(contact.display).toBe('Quoted string ""');
    expect(parameter(contact.parameters, 'secondparam')).toBe('');
    expect(m.body.length).toBe(150);
  });

  it('escapes are undone in users and nowhere else', () => {
    const uri = parseUri((valid('esc01') as Request).uri);
    expect(uri).toMatchObject({ user: 'sips:user@example.com', host: 'example.net' });
    expect((valid('esc02') as Request).method).toBe('RE%47IST%45R');
    expect(headerValues(valid('esc02'), 'Contact').length).toBe(2);
    expect(parseUri('sip:user;par=u%40example.net@example.com')).toMatchObject({
      user: 'user;par=u@example.net',
      host: 'example.com',
    });
  });

  it("a parameter behind an address without brackets is the header field's", () => {
    const bare = parseAddress(headerValue(valid('cparam01'), 'Contact')!)!;
    const inside = parseAddress(headerValue(valid('cparam02'), 'Contact')!)!;
    expect([bare.parameters.length, inside.parameters.length]).toEqual([1, 0]);
  });

  it('a reason phrase may be empty, or in any language', () => {
    expect(valid('noreason')).toMatchObject({ status: 100, reason: '' });
    expect(valid('unreason')).toMatchObject({ status: 200 });
  });
});

describe('RFC 4475: what is not to be served is refused as it says', () => {
  it.each(Object.entries(REFUSED_MESSAGES))('%s', (_name, [status, text]) => {
    const m = parsed(text);
    if (status === null) expect(judged(m)).not.toBe(null);
    else expect(judged(m)).toMatchObject({ status });
  });

  it.each(Object.entries(NOT_SERVED))('%s by the phone', (_name, [status, text]) => {
    const m = parsed(text) as Request;
    expect(judgeRequest(m)).toBe(null);
    expect(answerTo(m, '')).toMatchObject({ status });
  });
});
