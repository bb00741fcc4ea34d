/**
 * Real-time transport protocol (RFC 3550 section 5).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | version (2 bits, 2), padding (1), extension (1), CSRC count (4) |
 * | 1 | 1 | marker (1), payload type (7) |
 * | 2 | 2 | sequence number |
 * | 4 | 4 | timestamp |
 * | 8 | 4 | SSRC |
 * | 12 | 4 x count | CSRC list |
 * | | 4 + 4 x length | extension: profile (2), length in words (2), data |
 * | | | payload |
 * | | | padding; its last octet counts all of it |
 */
import { Malformed } from '../malformed.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';

export const VERSION = 2;
export const HEADER_LENGTH = 12;

const PADDING = 0x20;
const EXTENSION = 0x10;
const MARKER = 0x80;

const TRUNCATED = new Malformed('rtp', 'truncated');
const BAD_VERSION = new Malformed('rtp', 'version');
const BAD_PADDING = new Malformed('rtp', 'padding');

export interface Extension {
  readonly profile: number;
  /** Whole words; a view of what was parsed. */
  readonly data: Uint8Array;
}

export interface Header {
  readonly marker: boolean;
  readonly payloadType: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly csrcs: readonly number[];
  readonly extension: Extension | null;
  /** Octets of padding behind the payload, 0 to 255. */
  readonly padding: number;
}

/** A header and where its payload lies in the octets parsed. */
export interface Packet extends Header {
  readonly payloadOffset: number;
  readonly payloadLength: number;
}

type Fields = { -readonly [K in keyof Packet]: Packet[K] };

const NO_CSRCS: readonly number[] = Object.freeze([]);

/** A packet to hand to `parse` again and again. */
export function blank(): Packet {
  return {
    marker: false,
    payloadType: 0,
    sequenceNumber: 0,
    timestamp: 0,
    ssrc: 0,
    csrcs: NO_CSRCS,
    extension: null,
    padding: 0,
    payloadOffset: 0,
    payloadLength: 0,
  };
}

/** @param into overwritten and returned */
export function parse(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
  into = blank(),
): Packet | Malformed {
  if (length < HEADER_LENGTH) return TRUNCATED;
  const first = bytes[offset]!;
  if (first >> 6 !== VERSION) return BAD_VERSION;
  const end = offset + length;
  const count = first & 0x0f;
  let at = offset + HEADER_LENGTH + 4 * count;
  if (at > end) return TRUNCATED;
  const packet = into as Fields;
  packet.csrcs = count === 0 ? NO_CSRCS : Array.from({ length: count }, (_, k) => u32(bytes, offset + 12 + 4 * k));
  packet.extension = null;
  if ((first & EXTENSION) !== 0) {
    if (at + 4 > end) return TRUNCATED;
    const from = at + 4;
    at = from + 4 * u16(bytes, at + 2);
    if (at > end) return TRUNCATED;
    packet.extension = { profile: u16(bytes, from - 4), data: bytes.subarray(from, at) };
  }
  packet.padding = 0;
  if ((first & PADDING) !== 0) {
    packet.padding = bytes[end - 1]!;
    if (packet.padding === 0 || at + packet.padding > end) return BAD_PADDING;
  }
  packet.marker = (bytes[offset + 1]! & MARKER) !== 0;
  packet.payloadType = bytes[offset + 1]! & 0x7f;
  packet.sequenceNumber = u16(bytes, offset + 2);
  packet.timestamp = u32(bytes, offset + 4);
  packet.ssrc = u32(bytes, offset + 8);
  packet.payloadOffset = at;
  packet.payloadLength = end - packet.padding - at;
  return packet;
}

/** Octets of a packet with a payload of that length. */
export function lengthOf({ csrcs, extension, padding }: Header, payloadLength: number): number {
  const more = extension === null ? 0 : 4 + extension.data.length;
  return HEADER_LENGTH + 4 * csrcs.length + more + payloadLength + padding;
}

/** Writes `lengthOf` octets and returns that count. */
export function emit(header: Header, payload: Uint8Array, into: Uint8Array, offset = 0): number {
  const { csrcs, extension, padding } = header;
  const flags = (padding > 0 ? PADDING : 0) | (extension === null ? 0 : EXTENSION);
  into[offset] = (VERSION << 6) | flags | csrcs.length;
  into[offset + 1] = (header.marker ? MARKER : 0) | header.payloadType;
  putU16(into, offset + 2, header.sequenceNumber);
  putU32(into, offset + 4, header.timestamp);
  putU32(into, offset + 8, header.ssrc);
  let at = offset + HEADER_LENGTH;
  for (const csrc of csrcs) {
    putU32(into, at, csrc);
    at += 4;
  }
  if (extension !== null) {
    putU16(into, at, extension.profile);
    putU16(into, at + 2, extension.data.length / 4);
    into.set(extension.data, at + 4);
    at += 4 + extension.data.length;
  }
  into.set(payload, at);
  at += payload.length;
  if (padding > 0) {
    into.fill(0, at, at + padding - 1);
    into[at + padding - 1] = padding;
    at += padding;
  }
  return at - offset;
}

/** `RTP 0x1234abcd type 0 sequence 7 time 160 (160 octets)`. */
export function describe(packet: Packet): string {
  const { ssrc, payloadType, sequenceNumber, timestamp, marker, payloadLength } = packet;
  const source = `0x${ssrc.toString(16).padStart(8, '0')}`;
  return `RTP ${source} type ${payloadType}${marker ? ' marker' : ''} sequence ${sequenceNumber} time ${timestamp} (${payloadLength} octets)`;
}
