/**
 * Whether a request can be worked on, and with what it is refused otherwise (RFC 3261 section 8.2, RFC 4475); whether a response can be used. The structure
 * has been found right by `parse`; here it is the values.
 */
import {
  isToken,
  type Parameter,
  parameter,
  parseAddress,
  parseSequence,
  parseTyped,
  parseVia,
  split,
} from './grammar.ts';
import type { KnownHeaderName } from './header-name.ts';
import { headerValue, headerValues, type Message, type Request, type Response, VERSION } from './message.ts';
import { parseUri } from './uri.ts';

export interface Refusal {
  readonly status: number;
  /** A reason phrase that says what is wrong. */
  readonly reason: string;
}

/** Header fields that a request has exactly once. */
const SINGLE: readonly KnownHeaderName[] = ['From', 'To', 'Call-ID', 'CSeq'];
const AT_MOST_ONCE: readonly KnownHeaderName[] = ['Max-Forwards', 'Expires', 'Date', 'Content-Type', 'Subject'];
/** Lists of addresses. */
const ADDRESS_LISTS: readonly KnownHeaderName[] = ['Contact', 'Route', 'Record-Route'];

const METHODS: readonly string[] = [
  'ACK',
  'BYE',
  'CANCEL',
  'INFO',
  'INVITE',
  'MESSAGE',
  'NOTIFY',
  'OPTIONS',
  'PRACK',
  'PUBLISH',
  'REFER',
  'REGISTER',
  'SUBSCRIBE',
  'UPDATE',
];

const BRANCH_COOKIE = 'z9hG4bK';
const HIGHEST_STATUS = 699;

/** Null for a request that is as it should be. */
export function judgeRequest(m: Request): Refusal | null {
  if (!isToken(m.method)) return bad('Method');
  if (m.version !== VERSION) {
    return /^SIP\/\d+\.\d+$/i.test(m.version) && m.version.toUpperCase() !== VERSION
      ? { status: 505, reason: 'Version Not Supported' }
      : bad('Request Line');
  }
  const uri = parseUri(m.uri);
  if (uri === null) return bad('Request-URI');
  const wrong = wrongHeader(m);
  if (wrong !== null) return bad(wrong);
  if (m.contentLength !== undefined && m.contentLength !== m.body.length) return bad('Content-Length');
  const sequence = parseSequence(headerValue(m, 'CSeq')!)!;
  if (sequence.method !== m.method) {
    return METHODS.includes(m.method) ? bad('CSeq') : { status: 501, reason: 'Not Implemented' };
  }
  if (uri.host === null) return uri.scheme === 'tel' ? null : { status: 416, reason: 'Unsupported URI Scheme' };
  // Headers in a URI "MUST NOT" stand in a Request-URI (19.1.1).
  return 'headers' in uri && uri.headers !== '' ? bad('Request-URI') : null;
}

/** Null for a response that can be used. */
export function judgeResponse(m: Response): string | null {
  if (m.status < 100 || m.status > HIGHEST_STATUS) return 'Status Code';
  if (m.contentLength !== undefined && m.contentLength !== m.body.length) return 'Content-Length';
  return wrongHeader(m);
}

function bad(what: string): Refusal {
  return { status: 400, reason: `Bad Request - ${what}` };
}

function wrongHeader(m: Message): string | null {
  for (const name of SINGLE) if (headerValues(m, name).length !== 1) return name;
  for (const name of AT_MOST_ONCE) if (headerValues(m, name).length > 1) return name;
  for (const name of ['From', 'To'] as const) if (parseAddress(headerValue(m, name)!) === null) return name;
  if (parseSequence(headerValue(m, 'CSeq')!) === null) return 'CSeq';
  if (!/^[^\s@]+(?:@[^\s@]+)?$/.test(headerValue(m, 'Call-ID')!)) return 'Call-ID';
  if (!viasAreRight(m)) return 'Via';
  for (const name of ADDRESS_LISTS) if (!addressesAreRight(m, name)) return name;
  if (!isNumber(headerValue(m, 'Max-Forwards'), 255)) return 'Max-Forwards';
  if (!isNumber(headerValue(m, 'Expires'), 0xffff_ffff)) return 'Expires';
  if (!isNumber(/^\d+/.exec(headerValue(m, 'Retry-After') ?? '0')?.[0] ?? 'no number', 0xffff_ffff))
    return 'Retry-After';
  const type = headerValue(m, 'Content-Type');
  return type !== null && parseTyped(type) === null ? 'Content-Type' : null;
}

function viasAreRight(m: Message): boolean {
  const lists = headerValues(m, 'Via').map((value) => split(value, ','));
  if (lists.length === 0) return false;
  for (const list of lists) {
    for (const text of list ?? ['']) if (parseVia(text) === null) return false;
  }
  const branch = parameter(parseVia(lists[0]![0]!)!.parameters, 'branch');
  // A branch without the cookie is an element's of RFC 2543; the cookie alone identifies no transaction.
  return branch !== BRANCH_COOKIE;
}

function addressesAreRight(m: Message, name: KnownHeaderName): boolean {
  for (const value of headerValues(m, name)) {
    if (name === 'Contact' && value === '*') continue;
    for (const text of split(value, ',') ?? ['']) {
      const address = parseAddress(text);
      if (address === null || !isNumber(expiresOf(address.parameters), 0xffff_ffff)) return false;
    }
  }
  return true;
}

function expiresOf(parameters: readonly Parameter[]): string | null {
  return parameter(parameters, 'expires');
}

/** True for a decimal number up to `limit`, and for null, which is a field that is not there. */
function isNumber(text: string | null, limit: number): boolean {
  return text === null || (/^\d+$/.test(text) && Number(text) <= limit);
}
