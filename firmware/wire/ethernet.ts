/**
 * Ethernet frames without FCS (IEEE 802.3 clause 3.1), with an 802.1Q tag or without (IEEE 802.1Q clause 9.6).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 6 | destination |
 * | 6 | 6 | source |
 * | 12 | 4 | tag, only when it begins with 0x8100: TPID 16, PCP 3, DEI 1, VID 12 |
 * | 12 or 16 | 2 | length/type: up to 1500 a length (802.3, an LLC header follows), from 0x0600 an EtherType (Ethernet II) |
 *
 * VID 0 is a priority tag: the frame belongs to no VLAN but carries a priority. Behind the payload there may be padding up to 60 octets.
 */
import type { Mac } from '../../hal/nic.ts';
import { Malformed } from '../malformed.ts';
import { macText } from './address.ts';
import { mac, putMac, putU16, u16 } from './octets.ts';

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, eapol: 0x888e, lldp: 0x88cc } as const;

export const HEADER_LENGTH = 14;
export const TAG_LENGTH = 4;
/** Shortest frame without FCS (802.3 clause 4A.4.2: 64 octets with it). */
export const MIN_FRAME_LENGTH = 60;
/** Longest payload (802.3 clause 3.2.7). */
export const MTU = 1500;
/** Bit of the first octet of a group address: multicast and broadcast. */
const GROUP_BIT = 0x0100_0000_0000;

const TRUNCATED = new Malformed('ethernet', 'truncated');
const BAD_LENGTH = new Malformed('ethernet', 'length/type field');

export interface Header {
  readonly destination: Mac;
  readonly source: Mac;
  /** Tag control information, 16 bits; null when the frame has no tag. */
  readonly tci: number | null;
  /** EtherType, or the payload's length in the 802.3 form. */
  readonly lengthOrType: number;
}

/** A header and where its payload lies in the octets parsed; with an EtherType padding still counts as payload. */
export interface Frame extends Header {
  readonly payloadOffset: number;
  readonly payloadLength: number;
}

type Fields = { -readonly [K in keyof Frame]: Frame[K] };

/** A frame to hand to `parse` again and again. */
export function blank(): Frame {
  return { destination: 0, source: 0, tci: null, lengthOrType: 0, payloadOffset: 0, payloadLength: 0 };
}

export function vlanIdOf(tci: number): number {
  return tci & 0x0fff;
}

export function priorityOf(tci: number): number {
  return tci >> 13;
}

/** @param priority 802.1p, 0 to 7. @param vlan VLAN identifier, 0 for a mere priority tag. */
export function tciOf(priority: number, vlan: number): number {
  return (priority << 13) | vlan;
}

export function isGroup(address: Mac): boolean {
  return Math.floor(address / GROUP_BIT) % 2 === 1;
}

/** @param into overwritten and returned; a new frame when it is not given. */
export function parse(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
  into = blank(),
): Frame | Malformed {
  if (length < HEADER_LENGTH) return TRUNCATED;
  let headerLength = HEADER_LENGTH;
  let tci: number | null = null;
  let lengthOrType = u16(bytes, offset + 12);
  if (lengthOrType === ETHERTYPE.vlan) {
    headerLength += TAG_LENGTH;
    if (length < headerLength) return TRUNCATED;
    tci = u16(bytes, offset + 14);
    lengthOrType = u16(bytes, offset + 16);
  }
  let payloadLength = length - headerLength;
  if (lengthOrType < 0x0600) {
    if (lengthOrType > MTU) return BAD_LENGTH;
    if (lengthOrType > payloadLength) return TRUNCATED;
    payloadLength = lengthOrType;
  }
  const frame = into as Fields;
  frame.destination = mac(bytes, offset);
  frame.source = mac(bytes, offset + 6);
  frame.tci = tci;
  frame.lengthOrType = lengthOrType;
  frame.payloadOffset = offset + headerLength;
  frame.payloadLength = payloadLength;
  return frame;
}

/** Octets of the header. */
export function lengthOf(header: Header): number {
  return header.tci === null ? HEADER_LENGTH : HEADER_LENGTH + TAG_LENGTH;
}

/** Writes the header and returns its length. */
export function emit(header: Header, into: Uint8Array, offset = 0): number {
  return emitHeader(header.destination, header.source, header.tci, header.lengthOrType, into, offset);
}

/** `emit` without an object. */
export function emitHeader(
  destination: Mac,
  source: Mac,
  tci: number | null,
  lengthOrType: number,
  into: Uint8Array,
  offset: number,
): number {
  putMac(into, offset, destination);
  putMac(into, offset + 6, source);
  if (tci === null) {
    putU16(into, offset + 12, lengthOrType);
    return HEADER_LENGTH;
  }
  putU16(into, offset + 12, ETHERTYPE.vlan);
  putU16(into, offset + 14, tci);
  putU16(into, offset + 16, lengthOrType);
  return HEADER_LENGTH + TAG_LENGTH;
}

export function describe(header: Header): string {
  const { tci, lengthOrType } = header;
  const tag = tci === null ? '' : ` vlan ${vlanIdOf(tci)} p ${priorityOf(tci)}`;
  const kind =
    lengthOrType < 0x0600 ? `802.3 length ${lengthOrType}` : `type 0x${lengthOrType.toString(16).padStart(4, '0')}`;
  return `${macText(header.source)} > ${macText(header.destination)}${tag} ${kind}`;
}
