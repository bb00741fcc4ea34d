/**
 * Internet protocol version 4 (RFC 791 section 3.1; DSCP RFC 2474, ECN RFC 3168).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | version 4 and header length in 32-bit words |
 * | 1 | 1 | DSCP 6, ECN 2 |
 * | 2 | 2 | total length |
 * | 4 | 2 | identification |
 * | 6 | 2 | flags 3 (reserved, DF, MF), fragment offset 13 in units of 8 octets |
 * | 8 | 1 | time to live |
 * | 9 | 1 | protocol |
 * | 10 | 2 | header checksum |
 * | 12 | 4 | source |
 * | 16 | 4 | destination |
 * | 20 | 0-40 | options, kept as they are |
 */
import type { Ipv4 } from '../../hal/nic.ts';
import { Malformed } from '../malformed.ts';
import { ipv4Text } from './address.ts';
import { finish, sum } from './checksum.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17 } as const;
export const FLAG = { dontFragment: 2, moreFragments: 1 } as const;

export const HEADER_LENGTH = 20;
export const BROADCAST: Ipv4 = 0xffff_ffff;
/** 0.0.0.0: this host on this network (RFC 1122 3.2.1.3). */
export const UNSPECIFIED: Ipv4 = 0;

const NO_OPTIONS = new Uint8Array(0);

const TRUNCATED = new Malformed('ipv4', 'truncated');
const BAD_VERSION = new Malformed('ipv4', 'version');
const BAD_LENGTH = new Malformed('ipv4', 'length fields');
const BAD_CHECKSUM = new Malformed('ipv4', 'header checksum');

export interface Header {
  readonly dscp: number;
  readonly ecn: number;
  /** Octets of header and payload. */
  readonly totalLength: number;
  readonly identification: number;
  /** Sum of `FLAG`s; 4 is the reserved bit. */
  readonly flags: number;
  /** Octets, a multiple of 8. */
  readonly fragmentOffset: number;
  readonly timeToLive: number;
  readonly protocol: number;
  readonly source: Ipv4;
  readonly destination: Ipv4;
  /** A multiple of 4 octets; part of the octets parsed. */
  readonly options: Uint8Array;
}

/** A header and where its payload lies in the octets parsed. */
export interface Packet extends Header {
  readonly payloadOffset: number;
  readonly payloadLength: number;
}

type Fields = { -readonly [K in keyof Packet]: Packet[K] };

/** A packet to hand to `parse` again and again. */
export function blank(): Packet {
  return {
    dscp: 0,
    ecn: 0,
    totalLength: 0,
    identification: 0,
    flags: 0,
    fragmentOffset: 0,
    timeToLive: 0,
    protocol: 0,
    source: 0,
    destination: 0,
    options: NO_OPTIONS,
    payloadOffset: 0,
    payloadLength: 0,
  };
}

export function isMulticast(address: Ipv4): boolean {
  return address >>> 28 === 0xe;
}

export function isFragment(packet: Header): boolean {
  return packet.fragmentOffset !== 0 || (packet.flags & FLAG.moreFragments) !== 0;
}

/** @param into overwritten and returned; a new packet when it is not given. */
export function parse(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
  into = blank(),
): Packet | Malformed {
  const packet = parseHeader(bytes, offset, length, into);
  return packet instanceof Malformed || packet.totalLength <= length ? packet : TRUNCATED;
}

/** `parse` for a packet whose end may be missing, such as one quoted by ICMP. `payloadLength` says what it was. */
export function parseHeader(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
  into = blank(),
): Packet | Malformed {
  if (length < HEADER_LENGTH) return TRUNCATED;
  const first = bytes[offset]!;
  if (first >> 4 !== 4) return BAD_VERSION;
  const headerLength = (first & 15) * 4;
  const totalLength = u16(bytes, offset + 2);
  if (headerLength < HEADER_LENGTH || totalLength < headerLength) return BAD_LENGTH;
  if (length < headerLength) return TRUNCATED;
  if (finish(sum(bytes, offset, headerLength)) !== 0) return BAD_CHECKSUM;
  const flagsAndOffset = u16(bytes, offset + 6);
  const packet = into as Fields;
  packet.dscp = bytes[offset + 1]! >> 2;
  packet.ecn = bytes[offset + 1]! & 3;
  packet.totalLength = totalLength;
  packet.identification = u16(bytes, offset + 4);
  packet.flags = flagsAndOffset >> 13;
  packet.fragmentOffset = (flagsAndOffset & 0x1fff) * 8;
  packet.timeToLive = bytes[offset + 8]!;
  packet.protocol = bytes[offset + 9]!;
  packet.source = u32(bytes, offset + 12);
  packet.destination = u32(bytes, offset + 16);
  packet.options =
    headerLength === HEADER_LENGTH ? NO_OPTIONS : bytes.subarray(offset + HEADER_LENGTH, offset + headerLength);
  packet.payloadOffset = offset + headerLength;
  packet.payloadLength = totalLength - headerLength;
  return packet;
}

/** Octets of the header. */
export function lengthOf(header: Header): number {
  return HEADER_LENGTH + header.options.length;
}

/** Writes the header with its checksum and returns its length. */
export function emit(header: Header, into: Uint8Array, offset = 0): number {
  const headerLength = lengthOf(header);
  into[offset] = 0x40 | (headerLength >> 2);
  into[offset + 1] = (header.dscp << 2) | header.ecn;
  putU16(into, offset + 2, header.totalLength);
  putU16(into, offset + 4, header.identification);
  putU16(into, offset + 6, (header.flags << 13) | (header.fragmentOffset >> 3));
  into[offset + 8] = header.timeToLive;
  into[offset + 9] = header.protocol;
  putU16(into, offset + 10, 0);
  putU32(into, offset + 12, header.source);
  putU32(into, offset + 16, header.destination);
  into.set(header.options, offset + HEADER_LENGTH);
  putU16(into, offset + 10, finish(sum(into, offset, headerLength)));
  return headerLength;
}

export function describe(header: Header): string {
  const fragment = isFragment(header) ? ` fragment at ${header.fragmentOffset} of id ${header.identification}` : '';
  return `IP ${ipv4Text(header.source)} > ${ipv4Text(header.destination)} protocol ${header.protocol} length ${header.totalLength}${fragment}`;
}
