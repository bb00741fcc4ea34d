import { BROADCAST_MAC, type Mac, type ReceiveFilter } from '../nic.ts';

/**
 * What a NIC lets through, decided on the octets of the frame (offsets without an 802.1Q tag; a tag adds 4):
 *
 *    0  destination MAC (6)     12  type or length (2)
 *   14  ARP (RFC 826): hardware and protocol address lengths at 18 and 19, sender protocol address at 28, target's at 38
 *   14  IPv4 (RFC 791): header length 14, fragment offset 20, protocol 23; then UDP (RFC 768), destination port at its 2
 *       and DHCP (RFC 2131) at its 8, with `chaddr` at 28 of DHCP
 */
const ETHERNET_HEADER = 14;
const TAG_OCTETS = 4;
const TYPE_VLAN = 0x8100;
const TYPE_ARP = 0x0806;
const TYPE_IPV4 = 0x0800;
const VID_MASK = 0x0fff;
const GROUP_BIT = 0x01;

const ARP_OCTETS = 28;
const ARP_SENDER = 14;
const ARP_TARGET = 24;

const IPV4_OCTETS = 20;
const IPV4_FRAGMENT_OFFSET_MASK = 0x1fff;
const PROTOCOL_UDP = 17;
const UDP_OCTETS = 8;
const PORT_DHCP_CLIENT = 68;
const DHCP_CHADDR = 28;

/** Runs for every frame that reaches a NIC, so it allocates nothing. */
export function passes(filter: ReceiveFilter, mac: Mac, frame: Uint8Array, length: number): boolean {
  if (length < ETHERNET_HEADER) return false;
  let payload = ETHERNET_HEADER;
  let type = u16(frame, 12);
  if (type === TYPE_VLAN) {
    if (length < ETHERNET_HEADER + TAG_OCTETS) return false;
    const vid = u16(frame, 14) & VID_MASK;
    if (vid !== 0 && vid !== filter.vlan) return false;
    payload += TAG_OCTETS;
    type = u16(frame, 16);
  }
  const destination = macAt(frame, 0);
  if (destination === mac) return true;
  if ((frame[0]! & GROUP_BIT) === 0) return false;
  if (filter.groups.includes(destination)) return true;
  if (destination !== BROADCAST_MAC) return false;
  if (type === TYPE_ARP) return isArpFor(filter, frame, payload, length);
  return type === TYPE_IPV4 && isUdpFor(filter.broadcastPorts, mac, frame, payload, length);
}

function isArpFor({ addresses, gratuitous }: ReceiveFilter, frame: Uint8Array, arp: number, length: number): boolean {
  if (addresses.length === 0 || length < arp + ARP_OCTETS) return false;
  if (frame[arp + 4] !== 6 || frame[arp + 5] !== 4) return false;
  const sender = u32(frame, arp + ARP_SENDER);
  const target = u32(frame, arp + ARP_TARGET);
  if (sender === target && gratuitous?.includes(sender) === true) return true;
  return addresses.includes(target) || addresses.includes(sender);
}

function isUdpFor(ports: readonly number[], mac: Mac, frame: Uint8Array, ip: number, length: number): boolean {
  if (ports.length === 0 || length < ip + IPV4_OCTETS) return false;
  const headerLength = (frame[ip]! & 0x0f) * 4;
  if (frame[ip]! >> 4 !== 4 || headerLength < IPV4_OCTETS) return false;
  // Only the first fragment has the ports.
  if (frame[ip + 9] !== PROTOCOL_UDP || (u16(frame, ip + 6) & IPV4_FRAGMENT_OFFSET_MASK) !== 0) return false;
  const udp = ip + headerLength;
  if (length < udp + UDP_OCTETS) return false;
  const port = u16(frame, udp + 2);
  if (!ports.includes(port)) return false;
  if (port !== PORT_DHCP_CLIENT) return true;
  const chaddr = udp + UDP_OCTETS + DHCP_CHADDR;
  return length >= chaddr + 6 && macAt(frame, chaddr) === mac;
}

function u16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! << 8) | bytes[offset + 1]!;
}

function u32(bytes: Uint8Array, offset: number): number {
  return u16(bytes, offset) * 0x10000 + u16(bytes, offset + 2);
}

function macAt(bytes: Uint8Array, offset: number): Mac {
  return u16(bytes, offset) * 0x1_0000_0000 + u32(bytes, offset + 2);
}
