/**
 * User datagram protocol (RFC 768).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 2 | source port |
 * | 2 | 2 | destination port |
 * | 4 | 2 | length of header and payload |
 * | 6 | 2 | checksum; 0 = none was computed |
 */
import type { Ipv4 } from '../../hal/nic.ts';
import { Malformed } from '../malformed.ts';
import { finish, pseudoHeader, sum } from './checksum.ts';
import { PROTOCOL } from './ipv4.ts';
import { putU16, u16 } from './octets.ts';

export const HEADER_LENGTH = 8;

const TRUNCATED = new Malformed('udp', 'truncated');
const BAD_LENGTH = new Malformed('udp', 'length field');

export interface Header {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Octets of header and payload. */
  readonly length: number;
  readonly checksum: number;
}

/** A header and where its payload lies in the octets parsed. */
export interface Datagram extends Header {
  readonly payloadOffset: number;
  readonly payloadLength: number;
}

type Fields = { -readonly [K in keyof Datagram]: Datagram[K] };

/** A datagram to hand to `parse` again and again. */
export function blank(): Datagram {
  return { sourcePort: 0, destinationPort: 0, length: 0, checksum: 0, payloadOffset: 0, payloadLength: 0 };
}

/** Does not look at the checksum, which needs the addresses: `isIntact`. @param into overwritten and returned. */
export function parse(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
  into = blank(),
): Datagram | Malformed {
  if (length < HEADER_LENGTH) return TRUNCATED;
  const claimed = u16(bytes, offset + 4);
  if (claimed < HEADER_LENGTH) return BAD_LENGTH;
  if (claimed > length) return TRUNCATED;
  const datagram = into as Fields;
  datagram.sourcePort = u16(bytes, offset);
  datagram.destinationPort = u16(bytes, offset + 2);
  datagram.length = claimed;
  datagram.checksum = u16(bytes, offset + 6);
  datagram.payloadOffset = offset + HEADER_LENGTH;
  datagram.payloadLength = claimed - HEADER_LENGTH;
  return datagram;
}

/** Whether the checksum of the `length` octets of a datagram is right, or absent. */
export function isIntact(bytes: Uint8Array, offset: number, length: number, source: Ipv4, destination: Ipv4): boolean {
  return (
    u16(bytes, offset + 6) === 0 ||
    finish(sum(bytes, offset, length, pseudoHeader(source, destination, PROTOCOL.udp, length))) === 0
  );
}

/** Computes the checksum of the `length` octets of a datagram and writes it; a sum of 0 goes out as 0xffff. */
export function seal(bytes: Uint8Array, offset: number, length: number, source: Ipv4, destination: Ipv4): void {
  putU16(bytes, offset + 6, 0);
  const checksum = finish(sum(bytes, offset, length, pseudoHeader(source, destination, PROTOCOL.udp, length)));
  putU16(bytes, offset + 6, checksum === 0 ? 0xffff : checksum);
}

/** Octets of the header. */
export function lengthOf(_header: Header): number {
  return HEADER_LENGTH;
}

/** Writes the header, its checksum as it stands (`seal` computes it), and returns its length. */
export function emit(header: Header, into: Uint8Array, offset = 0): number {
  putU16(into, offset, header.sourcePort);
  putU16(into, offset + 2, header.destinationPort);
  putU16(into, offset + 4, header.length);
  putU16(into, offset + 6, header.checksum);
  return HEADER_LENGTH;
}

export function describe(header: Header): string {
  return `UDP ${header.sourcePort} > ${header.destinationPort} length ${header.length - HEADER_LENGTH}`;
}
