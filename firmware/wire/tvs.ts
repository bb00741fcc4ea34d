/**
 * Trust verification service: a phone asks whether a certificate is one of its cluster's. No standard: the layout follows the public source of
 * usecallmanager.nz's tvsd and log lines of an 8861. All integers are big-endian. Within TLS, one request and one answer a connection.
 *
 *   0  protocol 57 (1)   1  version (1)   2  command (1)   3  filler (1): anything
 *   4  session (4)   8  length of what follows (2)
 *  10  elements: tag (1)  length (2)  value
 */
import { Malformed } from '../malformed.ts';
import { type Element, emitElements, lengthOfElements, parseElements } from './element-list.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';
import { latin1 } from './text.ts';

export type { Element } from './element-list.ts';

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

const NOT_TVS = new Malformed('tvs', 'does not begin as a message does');
const BAD_LENGTH = new Malformed('tvs', 'shorter than its lengths say, or with too many elements');

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
  const elements = parseElements(message, HEADER_LENGTH, end);
  if (elements === null) return BAD_LENGTH;
  return { command: message[2]!, filler: message[3]!, session: u32(message, 4), elements };
}

export function lengthOf({ elements }: Message): number {
  return HEADER_LENGTH + lengthOfElements(elements);
}

/** Writes the message and returns `lengthOf(message)`. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  const body = emitElements(message.elements, into, offset + HEADER_LENGTH);
  into.set([PROTOCOL, VERSION, message.command, message.filler], offset);
  putU32(into, offset + 4, message.session);
  putU16(into, offset + 8, body);
  return HEADER_LENGTH + body;
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
