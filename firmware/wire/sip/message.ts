/**
 * SIP messages, RFC 3261 section 7 (grammar: section 25.1).
 *
 *     Request       METHOD SP Request-URI SP SIP/2.0 CRLF         Response      SIP/2.0 SP code SP reason CRLF
 *     header field  name *WS ":" value CRLF                       folded        CRLF 1*WS continues a value
 *     blank line    CRLF
 *     body          Content-Length octets; on a datagram without that field, the rest
 *
 * Header values are text of Latin-1 characters, one for each octet: UTF-8 passes through unchanged (`text.ts` decodes it). Folding is undone, compact
 * names are written out, Content-Length is not in the list: `emit` writes it last.
 *
 * `parse` looks at structure alone, so that what is wrong inside can still be answered with 400: `judge` (validity.ts) looks at that.
 */
import { Malformed } from '../../malformed.ts';
import { emitLatin1, latin1 } from '../text.ts';
import { headerName, type KnownHeaderName } from './header-name.ts';

/** A message on a stream may not be longer: CUCM's own limit is 11,000 octets by default. */
export const MAX_MESSAGE = 65_536;
/** Header fields after which nobody reads on. */
const MAX_HEADERS = 256;

export const VERSION = 'SIP/2.0';

/** What stands where a Content-Length cannot be understood. */
export const WRONG_LENGTH = -1;

export interface Header {
  readonly name: string;
  readonly value: string;
}

interface Common {
  readonly headers: readonly Header[];
  readonly body: Uint8Array;
  /** As the message says it, which need not be the truth; the body's own length when the message does not say. */
  readonly contentLength?: number;
}

export interface Request extends Common {
  readonly kind: 'request';
  readonly method: string;
  readonly uri: string;
  /** `SIP/2.0` */
  readonly version: string;
}

export interface Response extends Common {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
}

export type Message = Request | Response;

export const NO_BODY: Uint8Array = new Uint8Array(0);

const CR = 13;
const LF = 10;

const NO_END = new Malformed('SIP', 'no blank line ends the header');
const TOO_LONG = new Malformed('SIP', 'longer than anybody sends');
const BAD_START_LINE = new Malformed('SIP', 'no start line');
const BAD_HEADER = new Malformed('SIP', 'no header field');
const TOO_MANY_HEADERS = new Malformed('SIP', 'too many header fields');
const BARE_LINE_END = new Malformed('SIP', 'CR or LF alone within the header');

/** A copy that shares nothing; `slice` of a host's own kind of array need not be one. */
export function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  if (to <= from) return NO_BODY;
  const copy = new Uint8Array(to - from);
  copy.set(bytes.subarray(from, to));
  return copy;
}

/** Offset of the first octet behind the blank line, or -1. */
export function headerEnd(bytes: Uint8Array, offset: number, end: number): number {
  for (let at = offset + 3; at < end; at += 2) {
    const octet = bytes[at]!;
    if (octet !== LF && octet !== CR) continue;
    for (let last = at; last < at + 3 && last < end; last++) {
      if (bytes[last] === LF && bytes[last - 1] === CR && bytes[last - 2] === LF && bytes[last - 3] === CR) {
        return last + 1;
      }
    }
  }
  return -1;
}

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  const end = offset + length;
  let start = offset;
  // "Implementations processing SIP messages over stream-oriented transports MUST ignore any CRLF appearing before the start-line" (7.5).
  while (start + 1 < end && bytes[start] === CR && bytes[start + 1] === LF) start += 2;
  if (end - start > MAX_MESSAGE) return TOO_LONG;
  const bodyAt = headerEnd(bytes, start, end);
  if (bodyAt === -1) return NO_END;
  const lines = latin1(bytes, start, bodyAt - 4 - start).split('\r\n', MAX_MESSAGE);
  const headers = headersOf(lines);
  if (headers instanceof Malformed) return headers;
  const declared = takeContentLength(headers, end - bodyAt);
  const body = copyOf(bytes, bodyAt, declared < 0 ? end : Math.min(end, bodyAt + declared));
  return withStartLine(lines[0]!, { headers, body, contentLength: declared });
}

function withStartLine(line: string, rest: Common): Message | Malformed {
  if (/[\r\n]/.test(line)) return BARE_LINE_END;
  const response = /^SIP\/2\.0 (\d{1,10}) ?(.*)$/i.exec(line);
  if (response !== null) {
    return { kind: 'response', status: Number(response[1]), reason: response[2]!, ...rest };
  }
  const space = line.indexOf(' ');
  const versionAt = line.lastIndexOf(' SIP/');
  if (space < 1 || versionAt <= space) return BAD_START_LINE;
  const method = line.slice(0, space);
  const version = line.slice(versionAt + 1);
  return { kind: 'request', method, uri: line.slice(space + 1, versionAt), version, ...rest };
}

/** The header fields of all lines but the first; folded ones in one piece. */
function headersOf(lines: readonly string[]): Header[] | Malformed {
  const headers: Header[] = [];
  let at = 1;
  while (at < lines.length) {
    const line = lines[at++]!;
    const colon = line.indexOf(':');
    if (colon < 1) return BAD_HEADER;
    const name = line.slice(0, colon).trimEnd();
    if (!/^[\w\-.!%*+`'~]+$/.test(name)) return BAD_HEADER;
    let value = line.slice(colon + 1).trim();
    while (at < lines.length && isFolded(lines[at]!)) value = `${value} ${lines[at++]!.trim()}`;
    if (value.includes('\r') || value.includes('\n')) return BARE_LINE_END;
    if (headers.length === MAX_HEADERS) return TOO_MANY_HEADERS;
    headers.push({ name: headerName(name), value: value.trim() });
  }
  return headers;
}

function isFolded(line: string): boolean {
  return line[0] === ' ' || line[0] === '\t';
}

/** Takes Content-Length out of the list. `WRONG_LENGTH` when it is no number, or there are several that differ. */
function takeContentLength(headers: Header[], present: number): number {
  let length: number | null = null;
  for (let at = headers.length - 1; at >= 0; at--) {
    const { name, value } = headers[at]!;
    if (name !== 'Content-Length') continue;
    headers.splice(at, 1);
    const number = /^\d{1,9}$/.test(value) ? Number(value) : WRONG_LENGTH;
    length = length === null || length === number ? number : WRONG_LENGTH;
  }
  return length ?? present;
}

function head(m: Message): string {
  let text = m.kind === 'request' ? `${m.method} ${m.uri} ${m.version}\r\n` : `${VERSION} ${m.status} ${m.reason}\r\n`;
  for (const { name, value } of m.headers) text += `${name}: ${value}\r\n`;
  return `${text}Content-Length: ${m.body.length}\r\n\r\n`;
}

export function lengthOf(m: Message): number {
  return head(m).length + m.body.length;
}

/** Returns the count of octets written. */
export function emit(m: Message, into: Uint8Array, offset = 0): number {
  const written = emitLatin1(head(m), into, offset);
  into.set(m.body, offset + written);
  return written + m.body.length;
}

export function encode(m: Message): Uint8Array {
  const text = head(m);
  const octets = new Uint8Array(text.length + m.body.length);
  emitLatin1(text, octets);
  octets.set(m.body, text.length);
  return octets;
}

/** Value of the first header field of that name, null when there is none. */
export function headerValue(m: { readonly headers: readonly Header[] }, name: KnownHeaderName): string | null {
  for (const header of m.headers) if (header.name === name) return header.value;
  return null;
}

/** Values of all header fields of that name, as they stand: a list in one field is one value (`grammar.ts` splits it). */
export function headerValues(m: { readonly headers: readonly Header[] }, name: KnownHeaderName): string[] {
  const values: string[] = [];
  for (const header of m.headers) if (header.name === name) values.push(header.value);
  return values;
}

/** `REGISTER sip:10.0.0.1, CSeq 101 REGISTER, Call-ID …, 1043 octets`. */
export function describe(m: Message): string {
  const start = m.kind === 'request' ? `${m.method} ${m.uri}` : `${m.status} ${m.reason}`;
  const parts = [`SIP ${start}`];
  const sequence = headerValue(m, 'CSeq');
  if (sequence !== null) parts.push(`CSeq ${sequence}`);
  const call = headerValue(m, 'Call-ID');
  if (call !== null) parts.push(`Call-ID ${call}`);
  if (m.body.length > 0) parts.push(`${headerValue(m, 'Content-Type') ?? 'body'} of ${m.body.length} octets`);
  return parts.join(', ');
}
