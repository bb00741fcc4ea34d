/**
 * Transmission control protocol (RFC 9293 section 3.1; window scale and timestamps RFC 7323, SACK RFC 2018).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 2 | source port |
 * | 2 | 2 | destination port |
 * | 4 | 4 | sequence number |
 * | 8 | 4 | acknowledgment number |
 * | 12 | 2 | data offset 4 in 32-bit words, reserved 4, control bits 8 |
 * | 14 | 2 | window |
 * | 16 | 2 | checksum |
 * | 18 | 2 | urgent pointer |
 * | 20 | 0-40 | options |
 */
import type { Ipv4 } from '../../hal/nic.ts';
import { Malformed } from '../malformed.ts';
import { finish, pseudoHeader, sum } from './checksum.ts';
import { PROTOCOL } from './ipv4.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';

export const FLAG = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;
export const HEADER_LENGTH = 20;

const KIND = { end: 0, nop: 1, mss: 2, windowScale: 3, sackPermitted: 4, sack: 5, timestamps: 8 } as const;

const TRUNCATED = new Malformed('tcp', 'truncated');
const BAD_OFFSET = new Malformed('tcp', 'data offset');
const BAD_OPTION = new Malformed('tcp', 'option length');

/** In the order of the header, so that `emit` gives the same octets; what follows the end-of-list option is not kept. */
export type Option =
  | { readonly kind: 'nop' }
  | { readonly kind: 'mss'; readonly mss: number }
  | { readonly kind: 'window-scale'; readonly shift: number }
  | { readonly kind: 'sack-permitted' }
  | { readonly kind: 'sack'; readonly blocks: readonly { readonly left: number; readonly right: number }[] }
  | { readonly kind: 'timestamps'; readonly value: number; readonly echo: number }
  /** Unknown, or known with a length that is not its own. */
  | { readonly kind: 'other'; readonly type: number; readonly value: Uint8Array };

const NO_OPTIONS: readonly Option[] = Object.freeze([]);
const NOP: Option = Object.freeze({ kind: 'nop' });
const SACK_PERMITTED: Option = Object.freeze({ kind: 'sack-permitted' });

export interface Header {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** Reserved 4 bits, 0 on sending. */
  readonly reserved: number;
  /** Sum of `FLAG`s. */
  readonly flags: number;
  readonly window: number;
  readonly checksum: number;
  readonly urgentPointer: number;
  readonly options: readonly Option[];
}

/** A header and where its payload lies in the octets parsed. */
export interface Segment extends Header {
  readonly payloadOffset: number;
  readonly payloadLength: number;
}

type Fields = { -readonly [K in keyof Segment]: Segment[K] };

/** A segment to hand to `parse` again and again. */
export function blank(): Segment {
  return {
    sourcePort: 0,
    destinationPort: 0,
    sequence: 0,
    acknowledgment: 0,
    reserved: 0,
    flags: 0,
    window: 0,
    checksum: 0,
    urgentPointer: 0,
    options: NO_OPTIONS,
    payloadOffset: 0,
    payloadLength: 0,
  };
}

/** Does not look at the checksum, which needs the addresses: `isIntact`. @param into overwritten and returned. */
export function parse(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
  into = blank(),
): Segment | Malformed {
  if (length < HEADER_LENGTH) return TRUNCATED;
  const headerLength = (bytes[offset + 12]! >> 4) * 4;
  if (headerLength < HEADER_LENGTH) return BAD_OFFSET;
  if (headerLength > length) return TRUNCATED;
  const options =
    headerLength === HEADER_LENGTH ? NO_OPTIONS : parseOptions(bytes, offset + HEADER_LENGTH, offset + headerLength);
  if (options instanceof Malformed) return options;
  const segment = into as Fields;
  segment.sourcePort = u16(bytes, offset);
  segment.destinationPort = u16(bytes, offset + 2);
  segment.sequence = u32(bytes, offset + 4);
  segment.acknowledgment = u32(bytes, offset + 8);
  segment.reserved = bytes[offset + 12]! & 15;
  segment.flags = bytes[offset + 13]!;
  segment.window = u16(bytes, offset + 14);
  segment.checksum = u16(bytes, offset + 16);
  segment.urgentPointer = u16(bytes, offset + 18);
  segment.options = options;
  segment.payloadOffset = offset + headerLength;
  segment.payloadLength = length - headerLength;
  return segment;
}

function parseOptions(bytes: Uint8Array, start: number, end: number): readonly Option[] | Malformed {
  const options: Option[] = [];
  let at = start;
  while (at < end) {
    const type = bytes[at]!;
    if (type === KIND.end) break;
    if (type === KIND.nop) {
      options.push(NOP);
      at += 1;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (length < 2 || at + length > end) return BAD_OPTION;
    options.push(parseOption(bytes, type, at + 2, length - 2));
    at += length;
  }
  return options.slice(); // The last segment is kept, and a list which grew has room behind it.
}

function parseOption(bytes: Uint8Array, type: number, at: number, length: number): Option {
  if (type === KIND.mss && length === 2) return { kind: 'mss', mss: u16(bytes, at) };
  if (type === KIND.windowScale && length === 1) return { kind: 'window-scale', shift: bytes[at]! };
  if (type === KIND.sackPermitted && length === 0) return SACK_PERMITTED;
  if (type === KIND.timestamps && length === 8) {
    return { kind: 'timestamps', value: u32(bytes, at), echo: u32(bytes, at + 4) };
  }
  if (type === KIND.sack && length % 8 === 0) {
    const blocks = [];
    for (let block = at; block < at + length; block += 8) {
      blocks.push({ left: u32(bytes, block), right: u32(bytes, block + 4) });
    }
    return { kind: 'sack', blocks };
  }
  return { kind: 'other', type, value: bytes.slice(at, at + length) };
}

/** The maximum segment size option of a SYN, null without one. */
export function mssOf(header: Header): number | null {
  for (const option of header.options) if (option.kind === 'mss') return option.mss;
  return null;
}

/** Whether the checksum over the `length` octets of a segment is right. */
export function isIntact(bytes: Uint8Array, offset: number, length: number, source: Ipv4, destination: Ipv4): boolean {
  return finish(sum(bytes, offset, length, pseudoHeader(source, destination, PROTOCOL.tcp, length))) === 0;
}

/** Computes the checksum over the `length` octets of a segment and writes it. */
export function seal(bytes: Uint8Array, offset: number, length: number, source: Ipv4, destination: Ipv4): void {
  putU16(bytes, offset + 16, 0);
  putU16(
    bytes,
    offset + 16,
    finish(sum(bytes, offset, length, pseudoHeader(source, destination, PROTOCOL.tcp, length))),
  );
}

/** Octets of the header with its options, padded to a multiple of 4. */
export function lengthOf(header: Header): number {
  let length = HEADER_LENGTH;
  for (const option of header.options) length += optionLength(option);
  return (length + 3) & ~3;
}

function optionLength(option: Option): number {
  switch (option.kind) {
    case 'nop':
      return 1;
    case 'sack-permitted':
      return 2;
    case 'window-scale':
      return 3;
    case 'mss':
      return 4;
    case 'timestamps':
      return 10;
    case 'sack':
      return 2 + 8 * option.blocks.length;
    case 'other':
      return 2 + option.value.length;
  }
}

/** Writes the header, its checksum as it stands (`seal` computes it), and returns its length. */
export function emit(header: Header, into: Uint8Array, offset = 0): number {
  const headerLength = header.options.length === 0 ? HEADER_LENGTH : lengthOf(header);
  putU16(into, offset, header.sourcePort);
  putU16(into, offset + 2, header.destinationPort);
  putU32(into, offset + 4, header.sequence);
  putU32(into, offset + 8, header.acknowledgment);
  into[offset + 12] = (headerLength << 2) | header.reserved;
  into[offset + 13] = header.flags;
  putU16(into, offset + 14, header.window);
  putU16(into, offset + 16, header.checksum);
  putU16(into, offset + 18, header.urgentPointer);
  let at = offset + HEADER_LENGTH;
  for (const option of header.options) at += emitOption(option, into, at);
  if (at < offset + headerLength) into.fill(KIND.end, at, offset + headerLength);
  return headerLength;
}

function emitOption(option: Option, into: Uint8Array, at: number): number {
  if (option.kind === 'nop') {
    into[at] = KIND.nop;
    return 1;
  }
  const length = optionLength(option);
  into[at + 1] = length;
  switch (option.kind) {
    case 'sack-permitted':
      into[at] = KIND.sackPermitted;
      break;
    case 'window-scale':
      into[at] = KIND.windowScale;
      into[at + 2] = option.shift;
      break;
    case 'mss':
      into[at] = KIND.mss;
      putU16(into, at + 2, option.mss);
      break;
    case 'timestamps':
      into[at] = KIND.timestamps;
      putU32(into, at + 2, option.value);
      putU32(into, at + 6, option.echo);
      break;
    case 'sack':
      into[at] = KIND.sack;
      option.blocks.forEach((block, index) => {
        putU32(into, at + 2 + 8 * index, block.left);
        putU32(into, at + 6 + 8 * index, block.right);
      });
      break;
    case 'other':
      into[at] = option.type;
      into.set(option.value, at + 2);
      break;
  }
  return length;
}

/** In the order tcpdump writes them. */
const FLAG_LETTERS: readonly (readonly [number, string])[] = [
  [FLAG.fin, 'F'],
  [FLAG.syn, 'S'],
  [FLAG.rst, 'R'],
  [FLAG.psh, 'P'],
  [FLAG.ack, '.'],
  [FLAG.urg, 'U'],
  [FLAG.ece, 'E'],
  [FLAG.cwr, 'W'],
];

export function describe(header: Header): string {
  const flags = FLAG_LETTERS.filter(([bit]) => (header.flags & bit) !== 0).map(([, letter]) => letter);
  const ack = (header.flags & FLAG.ack) === 0 ? '' : ` ack ${header.acknowledgment}`;
  const options = header.options.length === 0 ? '' : ` options [${header.options.map(describeOption).join(',')}]`;
  return `TCP ${header.sourcePort} > ${header.destinationPort} [${flags.join('')}] seq ${header.sequence}${ack} win ${header.window}${options}`;
}

function describeOption(option: Option): string {
  switch (option.kind) {
    case 'mss':
      return `mss ${option.mss}`;
    case 'window-scale':
      return `wscale ${option.shift}`;
    case 'timestamps':
      return `TS val ${option.value} ecr ${option.echo}`;
    case 'sack':
      return `sack ${option.blocks.map((block) => `${block.left}:${block.right}`).join(' ')}`;
    case 'other':
      return `kind ${option.type}`;
    default:
      return option.kind;
  }
}
