/**
 * Certificate authority proxy function: how a phone gets its locally significant certificate (LSC). No standard: the layout follows the public source of
 * usecallmanager.nz's capfd and Jabber4Linux's notes from captures of a CUCM. All integers are big-endian. Within TLS; the server speaks first.
 *
 *   0  protocol 55 (1)   1  command (1)   2  session (4)   6  length of what follows (2)
 *   8  elements: tag (1)  length (2)  value
 *
 * A certificate is an element within an element: 04 (length) | 01 (length) | 00 (1)  type (1)  X.509 DER.
 */
import { Malformed } from '../malformed.ts';
import { type Element, emitElements, lengthOfElements, parseElements } from './element-list.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';
import { emitLatin1, latin1 } from './text.ts';

export type { Element } from './element-list.ts';

export const SERVER_PORT = 3804;

const PROTOCOL = 0x55;

/** What a server sends; a Jabber answers 2. */
export const VERSION = 3;

export const COMMANDS = Object.freeze({
  authRequest: 1,
  authResponse: 2,
  keyRequest: 3,
  keyResponse: 4,
  storeRequest: 9,
  storeResponse: 10,
  fetchRequest: 11,
  fetchResponse: 12,
  deleteRequest: 13,
  deleteResponse: 14,
  endSession: 15,
  retryLater: 16,
  inProgress: 17,
  statusRequest: 18,
  statusResponse: 19,
  abortRequest: 20,
  abortResponse: 21,
  signRequest: 22,
  signResponse: 23,
});

export const TAGS = Object.freeze({
  /** One octet of `REASONS`. */
  reason: 1,
  reasonText: 2,
  certificateType: 3,
  certificate: 4,
  certificateId: 5,
  /** Proof of an existing certificate, with SHA-1. */
  signature: 6,
  version: 7,
  /** One octet of `AUTH_TYPES`. */
  authType: 8,
  /** SubjectPublicKeyInfo, DER. */
  publicKey: 9,
  /** Bits, two octets. */
  keySize: 10,
  /** Text with NUL; the null string is the NUL alone. */
  password: 11,
  retryDelay: 12,
  /** `SEP…` with NUL. */
  deviceName: 13,
  /** Proof of the manufacturer's certificate: its elements have the tags of `SUDI_TAGS`. */
  sudi: 16,
  /** One octet of `KEY_TYPES`. */
  keyType: 17,
  /** One octet: 0 P-256, 1 P-384, 2 P-521. */
  curve: 18,
  digestType: 19,
  /** As `signature`, within an element of tag 3, with SHA-512. */
  longSignature: 20,
});

export const REASONS = Object.freeze({ none: 0, ok: 1, declined: 7, unknownDevice: 9 });

export const AUTH_TYPES = Object.freeze({ none: 0, password: 1, noPassword: 2, lsc: 3, mic: 4 });

export const CERTIFICATE_TYPES = Object.freeze({ lsc: 1, mic: 2 });

export const KEY_TYPES = Object.freeze({ rsa: 0, ec: 1 });

/** Within `TAGS.sudi`; `longSignature` also within `TAGS.longSignature`. */
export const SUDI_TAGS = Object.freeze({ certificate: 0, signature: 1, longSignature: 3 });

/** Within `TAGS.certificate`. */
const CERTIFICATE_BODY = 1;

export interface Message {
  readonly command: number;
  readonly session: number;
  readonly elements: readonly Element[];
}

export const HEADER_LENGTH = 8;

const NOT_CAPF = new Malformed('capf', 'does not begin as a message does');
const BAD_LENGTH = new Malformed('capf', 'shorter than its lengths say, or with too many elements');

/** Octets of the message that begins `bytes`; null as long as its header is not whole. */
export function messageLength(bytes: Uint8Array): number | null {
  return bytes.length < HEADER_LENGTH ? null : HEADER_LENGTH + u16(bytes, 6);
}

/** One whole message; what follows it is not looked at. */
export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  const message = bytes.subarray(offset, offset + length);
  if (length < HEADER_LENGTH || message[0] !== PROTOCOL) return NOT_CAPF;
  const end = HEADER_LENGTH + u16(message, 6);
  const elements = end > length ? null : parseElements(message, HEADER_LENGTH, end);
  return elements === null ? BAD_LENGTH : { command: message[1]!, session: u32(message, 2), elements };
}

export function lengthOf({ elements }: Message): number {
  return HEADER_LENGTH + lengthOfElements(elements);
}

/** Writes the message and returns `lengthOf(message)`. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  const body = emitElements(message.elements, into, offset + HEADER_LENGTH);
  into[offset] = PROTOCOL;
  into[offset + 1] = message.command;
  putU32(into, offset + 2, message.session);
  putU16(into, offset + 6, body);
  return HEADER_LENGTH + body;
}

/** The octets of a message. */
export function encode(command: number, session: number, elements: readonly Element[]): Uint8Array {
  const message = { command, session, elements };
  const octets = new Uint8Array(lengthOf(message));
  emit(message, octets);
  return octets;
}

/** Null for a message without it. */
export function elementOf({ elements }: Message, tag: number): Uint8Array | null {
  return elements.find((element) => element.tag === tag)?.value ?? null;
}

/** A number of one to four octets; null for a message without it. */
export function numberOf(message: Message, tag: number): number | null {
  const value = elementOf(message, tag);
  if (value === null || value.length === 0 || value.length > 4) return null;
  return value.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** Up to its NUL; null for a message without it. */
export function textOf(message: Message, tag: number): string | null {
  const value = elementOf(message, tag);
  if (value === null) return null;
  const end = value.indexOf(0);
  return latin1(value, 0, end < 0 ? value.length : end);
}

export function octet(tag: number, value: number): Element {
  return { tag, value: Uint8Array.of(value) };
}

/** With the NUL that ends it. */
export function text(tag: number, value: string): Element {
  const octets = new Uint8Array(value.length + 1);
  emitLatin1(value, octets);
  return { tag, value: octets };
}

/** @param type one of `CERTIFICATE_TYPES` */
export function certificate(type: number, der: Uint8Array): Element {
  const body = new Uint8Array(2 + der.length);
  body[1] = type;
  body.set(der, 2);
  return nested(TAGS.certificate, [{ tag: CERTIFICATE_BODY, value: body }]);
}

/** X.509 DER; null for a message without one. */
export function certificateOf(message: Message): Uint8Array | null {
  const value = elementOf(message, TAGS.certificate);
  const body = value === null ? null : nestedValue(value, CERTIFICATE_BODY);
  return body === null || body.length < 3 ? null : body.subarray(2);
}

/** An element whose value is elements. */
export function nested(tag: number, elements: readonly Element[]): Element {
  const value = new Uint8Array(lengthOfElements(elements));
  emitElements(elements, value, 0);
  return { tag, value };
}

/** What stands under `tag` among the elements in `value`; null when nothing does. */
export function nestedValue(value: Uint8Array, tag: number): Uint8Array | null {
  const elements = parseElements(value, 0, value.length);
  return elements?.find((element) => element.tag === tag)?.value ?? null;
}

const COMMAND_NAMES: Readonly<Record<number, string>> = Object.freeze({
  1: 'authentication request',
  2: 'authentication response',
  3: 'key request',
  4: 'key response',
  9: 'store request',
  10: 'store response',
  11: 'fetch request',
  12: 'fetch response',
  13: 'delete request',
  14: 'delete response',
  15: 'end of session',
  16: 'retry later',
  17: 'in progress',
  18: 'status request',
  19: 'status response',
  20: 'abort request',
  21: 'abort response',
  22: 'sign request',
  23: 'sign response',
});

/** `CAPF authentication response 1001: SEP… reason 1, 1 7 11 13`; never the password. */
export function describe(message: Message): string {
  const { command, session, elements } = message;
  const device = textOf(message, TAGS.deviceName);
  const reason = numberOf(message, TAGS.reason);
  const facts = [
    ...(device === null ? [] : [` ${device}`]),
    ...(reason === null ? [] : [` reason ${reason}`]),
    ...(elements.length === 0 ? [] : [` ${elements.map(({ tag }) => tag).join(' ')}`]),
  ];
  return `CAPF ${COMMAND_NAMES[command] ?? `command ${command}`} ${session}:${facts.join(',')}`;
}
