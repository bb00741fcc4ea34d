/**
 * Address resolution protocol for IPv4 over Ethernet (RFC 826).
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 2 | hardware type: 1 |
 * | 2 | 2 | protocol type: 0x0800 |
 * | 4 | 1 | hardware address length: 6 |
 * | 5 | 1 | protocol address length: 4 |
 * | 6 | 2 | operation |
 * | 8 | 6 | sender hardware address |
 * | 14 | 4 | sender protocol address |
 * | 18 | 6 | target hardware address |
 * | 24 | 4 | target protocol address |
 */
import type { Ipv4, Mac } from '../../hal/nic.ts';
import { Malformed } from '../malformed.ts';
import { ipv4Text, macText } from './address.ts';
import { mac, putMac, putU16, putU32, u16, u32 } from './octets.ts';

export const OPERATION = { request: 1, reply: 2 } as const;
export const PACKET_LENGTH = 28;

/** The first six octets, the same in every packet of this kind. */
const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const ADDRESS_LENGTHS = 0x0604;

const TRUNCATED = new Malformed('arp', 'truncated');
const OTHER_KIND = new Malformed('arp', 'not IPv4 over Ethernet');

export interface Packet {
  readonly operation: number;
  readonly senderHardware: Mac;
  readonly senderProtocol: Ipv4;
  readonly targetHardware: Mac;
  readonly targetProtocol: Ipv4;
}

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Packet | Malformed {
  if (length < PACKET_LENGTH) return TRUNCATED;
  if (
    u16(bytes, offset) !== HARDWARE_ETHERNET ||
    u16(bytes, offset + 2) !== PROTOCOL_IPV4 ||
    u16(bytes, offset + 4) !== ADDRESS_LENGTHS
  ) {
    return OTHER_KIND;
  }
  return {
    operation: u16(bytes, offset + 6),
    senderHardware: mac(bytes, offset + 8),
    senderProtocol: u32(bytes, offset + 14),
    targetHardware: mac(bytes, offset + 18),
    targetProtocol: u32(bytes, offset + 24),
  };
}

export function lengthOf(_packet: Packet): number {
  return PACKET_LENGTH;
}

/** Writes the packet and returns its length. */
export function emit(packet: Packet, into: Uint8Array, offset = 0): number {
  putU16(into, offset, HARDWARE_ETHERNET);
  putU16(into, offset + 2, PROTOCOL_IPV4);
  putU16(into, offset + 4, ADDRESS_LENGTHS);
  putU16(into, offset + 6, packet.operation);
  putMac(into, offset + 8, packet.senderHardware);
  putU32(into, offset + 14, packet.senderProtocol);
  putMac(into, offset + 18, packet.targetHardware);
  putU32(into, offset + 24, packet.targetProtocol);
  return PACKET_LENGTH;
}

export function describe(packet: Packet): string {
  const { operation, senderProtocol, senderHardware, targetProtocol } = packet;
  if (operation === OPERATION.reply) return `ARP ${ipv4Text(senderProtocol)} is-at ${macText(senderHardware)}`;
  if (operation !== OPERATION.request) return `ARP operation ${operation}`;
  if (senderProtocol === 0) return `ARP probe ${ipv4Text(targetProtocol)}`;
  if (senderProtocol === targetProtocol) return `ARP announce ${ipv4Text(senderProtocol)}`;
  return `ARP who-has ${ipv4Text(targetProtocol)} tell ${ipv4Text(senderProtocol)}`;
}
