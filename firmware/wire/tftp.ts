/**
 * TFTP (RFC 1350; options RFC 2347, blksize RFC 2348, timeout and tsize RFC 2349).
 *
 *   RRQ/WRQ  0 opcode (2) 1|2   2 filename NUL mode NUL { option NUL value NUL }
 *   DATA     0 opcode (2) 3     2 block (2)   4 octets
 *   ACK      0 opcode (2) 4     2 block (2)
 *   ERROR    0 opcode (2) 5     2 code (2)    4 text NUL
 *   OACK     0 opcode (2) 6     2 { option NUL value NUL }
 */
import { Malformed } from '../malformed.ts';
import { putU16, u16 } from './octets.ts';
import { emitLatin1, latin1 } from './text.ts';

export const SERVER_PORT = 69;

/** Octets of every DATA but the last, unless blksize was agreed on. */
export const BLOCK_SIZE = 512;

/** RFC 1350 section 5 and the appendix; 8 is of RFC 2347. */
export const ERROR_CODES = {
  undefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransferId: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionRefused: 8,
} as const;

export interface Option {
  readonly name: string;
  readonly value: string;
}

export type Message =
  | {
      readonly kind: 'RRQ' | 'WRQ';
      readonly filename: string;
      /** `octet` or `netascii`, in whatever case. */
      readonly mode: string;
      readonly options: readonly Option[];
    }
  /** `octets` is a view of what was parsed. */
  | { readonly kind: 'DATA'; readonly block: number; readonly octets: Uint8Array }
  | { readonly kind: 'ACK'; readonly block: number }
  | { readonly kind: 'ERROR'; readonly code: number; readonly text: string }
  | { readonly kind: 'OACK'; readonly options: readonly Option[] };

const OPCODES = { RRQ: 1, WRQ: 2, DATA: 3, ACK: 4, ERROR: 5, OACK: 6 } as const;

const KINDS = [null, 'RRQ', 'WRQ', 'DATA', 'ACK', 'ERROR', 'OACK'] as const;

/** RFC 2347: "the request packet MUST NOT exceed 512 octets", which bounds the options of an OACK too. */
const MAX_STRINGS = 64;

const TOO_SHORT = new Malformed('tftp', 'shorter than its opcode asks for');
const UNKNOWN_OPCODE = new Malformed('tftp', 'unknown opcode');
const BAD_STRING = new Malformed('tftp', 'a string does not end');
const NO_OPTION = new Malformed('tftp', 'an OACK without an option');
const TOO_MANY = new Malformed('tftp', 'too many options');

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  if (length < 2) return TOO_SHORT;
  const kind = KINDS[u16(bytes, offset)];
  if (length < 4 && kind !== 'OACK' && kind !== undefined) return TOO_SHORT;
  const number = u16(bytes, offset + 2);
  const end = offset + length;
  switch (kind) {
    case 'RRQ':
    case 'WRQ': {
      const texts = strings(bytes, offset + 2, end);
      if (texts instanceof Malformed) return texts;
      const [filename, mode, ...rest] = texts;
      if (filename === undefined || mode === undefined) return BAD_STRING;
      return { kind, filename, mode, options: pairs(rest) };
    }
    case 'DATA':
      return { kind, block: number, octets: bytes.subarray(offset + 4, end) };
    case 'ACK':
      return { kind, block: number };
    case 'ERROR': {
      // Servers that leave the NUL out exist; the datagram ends the text as well.
      const nul = bytes.subarray(offset + 4, end).indexOf(0);
      return { kind, code: number, text: latin1(bytes, offset + 4, nul === -1 ? length - 4 : nul) };
    }
    case 'OACK': {
      const texts = strings(bytes, offset + 2, end);
      if (texts instanceof Malformed) return texts;
      const options = pairs(texts);
      // atftpd agrees to nothing in so many words: an OACK without any option.
      return options.length === 0 && length > 2 ? NO_OPTION : { kind, options };
    }
    default:
      return UNKNOWN_OPCODE;
  }
}

/** NUL-terminated strings. Zeros after the last of them are the padding of a short Ethernet frame, and no strings. */
function strings(bytes: Uint8Array, offset: number, end: number): string[] | Malformed {
  const found: string[] = [];
  let at = offset;
  while (at < end) {
    if (bytes[at] === 0 && found.length >= 2 && found.length % 2 === 0) break;
    const nul = bytes.subarray(at, end).indexOf(0);
    if (nul === -1) return BAD_STRING;
    if (found.length === MAX_STRINGS) return TOO_MANY;
    found.push(latin1(bytes, at, nul));
    at += nul + 1;
  }
  return found;
}

function pairs(texts: readonly string[]): Option[] {
  const options: Option[] = [];
  for (let index = 0; index + 1 < texts.length; index += 2) {
    options.push({ name: texts[index]!, value: texts[index + 1]! });
  }
  return options;
}

export function lengthOf(message: Message): number {
  switch (message.kind) {
    case 'RRQ':
    case 'WRQ':
      return 2 + message.filename.length + 1 + message.mode.length + 1 + lengthOfOptions(message.options);
    case 'DATA':
      return 4 + message.octets.length;
    case 'ACK':
      return 4;
    case 'ERROR':
      return 4 + message.text.length + 1;
    case 'OACK':
      return 2 + lengthOfOptions(message.options);
  }
}

function lengthOfOptions(options: readonly Option[]): number {
  let length = 0;
  for (const { name, value } of options) length += name.length + value.length + 2;
  return length;
}

/** Writes `lengthOf(message)` octets and returns that count. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  into[offset] = 0;
  into[offset + 1] = OPCODES[message.kind];
  switch (message.kind) {
    case 'RRQ':
    case 'WRQ':
      emitStrings([message.filename, message.mode, ...texts(message.options)], into, offset + 2);
      break;
    case 'DATA':
      putU16(into, offset + 2, message.block);
      into.set(message.octets, offset + 4);
      break;
    case 'ACK':
      putU16(into, offset + 2, message.block);
      break;
    case 'ERROR':
      putU16(into, offset + 2, message.code);
      emitStrings([message.text], into, offset + 4);
      break;
    case 'OACK':
      emitStrings(texts(message.options), into, offset + 2);
      break;
  }
  return lengthOf(message);
}

function texts(options: readonly Option[]): string[] {
  return options.flatMap(({ name, value }) => [name, value]);
}

function emitStrings(list: readonly string[], into: Uint8Array, offset: number): void {
  let at = offset;
  for (const text of list) {
    at += emitLatin1(text, into, at);
    into[at++] = 0;
  }
}

export function describe(message: Message): string {
  switch (message.kind) {
    case 'RRQ':
    case 'WRQ':
      return [
        `TFTP ${message.kind} ${JSON.stringify(message.filename)} ${message.mode}`,
        ...described(message.options),
      ].join(' ');
    case 'DATA':
      return `TFTP DATA block ${message.block} (${message.octets.length} octets)`;
    case 'ACK':
      return `TFTP ACK block ${message.block}`;
    case 'ERROR':
      return `TFTP ERROR ${message.code} ${JSON.stringify(message.text)}`;
    case 'OACK':
      return ['TFTP OACK', ...described(message.options)].join(' ');
  }
}

function described(options: readonly Option[]): string[] {
  return options.map(({ name, value }) => `${name}=${value}`);
}
