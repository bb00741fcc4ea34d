/**
 * Cisco Discovery Protocol, versions 1 and 2: the payload behind the SNAP header `aa aa 03 00 00 0c 20 00`.
 *
 *      0               1               2               3
 *     +---------------+---------------+-------------------------------+
 *     | version (2)   | TTL, seconds  | checksum                      |
 *     +---------------+---------------+-------------------------------+
 *     | TLV type                      | TLV length, with these four   |
 *     +-------------------------------+-------------------------------+
 *     | value ...
 *
 * The caller passes the octets that the 802.3 length field counts, not the padding behind them.
 * Sources: Wireshark packet-cdp.c, lldpd protocols/cdp.c, captures of 7960 and 7971 telephones and of Catalyst switches.
 */

import type { Ipv4 } from '../../hal/nic.ts';
import { Malformed } from '../malformed.ts';
import { ipv4Text } from './address.ts';
import { putU16, putU32, u16, u32 } from './octets.ts';
import { emitLatin1, latin1 } from './text.ts';

export const HEADER_LENGTH = 4;
const TLV_HEADER_LENGTH = 4;

/** A frame of 1,500 octets from a talkative switch carries about 25 TLVs. */
export const MAX_TLVS = 64;
/** IOS sends one to three addresses; a router with more than this is cut off by the frame's end anyway. */
const MAX_ADDRESSES = 32;

export const TYPE = {
  deviceId: 0x01,
  addresses: 0x02,
  portId: 0x03,
  capabilities: 0x04,
  version: 0x05,
  platform: 0x06,
  vtpDomain: 0x09,
  nativeVlan: 0x0a,
  duplex: 0x0b,
  voipVlanReply: 0x0e,
  voipVlanQuery: 0x0f,
  powerConsumption: 0x10,
  mtu: 0x11,
  trustBitmap: 0x12,
  untrustedCos: 0x13,
  systemName: 0x14,
  managementAddresses: 0x16,
  powerRequested: 0x19,
  powerAvailable: 0x1a,
  sparePairPoe: 0x1f,
} as const;

/** Bits of the Capabilities TLV. */
export const CAPABILITY = {
  router: 0x01,
  transparentBridge: 0x02,
  switch: 0x08,
  host: 0x10,
  igmp: 0x20,
  phone: 0x80,
  twoPortMacRelay: 0x400,
} as const;

/** The value telephones put into the VoIP VLAN Query; the same octets in a 7960 and a 7971, so an opaque constant. */
export const VOIP_VLAN_QUERY: readonly number[] = [0x20, 0x02, 0x00, 0x01];
/** VoIP VLAN Reply: `voice vlan dot1p`, frames tagged with VID 0 for their priority. */
export const VLAN_PRIORITY_TAGGED = 0;
/** VoIP VLAN Reply: `voice vlan untagged`. */
export const VLAN_UNTAGGED = 4095;
/** Management power level of the Power Available TLV: the switch does not care. */
export const NO_POWER_PREFERENCE = 0xffff_ffff;
/** The octet before the VLAN in a VoIP VLAN Reply. */
const VOIP_VLAN_APPLIANCE = 1;

export type Address =
  | { readonly protocol: 'ipv4'; readonly address: Ipv4 }
  | { readonly protocol: 'ipv6'; readonly address: Uint8Array }
  | {
      readonly protocol: 'other';
      readonly protocolType: number;
      readonly identifier: Uint8Array;
      readonly address: Uint8Array;
    };

type TextKind = 'deviceId' | 'portId' | 'version' | 'platform' | 'vtpDomain' | 'systemName';
type AddressesKind = 'addresses' | 'managementAddresses';
type NumberKind =
  | 'capabilities'
  | 'nativeVlan'
  | 'powerConsumption'
  | 'mtu'
  | 'trustBitmap'
  | 'untrustedCos'
  | 'sparePairPoe';

/** A TLV whose value is not of the documented shape is kept as `unknown`, whatever its type. */
export type Tlv =
  | { readonly kind: TextKind; readonly text: string }
  | { readonly kind: AddressesKind; readonly addresses: readonly Address[] }
  /** Power Consumption in milliwatts; Trust Bitmap bit 0 extends trust to the PC port. */
  | { readonly kind: NumberKind; readonly value: number }
  | { readonly kind: 'duplex'; readonly full: boolean }
  /** `appliance` is the octet before the VLAN; null in the short form that lacks it. */
  | { readonly kind: 'voipVlanReply'; readonly appliance: number | null; readonly vlan: number }
  | { readonly kind: 'voipVlanQuery'; readonly value: Uint8Array }
  /** Levels in milliwatts. Requested: highest first. Available: the available power, then the management power level. */
  | {
      readonly kind: 'powerRequested' | 'powerAvailable';
      readonly requestId: number;
      readonly managementId: number;
      readonly levels: readonly number[];
    }
  | { readonly kind: 'unknown'; readonly type: number; readonly value: Uint8Array };

export type TlvKind = Tlv['kind'];
/** The member of the union that has this kind, also where several kinds share one shape. */
export type TlvOf<K extends TlvKind, T extends Tlv = Tlv> = T extends unknown
  ? K extends T['kind']
    ? Omit<T, 'kind'> & { readonly kind: K }
    : never
  : never;

export interface Message {
  readonly version: number;
  /** Seconds that a receiver keeps what it learned. */
  readonly ttl: number;
  /** In the order of the wire. */
  readonly tlvs: readonly Tlv[];
}

const TRUNCATED = new Malformed('cdp', 'shorter than the header');
const BAD_VERSION = new Malformed('cdp', 'version is neither 1 nor 2');
const BAD_CHECKSUM = new Malformed('cdp', 'wrong checksum');
const TLV_BEYOND_END = new Malformed('cdp', 'a TLV reaches beyond the end');
const TOO_MANY_TLVS = new Malformed('cdp', 'more TLVs than a frame holds');

/** A voice VLAN reply in the long form that switches send. */
export function voipVlanReply(vlan: number): Tlv {
  return { kind: 'voipVlanReply', appliance: VOIP_VLAN_APPLIANCE, vlan };
}

/** The first TLV of that kind. */
export function find<K extends TlvKind>(message: Message, kind: K): TlvOf<K> | undefined {
  return message.tlvs.find((tlv) => tlv.kind === kind) as TlvOf<K> | undefined;
}

/** The text of the first TLV of that kind, or null. */
export function textOf(message: Message, kind: TextKind): string | null {
  return find(message, kind)?.text ?? null;
}

/** The value of the first TLV of that kind, or null. */
export function numberOf(message: Message, kind: NumberKind): number | null {
  return find(message, kind)?.value ?? null;
}

export function parse(bytes: Uint8Array, offset = 0, length = bytes.length - offset): Message | Malformed {
  if (length < HEADER_LENGTH) return TRUNCATED;
  const version = bytes[offset]!;
  if (version !== 1 && version !== 2) return BAD_VERSION;
  if (checksum(bytes, offset, length) !== u16(bytes, offset + 2)) return BAD_CHECKSUM;
  const end = offset + length;
  const tlvs: Tlv[] = [];
  let at = offset + HEADER_LENGTH;
  while (end - at >= TLV_HEADER_LENGTH) {
    const size = u16(bytes, at + 2);
    // Without a length there is no telling where the next one begins; what was read so far stands.
    if (size < TLV_HEADER_LENGTH) break;
    if (at + size > end) return TLV_BEYOND_END;
    if (tlvs.length === MAX_TLVS) return TOO_MANY_TLVS;
    tlvs.push(parseTlv(u16(bytes, at), bytes, at + TLV_HEADER_LENGTH, size - TLV_HEADER_LENGTH));
    at += size;
  }
  return { version, ttl: bytes[offset + 1]!, tlvs };
}

/** Octets that `emit` writes. */
export function lengthOf(message: Message): number {
  let length = HEADER_LENGTH;
  for (const tlv of message.tlvs) length += TLV_HEADER_LENGTH + valueLengthOf(tlv);
  return length;
}

/** Writes the payload with its checksum and returns its length. */
export function emit(message: Message, into: Uint8Array, offset = 0): number {
  into[offset] = message.version;
  into[offset + 1] = message.ttl;
  let at = offset + HEADER_LENGTH;
  for (const tlv of message.tlvs) {
    const size = TLV_HEADER_LENGTH + valueLengthOf(tlv);
    putU16(into, at, tlv.kind === 'unknown' ? tlv.type : TYPE[tlv.kind]);
    putU16(into, at + 2, size);
    emitValue(tlv, into, at + TLV_HEADER_LENGTH);
    at += size;
  }
  putU16(into, offset + 2, checksum(into, offset, at - offset));
  return at - offset;
}

/** `CDPv2, ttl 180s, Device-ID 'SEP…', Port-ID 'Port 1', … length 99`. */
export function describe(message: Message): string {
  const parts = message.tlvs.map(describeTlv);
  return [`CDPv${message.version}, ttl ${message.ttl}s`, ...parts, `length ${lengthOf(message)}`].join(', ');
}

/**
 * One's complement sum of big-endian words, with the checksum field taken as zero. An odd last octet is added as Cisco's code does: not in the
 * high half of a word as RFC 1071 says but as a signed char, and one less when that is negative.
 */
export function checksum(bytes: Uint8Array, offset: number, length: number): number {
  let sum = 0;
  const even = offset + (length & ~1);
  for (let at = offset; at < even; at += 2) if (at !== offset + 2) sum += u16(bytes, at);
  if (length & 1) {
    const last = bytes[even]!;
    sum += last < 0x80 ? last : 0xff00 + last - 1;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** How each typed TLV is laid out; the octets of a number. */
const NUMBER_LENGTH: Readonly<Record<NumberKind, 1 | 2 | 4>> = {
  capabilities: 4,
  nativeVlan: 2,
  powerConsumption: 2,
  mtu: 4,
  trustBitmap: 1,
  untrustedCos: 1,
  sparePairPoe: 1,
};

const KIND_OF_TYPE: readonly (Exclude<TlvKind, 'unknown'> | undefined)[] = kindsByType();

function kindsByType(): readonly (Exclude<TlvKind, 'unknown'> | undefined)[] {
  const kinds: (Exclude<TlvKind, 'unknown'> | undefined)[] = [];
  for (const kind of Object.keys(TYPE) as (keyof typeof TYPE)[]) kinds[TYPE[kind]] = kind;
  return Object.freeze(kinds);
}

function parseTlv(type: number, bytes: Uint8Array, at: number, length: number): Tlv {
  return parseKnown(KIND_OF_TYPE[type], bytes, at, length) ?? { kind: 'unknown', type, value: copy(bytes, at, length) };
}

/** Null when the type is not known or the value has another shape than documented. */
function parseKnown(kind: TlvKind | undefined, bytes: Uint8Array, at: number, length: number): Tlv | null {
  switch (kind) {
    case 'deviceId':
    case 'portId':
    case 'version':
    case 'platform':
    case 'vtpDomain':
    case 'systemName':
      return { kind, text: latin1(bytes, at, length) };
    case 'addresses':
    case 'managementAddresses': {
      const addresses = parseAddresses(bytes, at, length);
      return addresses === null ? null : { kind, addresses };
    }
    case 'duplex':
      return length === 1 && bytes[at]! <= 1 ? { kind, full: bytes[at] === 1 } : null;
    case 'voipVlanReply':
      if (length === 3) return { kind, appliance: bytes[at]!, vlan: u16(bytes, at + 1) };
      return length === 2 ? { kind, appliance: null, vlan: u16(bytes, at) } : null;
    case 'voipVlanQuery':
      return { kind, value: copy(bytes, at, length) };
    case 'powerRequested':
    case 'powerAvailable':
      return length < 4 || length % 4 !== 0 ? null : parsePower(kind, bytes, at, length);
    case 'unknown':
    case undefined:
      return null;
    default:
      return length === NUMBER_LENGTH[kind] ? { kind, value: number(bytes, at, length) } : null;
  }
}

function parsePower(kind: 'powerRequested' | 'powerAvailable', bytes: Uint8Array, at: number, length: number): Tlv {
  const levels: number[] = [];
  for (let level = at + 4; level < at + length; level += 4) levels.push(u32(bytes, level));
  return { kind, requestId: u16(bytes, at), managementId: u16(bytes, at + 2), levels };
}

/** SNAP with the EtherType of IPv6: how CDP names it (protocol type 2, 802.2). */
const IPV6_IDENTIFIER: readonly number[] = [0xaa, 0xaa, 0x03, 0, 0, 0, 0x86, 0xdd];
const NLPID = 1;
const NLPID_IPV4 = 0xcc;
const IEEE_802_2 = 2;

/** u32 count, then for each: protocol type, identifier length, identifier, u16 address length, address. */
function parseAddresses(bytes: Uint8Array, start: number, length: number): readonly Address[] | null {
  if (length < 4) return null;
  const end = start + length;
  const count = u32(bytes, start);
  if (count > MAX_ADDRESSES) return null;
  const addresses: Address[] = [];
  let at = start + 4;
  for (let index = 0; index < count; index++) {
    if (at + 2 > end) return null;
    const protocolType = bytes[at]!;
    const identifier = at + 2;
    const identifierLength = bytes[at + 1]!;
    at = identifier + identifierLength + 2;
    if (at > end) return null;
    const addressLength = u16(bytes, at - 2);
    if (at + addressLength > end) return null;
    addresses.push(
      parseAddress(protocolType, copy(bytes, identifier, identifierLength), copy(bytes, at, addressLength)),
    );
    at += addressLength;
  }
  return at === end ? addresses : null;
}

function parseAddress(protocolType: number, identifier: Uint8Array, address: Uint8Array): Address {
  if (protocolType === NLPID && identifier.length === 1 && identifier[0] === NLPID_IPV4 && address.length === 4) {
    return { protocol: 'ipv4', address: u32(address, 0) };
  }
  const isIpv6 =
    protocolType === IEEE_802_2 &&
    identifier.length === IPV6_IDENTIFIER.length &&
    IPV6_IDENTIFIER.every((octet, index) => identifier[index] === octet);
  if (isIpv6 && address.length === 16) return { protocol: 'ipv6', address };
  return { protocol: 'other', protocolType, identifier, address };
}

function addressLengthOf(address: Address): number {
  if (address.protocol === 'ipv4') return 9;
  if (address.protocol === 'ipv6') return 28;
  return 4 + address.identifier.length + address.address.length;
}

function emitAddress(address: Address, into: Uint8Array, at: number): number {
  if (address.protocol === 'ipv4') {
    into.set([NLPID, 1, NLPID_IPV4, 0, 4], at);
    putU32(into, at + 5, address.address);
  } else {
    const identifier = address.protocol === 'ipv6' ? IPV6_IDENTIFIER : address.identifier;
    into[at] = address.protocol === 'ipv6' ? IEEE_802_2 : address.protocolType;
    into[at + 1] = identifier.length;
    into.set(identifier, at + 2);
    putU16(into, at + 2 + identifier.length, address.address.length);
    into.set(address.address, at + 4 + identifier.length);
  }
  return addressLengthOf(address);
}

function valueLengthOf(tlv: Tlv): number {
  switch (tlv.kind) {
    case 'deviceId':
    case 'portId':
    case 'version':
    case 'platform':
    case 'vtpDomain':
    case 'systemName':
      return tlv.text.length;
    case 'addresses':
    case 'managementAddresses':
      return tlv.addresses.reduce((sum, address) => sum + addressLengthOf(address), 4);
    case 'duplex':
      return 1;
    case 'voipVlanReply':
      return tlv.appliance === null ? 2 : 3;
    case 'powerRequested':
    case 'powerAvailable':
      return 4 + 4 * tlv.levels.length;
    case 'voipVlanQuery':
    case 'unknown':
      return tlv.value.length;
    default:
      return NUMBER_LENGTH[tlv.kind];
  }
}

function emitValue(tlv: Tlv, into: Uint8Array, at: number): void {
  switch (tlv.kind) {
    case 'deviceId':
    case 'portId':
    case 'version':
    case 'platform':
    case 'vtpDomain':
    case 'systemName':
      emitLatin1(tlv.text, into, at);
      return;
    case 'addresses':
    case 'managementAddresses': {
      putU32(into, at, tlv.addresses.length);
      let next = at + 4;
      for (const address of tlv.addresses) next += emitAddress(address, into, next);
      return;
    }
    case 'duplex':
      into[at] = tlv.full ? 1 : 0;
      return;
    case 'voipVlanReply':
      if (tlv.appliance !== null) into[at] = tlv.appliance;
      putU16(into, tlv.appliance === null ? at : at + 1, tlv.vlan);
      return;
    case 'powerRequested':
    case 'powerAvailable':
      putU16(into, at, tlv.requestId);
      putU16(into, at + 2, tlv.managementId);
      for (const [index, level] of tlv.levels.entries()) putU32(into, at + 4 + 4 * index, level);
      return;
    case 'voipVlanQuery':
    case 'unknown':
      into.set(tlv.value, at);
      return;
    default:
      putNumber(into, at, NUMBER_LENGTH[tlv.kind], tlv.value);
  }
}

const LABEL: Readonly<Record<Exclude<TlvKind, 'unknown'>, string>> = {
  deviceId: 'Device-ID',
  addresses: 'Addresses',
  portId: 'Port-ID',
  capabilities: 'Capabilities',
  version: 'Version',
  platform: 'Platform',
  vtpDomain: 'VTP domain',
  nativeVlan: 'Native VLAN',
  duplex: 'Duplex',
  voipVlanReply: 'VoIP VLAN reply',
  voipVlanQuery: 'VoIP VLAN query',
  powerConsumption: 'Power consumption',
  mtu: 'MTU',
  trustBitmap: 'Trust bitmap',
  untrustedCos: 'Untrusted CoS',
  systemName: 'System name',
  managementAddresses: 'Management addresses',
  powerRequested: 'Power requested',
  powerAvailable: 'Power available',
  sparePairPoe: 'Spare pair PoE',
};

function describeTlv(tlv: Tlv): string {
  switch (tlv.kind) {
    case 'addresses':
    case 'managementAddresses':
      return `${LABEL[tlv.kind]} ${tlv.addresses.map((one) => (one.protocol === 'ipv4' ? ipv4Text(one.address) : one.protocol)).join(' ')}`;
    case 'duplex':
      return `Duplex ${tlv.full ? 'full' : 'half'}`;
    case 'voipVlanReply':
      return `${LABEL[tlv.kind]} ${tlv.vlan}`;
    case 'voipVlanQuery':
      return LABEL[tlv.kind];
    case 'powerRequested':
    case 'powerAvailable':
      return `${LABEL[tlv.kind]} ${tlv.levels.join(' ')}mW (request ${tlv.requestId}, management ${tlv.managementId})`;
    case 'unknown':
      return `unknown 0x${tlv.type.toString(16).padStart(4, '0')} (${tlv.value.length})`;
    case 'capabilities':
      return `Capabilities 0x${tlv.value.toString(16)}`;
    case 'powerConsumption':
      return `${LABEL[tlv.kind]} ${tlv.value}mW`;
    case 'nativeVlan':
    case 'mtu':
    case 'trustBitmap':
    case 'untrustedCos':
    case 'sparePairPoe':
      return `${LABEL[tlv.kind]} ${tlv.value}`;
    default:
      return `${LABEL[tlv.kind]} '${tlv.text.replace(/[^ -~]+/g, ' ')}'`;
  }
}

/** A copy: the frame's memory is the NIC's again soon. */
function copy(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return bytes.slice(at, at + length);
}

function number(bytes: Uint8Array, at: number, length: number): number {
  return length === 1 ? bytes[at]! : length === 2 ? u16(bytes, at) : u32(bytes, at);
}

function putNumber(into: Uint8Array, at: number, length: 1 | 2 | 4, value: number): void {
  if (length === 1) into[at] = value;
  else if (length === 2) putU16(into, at, value);
  else putU32(into, at, value);
}
