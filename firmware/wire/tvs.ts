/**
 * Trust verification service: a phone asks whether a certificate is one of its cluster's. No standard: the layout follows the public source of
 * usecallmanager.nz's tvsd and log lines of an 8861. All integers are big-endian. Within TLS, one request and one answer a connection.
 *
 *   0  protocol 57 (1)   1  version (1)   2  command (1)   3  filler (1): anything
 *   4  session (4)   8  length of what follows (2)
 *  10  elements: tag (1)  length (2)  value
 */
import { Malformed } from '../malformed.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';
import { latin1 } from './text.ts';

export const SERVER_PORT = 2445;

const PROTOCOL = 0x57;
const VERSION = 1;

export const COMMANDS = Object.freeze({
  verificationRequest: 1,
  verificationResponse: 2,
  queryRequest: 3,
  queryResponse: 4,
});

export const TAGS = Object.freeze({
  /** A type octet, 1, and the phone's name, `CP-8861-SEP…`, without NUL. */
  device: 1,
  certificate: 2,
  /** Text with NUL, as in trust lists. */
  subject: 3,
  status: 7,
  /** One octet a role, with the codes of trust lists. */
  roles: 8,
  /** Seconds. */
  timeToLive: 9,
});

/** Values of `TAGS.status`. */
export const VALID = 0;

export interface Element {
  readonly tag: number;
  readonly value: Uint8Array;
}

export interface Message {
  readonly command: number;
  readonly filler: number;
  readonly session: number;
  readonly elements: readonly Element[];
}

/** What a response says. */
export interface Answer {
  readonly valid: boolean;
  readonly roles: readonly number[];
  /** Seconds for which the answer may be remembered; null where it does not say. */
  readonly timeToLive: number | null;
  /** Only in answers to queries: X.509 DER. */
  readonly certificate: Uint8Array | null;
}

export const HEADER_LENGTH = 10;
const ELEMENT_HEADER = 3;

/** Four elements are in the fullest message known. */
const MAX_ELEMENTS = 64;

const NOT_TVS = new Malformed('tvs', 'does not begin as a message does');
const BAD_LENGTH = new Malformed('tvs', 'shorter than its lengths say');
const TOO_MANY = new Malformed('tvs', 'too many elements');

/** Octets of the message that begins `bytes`; null as long as its header is not whole. */
export function messageLength(bytes: Uint8Array): number | null {
  return bytes.length < HEADER_LENGTH ? null : HEADER_LENGTH + u16(bytes, 8);
}

/** One whole message; what follows it is not looked at. */
export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  const message = bytes.subarray(offset, offset + length);
  if (length < HEADER_LENGTH || message[0] !== PROTOCOL || message[1] !== VERSION) return NOT_TVS;
  const end = HEADER_LENGTH + u16(message, 8);
  if (end > length) return BAD_LENGTH;
  const elements: Element[] = [];
  for (let at = HEADER_LENGTH; at < end; ) {
    if (elements.length === MAX_ELEMENTS) return TOO_MANY;
    const from = at + ELEMENT_HEADER;
    const to = from <= end ? from + u16(message, at + 1) : Infinity;
    if (to > end) return BAD_LENGTH;
    elements.push({ tag: message[at]!, value: message.subarray(from, to) });
    at = to;
  }
  return { command: message[2]!, filler: message[3]!, session: u32(message, 4), elements };
}

export function lengthOf({ elements }: Message): number {
  return elements.reduce((sum, { value }) => sum + ELEMENT_HEADER + value.length, HEADER_LENGTH);
}

/** Writes the message and returns `lengthOf(message)`. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  const length = lengthOf(message);
  into.set([PROTOCOL, VERSION, message.command, message.filler], offset);
  putU32(into, offset + 4, message.session);
  putU16(into, offset + 8, length - HEADER_LENGTH);
  let at = offset + HEADER_LENGTH;
  for (const { tag, value } of message.elements) {
    into[at] = tag;
    putU16(into, at + 1, value.length);
    into.set(value, at + ELEMENT_HEADER);
    at += ELEMENT_HEADER + value.length;
  }
  return length;
}

/** What a response says; null for one without a status. */
export function answerOf({ elements }: Message): Answer | null {
  const value = (tag: number): Uint8Array | null => elements.find((element) => element.tag === tag)?.value ?? null;
  const status = value(TAGS.status);
  if (status?.length !== 1) return null;
  const timeToLive = value(TAGS.timeToLive);
  return {
    valid: status[0] === VALID,
    roles: [...(value(TAGS.roles) ?? [])],
    timeToLive: timeToLive?.length === 4 ? u32(timeToLive, 0) : null,
    certificate: value(TAGS.certificate),
  };
}

const COMMAND_NAMES: Readonly<Record<number, string>> = Object.freeze({
  1: 'verification request',
  2: 'verification response',
  3: 'query request',
  4: 'query response',
});

/** `TVS query request 1001: CP-8861-SEP… 3 4 5`. */
export function describe(message: Message): string {
  const { command, session, elements } = message;
  const device = elements.find(({ tag }) => tag === TAGS.device)?.value;
  const who = device === undefined ? '' : ` ${latin1(device, 1)}`;
  const answer = answerOf(message);
  const verdict =
    answer === null ? '' : `${answer.valid ? ' valid' : ' invalid'} roles ${answer.roles.join(',') || 'none'}`;
  const tags = elements.map(({ tag }) => tag).join(' ');
  return `TVS ${COMMAND_NAMES[command] ?? `command ${command}`} ${session}:${who}${verdict} ${tags}`.trimEnd();
}
