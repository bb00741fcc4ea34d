/**
 * Link Layer Discovery Protocol (IEEE 802.1AB) with the organizationally specific TLVs of 802.1, 802.3 and LLDP-MED (ANSI/TIA-1057): the LLDPDU
 * behind EtherType 88cc.
 *
 *      0                                   1
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 ...
 *     +-------------+-----------------+-----------------------+
 *     | TLV type    | length          | information string    |      802.1AB 8.4
 *     +-------------+-----------------+-----------------------+
 *     | 127         | length          | OUI (3) | subtype | … |      802.1AB 8.6
 *     +-------------+-----------------+-----------------------+
 *
 * The first three are Chassis ID, Port ID and Time To Live, each once; the last is End Of LLDPDU (802.1AB 8.2).
 */

import type { Ipv4, Mac } from '../../hal/nic.ts';
import { Malformed } from '../malformed.ts';
import { ipv4Text, macText } from './address.ts';
import {
  describeOrganization,
  emitOrganization,
  type OrganizationTlv,
  organizationLengthOf,
  type Policy,
  parseOrganization,
} from './lldp-organization.ts';
import { mac, putMac, putU16, putU32, u16, u32 } from './octets.ts';
import { emitLatin1, latin1 } from './text.ts';

export {
  APPLICATION,
  INVENTORY,
  MED_CAPABILITY,
  MED_CLASS,
  type OrganizationTlv,
  type Policy,
  type PowerClassification,
} from './lldp-organization.ts';

/** An LLDPDU of 1,500 octets with the shortest useful TLV (a VLAN name) a hundred times over stays below this. */
export const MAX_TLVS = 256;
/** The length field has nine bits. */
export const MAX_VALUE_LENGTH = 511;

/** System Capabilities bits (802.1AB 8.5.8). */
export const CAPABILITY = { bridge: 0x0004, router: 0x0010, telephone: 0x0020, station: 0x0080 } as const;

/** A Chassis ID or Port ID. All subtypes but a MAC address and an IPv4 network address are kept as Latin-1 text. */
export type Identifier =
  | { readonly kind: 'mac'; readonly mac: Mac }
  | { readonly kind: 'ipv4'; readonly address: Ipv4 }
  | { readonly kind: 'text'; readonly subtype: number; readonly text: string };

/** Chassis ID subtype 7 and Port ID subtype 7: locally assigned. */
export const LOCALLY_ASSIGNED = 7;

/** A TLV whose value is not of the standard's shape is kept as `unknown` or `organization`, whatever its type. */
export type Tlv =
  | { readonly kind: 'portDescription' | 'systemName' | 'systemDescription'; readonly text: string }
  | { readonly kind: 'systemCapabilities'; readonly capabilities: number; readonly enabled: number }
  /** `addressSubtype` is an IANA address family: 1 IPv4, 2 IPv6, 6 MAC. */
  | {
      readonly kind: 'managementAddress';
      readonly addressSubtype: number;
      readonly address: Uint8Array;
      readonly interfaceSubtype: number;
      readonly interfaceNumber: number;
      readonly oid: Uint8Array;
    }
  | OrganizationTlv
  | { readonly kind: 'unknown'; readonly type: number; readonly value: Uint8Array };

export type TlvKind = Tlv['kind'];
/** The member of the union that has this kind, also where several kinds share one shape. */
export type TlvOf<K extends TlvKind, T extends Tlv = Tlv> = T extends unknown
  ? K extends T['kind']
    ? Omit<T, 'kind'> & { readonly kind: K }
    : never
  : never;

export interface Message {
  readonly chassisId: Identifier;
  readonly portId: Identifier;
  /** Seconds; 0 says that the sender goes away. */
  readonly ttl: number;
  /** All others in the order of the wire, without End. */
  readonly tlvs: readonly Tlv[];
}

/** The first TLV of that kind. */
export function find<K extends TlvKind>(message: Message, kind: K): TlvOf<K> | undefined {
  return message.tlvs.find((tlv) => tlv.kind === kind) as TlvOf<K> | undefined;
}

/** The last Network Policy for that application, since the last valid one wins; undefined when there is none. */
export function policyOf(message: Message, application: number): Policy | undefined {
  let found: Policy | undefined;
  for (const tlv of message.tlvs) if (tlv.kind === 'medPolicy' && tlv.application === application) found = tlv;
  return found;
}

/** A Chassis ID or Port ID as people write it. */
export function identifierText(id: Identifier): string {
  if (id.kind === 'mac') return macText(id.mac);
  return id.kind === 'ipv4' ? ipv4Text(id.address) : id.text;
}

/** The first IPv4 management address, or null. */
export function managementIpv4(message: Message): Ipv4 | null {
  for (const tlv of message.tlvs) {
    if (tlv.kind !== 'managementAddress') continue;
    if (tlv.addressSubtype === FAMILY_IPV4 && tlv.address.length === 4) return u32(tlv.address, 0);
  }
  return null;
}

/** A management address on the interface of that number; the numbering is not said to be ifIndex or port (subtype 1, unknown). */
export function ipv4ManagementAddress(address: Ipv4, interfaceNumber: number): Tlv {
  const octets = new Uint8Array(4);
  putU32(octets, 0, address);
  return {
    kind: 'managementAddress',
    addressSubtype: FAMILY_IPV4,
    address: octets,
    interfaceSubtype: 1,
    interfaceNumber,
    oid: new Uint8Array(0),
  };
}

const MISSING_MANDATORY = new Malformed('lldp', 'Chassis ID, Port ID and Time To Live do not come first');
const REPEATED_MANDATORY = new Malformed('lldp', 'Chassis ID, Port ID or Time To Live comes twice');
const BAD_IDENTIFIER = new Malformed('lldp', 'Chassis ID or Port ID has a wrong length');
const BAD_TTL = new Malformed('lldp', 'Time To Live is too short');
const TLV_BEYOND_END = new Malformed('lldp', 'a TLV reaches beyond the end');
const TOO_MANY_TLVS = new Malformed('lldp', 'more TLVs than a frame holds');

const END = 0;
const CHASSIS_ID = 1;
const PORT_ID = 2;
const TTL = 3;
const ORGANIZATION = 127;
/** Subtypes of a Chassis ID and of a Port ID that carry a MAC address and a network address (802.1AB 8.5.2.2, 8.5.3.2). */
const SUBTYPES = { chassis: { mac: 4, network: 5 }, port: { mac: 3, network: 4 } } as const;
/** An identifier is 1 to 255 octets, behind its subtype. */
const MAX_IDENTIFIER_LENGTH = 255;
/** IANA address family number of IPv4. */
const FAMILY_IPV4 = 1;

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  const end = offset + length;
  const tlvs: Tlv[] = [];
  let chassisId: Identifier | null = null;
  let portId: Identifier | null = null;
  let ttl = 0;
  let count = 0;
  let at = offset;
  // 802.1AB 9.2.7.7: an error in one of the first three discards the LLDPDU. A missing End is forgiven.
  while (end - at >= 2) {
    const header = u16(bytes, at);
    const type = header >>> 9;
    const size = header & MAX_VALUE_LENGTH;
    const value = at + 2;
    at = value + size;
    if (at > end) return TLV_BEYOND_END;
    if (type === END) break;
    count++;
    if (count <= 3 ? type !== count : type <= TTL) return count <= 3 ? MISSING_MANDATORY : REPEATED_MANDATORY;
    if (type <= PORT_ID) {
      if (size < 2 || size > MAX_IDENTIFIER_LENGTH + 1) return BAD_IDENTIFIER;
      const id = parseIdentifier(type === CHASSIS_ID ? SUBTYPES.chassis : SUBTYPES.port, bytes, value, size);
      if (type === CHASSIS_ID) chassisId = id;
      else portId = id;
    } else if (type === TTL) {
      if (size < 2) return BAD_TTL;
      ttl = u16(bytes, value);
    } else {
      if (tlvs.length === MAX_TLVS) return TOO_MANY_TLVS;
      tlvs.push(parseTlv(type, bytes, value, size));
    }
  }
  return chassisId === null || portId === null || count < 3 ? MISSING_MANDATORY : { chassisId, portId, ttl, tlvs };
}

/** Octets that `emit` writes. */
export function lengthOf(message: Message): number {
  let length = 2 + identifierLengthOf(message.chassisId) + 2 + identifierLengthOf(message.portId) + 4 + 2;
  for (const tlv of message.tlvs) length += 2 + lengthOfTlv(tlv);
  return length;
}

/** Writes the LLDPDU, End included, and returns its length. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  let at = emitIdentifier(CHASSIS_ID, SUBTYPES.chassis, message.chassisId, into, offset);
  at = emitIdentifier(PORT_ID, SUBTYPES.port, message.portId, into, at);
  putU16(into, at, (TTL << 9) | 2);
  putU16(into, at + 2, message.ttl);
  at += 4;
  for (const tlv of message.tlvs) {
    const size = lengthOfTlv(tlv);
    putU16(into, at, (typeOf(tlv) << 9) | size);
    emitTlv(tlv, into, at + 2);
    at += 2 + size;
  }
  putU16(into, at, END);
  return at + 2 - offset;
}

/** `LLDP, chassis 00:1e:f7:28:9c:8e, port 001EF7289C8E:P1, ttl 120s, … length 244`. */
export function describe(message: Message): string {
  const head = [
    'LLDP',
    `chassis ${printable(identifierText(message.chassisId))}`,
    `port ${printable(identifierText(message.portId))}`,
    `ttl ${message.ttl}s`,
  ];
  return [...head, ...message.tlvs.map(describeTlv), `length ${lengthOf(message)}`].join(', ');
}

type IdentifierSubtypes = { readonly mac: number; readonly network: number };

function parseIdentifier(subtypes: IdentifierSubtypes, bytes: Uint8Array, at: number, length: number): Identifier {
  const subtype = bytes[at]!;
  if (subtype === subtypes.mac && length === 7) return { kind: 'mac', mac: mac(bytes, at + 1) };
  if (subtype === subtypes.network && length === 6 && bytes[at + 1] === FAMILY_IPV4) {
    return { kind: 'ipv4', address: u32(bytes, at + 2) };
  }
  return { kind: 'text', subtype, text: latin1(bytes, at + 1, length - 1) };
}

function identifierLengthOf(id: Identifier): number {
  return id.kind === 'mac' ? 7 : id.kind === 'ipv4' ? 6 : 1 + id.text.length;
}

function emitIdentifier(type: number, subtypes: IdentifierSubtypes, id: Identifier, into: Uint8Array, at: number) {
  const length = identifierLengthOf(id);
  putU16(into, at, (type << 9) | length);
  if (id.kind === 'mac') {
    into[at + 2] = subtypes.mac;
    putMac(into, at + 3, id.mac);
  } else if (id.kind === 'ipv4') {
    into[at + 2] = subtypes.network;
    into[at + 3] = FAMILY_IPV4;
    putU32(into, at + 4, id.address);
  } else {
    into[at + 2] = id.subtype;
    emitLatin1(id.text, into, at + 3);
  }
  return at + 2 + length;
}

function printable(text: string): string {
  return text.replace(/[^ -~]+/g, ' ');
}

// The TLVs behind the first three.

const TEXT_TYPE = { portDescription: 4, systemName: 5, systemDescription: 6 } as const;
const SYSTEM_CAPABILITIES = 7;
const MANAGEMENT_ADDRESS = 8;

function parseTlv(type: number, bytes: Uint8Array, at: number, length: number): Tlv {
  if (type === ORGANIZATION && length >= 4) return parseOrganization(bytes, at, length);
  if (type === TEXT_TYPE.portDescription) return { kind: 'portDescription', text: latin1(bytes, at, length) };
  if (type === TEXT_TYPE.systemName) return { kind: 'systemName', text: latin1(bytes, at, length) };
  if (type === TEXT_TYPE.systemDescription) return { kind: 'systemDescription', text: latin1(bytes, at, length) };
  if (type === SYSTEM_CAPABILITIES && length === 4) {
    return { kind: 'systemCapabilities', capabilities: u16(bytes, at), enabled: u16(bytes, at + 2) };
  }
  if (type === MANAGEMENT_ADDRESS) {
    const parsed = parseManagementAddress(bytes, at, length);
    if (parsed !== null) return parsed;
  }
  return { kind: 'unknown', type, value: bytes.slice(at, at + length) };
}

/** Length of the address string, subtype, address, interface numbering subtype and number, length of the OID, OID (802.1AB 8.5.9). */
function parseManagementAddress(bytes: Uint8Array, at: number, length: number): Tlv | null {
  const stringLength = bytes[at]!;
  const behind = at + 1 + stringLength;
  if (length < 9 || stringLength < 2 || stringLength + 7 > length) return null;
  const oidLength = bytes[behind + 5]!;
  if (1 + stringLength + 6 + oidLength !== length) return null;
  return {
    kind: 'managementAddress',
    addressSubtype: bytes[at + 1]!,
    address: bytes.slice(at + 2, behind),
    interfaceSubtype: bytes[behind]!,
    interfaceNumber: u32(bytes, behind + 1),
    oid: bytes.slice(behind + 6, behind + 6 + oidLength),
  };
}

function typeOf(tlv: Tlv): number {
  switch (tlv.kind) {
    case 'portDescription':
    case 'systemName':
    case 'systemDescription':
      return TEXT_TYPE[tlv.kind];
    case 'systemCapabilities':
      return SYSTEM_CAPABILITIES;
    case 'managementAddress':
      return MANAGEMENT_ADDRESS;
    case 'unknown':
      return tlv.type;
    default:
      return ORGANIZATION;
  }
}

function lengthOfTlv(tlv: Tlv): number {
  switch (tlv.kind) {
    case 'portDescription':
    case 'systemName':
    case 'systemDescription':
      return tlv.text.length;
    case 'systemCapabilities':
      return 4;
    case 'managementAddress':
      return 8 + tlv.address.length + tlv.oid.length;
    case 'unknown':
      return tlv.value.length;
    default:
      return organizationLengthOf(tlv);
  }
}

function emitTlv(tlv: Tlv, into: Uint8Array, at: number): void {
  switch (tlv.kind) {
    case 'portDescription':
    case 'systemName':
    case 'systemDescription':
      emitLatin1(tlv.text, into, at);
      return;
    case 'systemCapabilities':
      putU16(into, at, tlv.capabilities);
      putU16(into, at + 2, tlv.enabled);
      return;
    case 'managementAddress': {
      const behind = at + 2 + tlv.address.length;
      into[at] = 1 + tlv.address.length;
      into[at + 1] = tlv.addressSubtype;
      into.set(tlv.address, at + 2);
      into[behind] = tlv.interfaceSubtype;
      putU32(into, behind + 1, tlv.interfaceNumber);
      into[behind + 5] = tlv.oid.length;
      into.set(tlv.oid, behind + 6);
      return;
    }
    case 'unknown':
      into.set(tlv.value, at);
      return;
    default:
      emitOrganization(tlv, into, at);
  }
}

function describeTlv(tlv: Tlv): string {
  switch (tlv.kind) {
    case 'portDescription':
    case 'systemName':
    case 'systemDescription':
      return `${tlv.kind.replace(/[A-Z]/, (letter) => ` ${letter.toLowerCase()}`)} '${printable(tlv.text)}'`;
    case 'systemCapabilities':
      return `capabilities 0x${tlv.capabilities.toString(16)} enabled 0x${tlv.enabled.toString(16)}`;
    case 'managementAddress':
      return tlv.addressSubtype === FAMILY_IPV4 && tlv.address.length === 4
        ? `management ${ipv4Text(u32(tlv.address, 0))}`
        : `management address of family ${tlv.addressSubtype}`;
    case 'unknown':
      return `unknown ${tlv.type} (${tlv.value.length})`;
    default:
      return describeOrganization(tlv);
  }
}
