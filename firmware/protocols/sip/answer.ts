/** How the phone answers requests that begin no call: OPTIONS, NOTIFY, REFER, and everything it has to refuse. */
import { parseSequence, parseTyped } from '../../wire/sip/grammar.ts';
import { type Header, headerValue, NO_BODY, type Request, type Response } from '../../wire/sip/message.ts';
import { judgeRequest } from '../../wire/sip/validity.ts';
import { ALLOW, ALLOW_EVENTS } from './offer.ts';

/** Extensions that a request may require of the phone. */
const EXTENSIONS: readonly string[] = ['norefersub', 'replaces', 'join', 'extended-refer'];

const EVENTS: readonly string[] = ['service-control', 'message-summary', 'dialog', 'presence', 'refer', 'kpml'];

const ACCEPT = 'application/sdp,multipart/mixed,application/x-cisco-remotecc-request+xml';

const BODIES: readonly string[] = [
  'application/sdp',
  'application/simple-message-summary',
  'application/x-cisco-remotecc-request+xml',
  'application/x-cisco-remotecc-response+xml',
  'application/dialog-info+xml',
  'application/pidf+xml',
  'message/sipfrag',
  'text/plain',
];

interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers?: readonly Header[];
}

/** `supported` is what the phone's own REGISTER says. Null for ACK, which has no answer. */
export function answerTo(m: Request, supported: string): Answer | null {
  if (m.method === 'ACK') return null;
  const refusal = judgeRequest(m);
  if (refusal !== null) return refusal.status === 501 ? { ...refusal, headers: [allow()] } : refusal;
  const unknown = unknownExtensions(m);
  if (unknown.length > 0) {
    return { status: 420, reason: 'Bad Extension', headers: [{ name: 'Unsupported', value: unknown.join(', ') }] };
  }
  const bad = badBody(m);
  if (bad) return { status: 415, reason: 'Unsupported Media Type', headers: [{ name: 'Accept', value: ACCEPT }] };
  switch (m.method) {
    case 'OPTIONS':
      return { status: 200, reason: 'OK', headers: capabilities(supported) };
    case 'NOTIFY': {
      const event = parseTyped(headerValue(m, 'Event') ?? '')?.value ?? '';
      return EVENTS.includes(event) ? { status: 200, reason: 'OK' } : { status: 489, reason: 'Bad Event' };
    }
    case 'REFER':
      return { status: 202, reason: 'Accepted' };
    case 'INVITE':
      return { status: 480, reason: 'Temporarily Not Available' };
    case 'CANCEL':
    case 'BYE':
    case 'INFO':
    case 'UPDATE':
    case 'PRACK':
      return { status: 481, reason: 'Call/Transaction Does Not Exist' };
    case 'SUBSCRIBE':
      return { status: 489, reason: 'Bad Event', headers: [{ name: 'Allow-Events', value: ALLOW_EVENTS }] };
    default:
      return { status: isKnown(m.method) ? 405 : 501, reason: 'Not Implemented', headers: [allow()] };
  }
}

function isKnown(method: string): boolean {
  return method === 'REGISTER' || method === 'MESSAGE' || method === 'PUBLISH';
}

function allow(): Header {
  return { name: 'Allow', value: ALLOW };
}

function capabilities(supported: string): Header[] {
  return [
    allow(),
    { name: 'Allow-Events', value: ALLOW_EVENTS },
    { name: 'Accept', value: ACCEPT },
    { name: 'Supported', value: supported },
  ];
}

function unknownExtensions(m: Request): string[] {
  const required = `${headerValue(m, 'Require') ?? ''},${headerValue(m, 'Proxy-Require') ?? ''}`;
  const tags = required.split(',').map((tag) => tag.trim());
  return tags.filter((tag) => tag !== '' && !EXTENSIONS.includes(tag.toLowerCase()) && !/^x-cisco-/i.test(tag));
}

function badBody(m: Request): boolean {
  if (m.body.length === 0) return false;
  const type = parseTyped(headerValue(m, 'Content-Type') ?? '')?.value ?? '';
  const disposition = parseTyped(headerValue(m, 'Content-Disposition') ?? 'session');
  const optional = disposition?.parameters.some(({ value }) => value === 'optional') ?? false;
  const encoding = (headerValue(m, 'Content-Encoding') ?? 'identity').toLowerCase();
  if (encoding !== 'identity') return true;
  return !optional && !type.startsWith('multipart/') && !BODIES.includes(type);
}

/** A response as RFC 3261 section 8.2.6.2 builds it from the request; `tag` goes into a To without one. */
export function responseTo(m: Request, answer: Answer, tag: string): Response {
  const headers: Header[] = [];
  for (const header of m.headers) {
    if (header.name === 'Via' || header.name === 'From' || header.name === 'Call-ID' || header.name === 'CSeq') {
      headers.push(header);
    } else if (header.name === 'To') {
      const tagged = /;\s*tag\s*=/i.test(header.value) || answer.status === 100;
      headers.push(tagged ? header : { name: 'To', value: `${header.value};tag=${tag}` });
    }
  }
  headers.push(...(answer.headers ?? []));
  return { kind: 'response', status: answer.status, reason: answer.reason, headers, body: NO_BODY };
}

/** False for a request so broken that nobody would find the answer's transaction. */
export function isAnswerable(m: Request): boolean {
  return headerValue(m, 'Via') !== null && parseSequence(headerValue(m, 'CSeq') ?? '') !== null && m.method !== 'ACK';
}
