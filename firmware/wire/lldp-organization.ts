/**
 * Organizationally specific TLVs of LLDP (802.1AB 8.6): type 127, OUI, subtype, information.
 *
 *     00-80-c2  IEEE 802.1   1 port VLAN ID, 3 VLAN name
 *     00-12-0f  IEEE 802.3   1 MAC/PHY, 2 power via MDI, 3 link aggregation, 4 maximum frame size
 *     00-12-bb  LLDP-MED     1 capabilities, 2 network policy, 4 extended power, 5 to 11 inventory (TIA-1057 10.2)
 *     00-01-42  Cisco        1 four-wire power
 */
import { putU16, putU32, u16, u32 } from './octets.ts';
import { emitLatin1, latin1 } from './text.ts';

/** LLDP-MED Capabilities bits (TIA-1057 10.2.2.1). */
export const MED_CAPABILITY = {
  capabilities: 0x01,
  networkPolicy: 0x02,
  location: 0x04,
  extendedPowerPse: 0x08,
  extendedPowerPd: 0x10,
  inventory: 0x20,
} as const;

/** LLDP-MED device types (TIA-1057 10.2.2.2). */
export const MED_CLASS = { endpoint1: 1, endpoint2: 2, endpoint3: 3, networkConnectivity: 4 } as const;

/** Network Policy application types (TIA-1057 10.2.3.1). */
export const APPLICATION = { voice: 1, voiceSignaling: 2 } as const;

/** LLDP-MED Inventory subtypes (TIA-1057 10.2.6). */
export const INVENTORY = {
  hardwareRevision: 5,
  firmwareRevision: 6,
  softwareRevision: 7,
  serialNumber: 8,
  manufacturerName: 9,
  modelName: 10,
  assetId: 11,
} as const;

/** Data link layer classification of Power via MDI (802.3at 79.3.2.4). Values in tenths of a watt. */
export interface PowerClassification {
  /** 0 PSE type 2, 1 PD type 2, 2 PSE type 1, 3 PD type 1. */
  readonly type: number;
  readonly source: number;
  /** 0 unknown, 1 critical, 2 high, 3 low. */
  readonly priority: number;
  readonly requested: number;
  readonly allocated: number;
}

/** A TLV whose value is not of the standard's shape is kept as `organization`, whatever its subtype. */
export type OrganizationTlv =
  | { readonly kind: 'portVlanId'; readonly vlan: number }
  | { readonly kind: 'vlanName'; readonly vlan: number; readonly name: string }
  /** `pmd` and `mau` as on the wire; some telephones send `pmd` with its bits reversed. */
  | { readonly kind: 'macPhy'; readonly autoNegotiation: number; readonly pmd: number; readonly mau: number }
  | {
      readonly kind: 'powerViaMdi';
      /** Bit 0 port class PSE, 1 supported, 2 enabled, 3 pair control. */
      readonly support: number;
      /** 1 signal, 2 spare. */
      readonly pair: number;
      /** Power class plus one. */
      readonly powerClass: number;
      readonly classification: PowerClassification | null;
      /** What 802.3bt adds behind. */
      readonly rest: Uint8Array;
    }
  | { readonly kind: 'linkAggregation'; readonly status: number; readonly port: number }
  | { readonly kind: 'maximumFrameSize'; readonly size: number }
  | { readonly kind: 'medCapabilities'; readonly capabilities: number; readonly deviceType: number }
  | ({ readonly kind: 'medPolicy' } & Policy)
  /** `type` 0 PSE, 1 PD; `source` 1 PSE (of a PD) or primary (of a PSE), 2 local or backup; `tenths` of a watt. */
  | {
      readonly kind: 'medPower';
      readonly type: number;
      readonly source: number;
      readonly priority: number;
      readonly tenths: number;
    }
  | { readonly kind: 'medInventory'; readonly subtype: number; readonly text: string }
  /** Cisco's four-wire power capability (UPOE), a bitmap. */
  | { readonly kind: 'ciscoPower'; readonly capabilities: number }
  | { readonly kind: 'organization'; readonly oui: number; readonly subtype: number; readonly value: Uint8Array };

/** LLDP-MED Network Policy (TIA-1057 10.2.3). */
export interface Policy {
  readonly application: number;
  /** U: the device does not know its policy yet. */
  readonly unknown: boolean;
  /** T: frames carry a tag. With VLAN 0 only for the priority. */
  readonly tagged: boolean;
  readonly vlan: number;
  /** 802.1p, 0 to 7. */
  readonly priority: number;
  readonly dscp: number;
}

const OUI_8021 = 0x0080c2;
const OUI_8023 = 0x00120f;
const OUI_MED = 0x0012bb;
const OUI_CISCO = 0x000142;

/** `at` is where the OUI stands; `length`, at least 4, counts from there. */
export function parseOrganization(bytes: Uint8Array, at: number, length: number): OrganizationTlv {
  const oui = u24(bytes, at);
  const subtype = bytes[at + 3]!;
  const value = at + 4;
  const size = length - 4;
  let tlv: OrganizationTlv | null = null;
  if (oui === OUI_MED) tlv = parseMed(subtype, bytes, value, size);
  else if (oui === OUI_8023) tlv = parse8023(subtype, bytes, value, size);
  else if (oui === OUI_8021) tlv = parse8021(subtype, bytes, value, size);
  else if (oui === OUI_CISCO && subtype === 1 && size === 1) tlv = { kind: 'ciscoPower', capabilities: bytes[value]! };
  return tlv ?? { kind: 'organization', oui, subtype, value: bytes.slice(value, value + size) };
}

function parse8021(subtype: number, bytes: Uint8Array, at: number, size: number): OrganizationTlv | null {
  if (subtype === 1 && size === 2) return { kind: 'portVlanId', vlan: u16(bytes, at) };
  if (subtype === 3 && size >= 3 && size === 3 + bytes[at + 2]!) {
    return { kind: 'vlanName', vlan: u16(bytes, at), name: latin1(bytes, at + 3, size - 3) };
  }
  return null;
}

function parse8023(subtype: number, bytes: Uint8Array, at: number, size: number): OrganizationTlv | null {
  if (subtype === 1 && size === 5) {
    return { kind: 'macPhy', autoNegotiation: bytes[at]!, pmd: u16(bytes, at + 1), mau: u16(bytes, at + 3) };
  }
  if (subtype === 2 && (size === 3 || size >= 8)) {
    const classification = size === 3 ? null : parseClassification(bytes, at + 3);
    return {
      kind: 'powerViaMdi',
      support: bytes[at]!,
      pair: bytes[at + 1]!,
      powerClass: bytes[at + 2]!,
      classification,
      rest: bytes.slice(at + (classification === null ? 3 : 8), at + size),
    };
  }
  if (subtype === 3 && size === 5) return { kind: 'linkAggregation', status: bytes[at]!, port: u32(bytes, at + 1) };
  return subtype === 4 && size === 2 ? { kind: 'maximumFrameSize', size: u16(bytes, at) } : null;
}

/** type (2 bits), source (2), zero (2), priority (2); requested and allocated power. Bits that must be zero are not kept. */
function parseClassification(bytes: Uint8Array, at: number): PowerClassification {
  const octet = bytes[at]!;
  return {
    type: octet >>> 6,
    source: (octet >>> 4) & 3,
    priority: octet & 3,
    requested: u16(bytes, at + 1),
    allocated: u16(bytes, at + 3),
  };
}

function parseMed(subtype: number, bytes: Uint8Array, at: number, size: number): OrganizationTlv | null {
  if (subtype === 1 && size === 3) {
    return { kind: 'medCapabilities', capabilities: u16(bytes, at), deviceType: bytes[at + 2]! };
  }
  if (subtype === 2 && size === 4) {
    // U (1 bit), T (1), reserved (1), VLAN (12), priority (3), DSCP (6).
    const bits = u24(bytes, at + 1);
    return {
      kind: 'medPolicy',
      application: bytes[at]!,
      unknown: (bits & 0x80_0000) !== 0,
      tagged: (bits & 0x40_0000) !== 0,
      vlan: (bits >>> 9) & 0xfff,
      priority: (bits >>> 6) & 7,
      dscp: bits & 0x3f,
    };
  }
  if (subtype === 4 && size === 3) {
    const octet = bytes[at]!;
    return {
      kind: 'medPower',
      type: octet >>> 6,
      source: (octet >>> 4) & 3,
      priority: octet & 15,
      tenths: u16(bytes, at + 1),
    };
  }
  if (subtype >= INVENTORY.hardwareRevision && subtype <= INVENTORY.assetId) {
    return { kind: 'medInventory', subtype, text: latin1(bytes, at, size) };
  }
  return null;
}

/** OUI and subtype of each kind. */
const IDENTITY = {
  portVlanId: [OUI_8021, 1],
  vlanName: [OUI_8021, 3],
  macPhy: [OUI_8023, 1],
  powerViaMdi: [OUI_8023, 2],
  linkAggregation: [OUI_8023, 3],
  maximumFrameSize: [OUI_8023, 4],
  medCapabilities: [OUI_MED, 1],
  medPolicy: [OUI_MED, 2],
  medPower: [OUI_MED, 4],
  ciscoPower: [OUI_CISCO, 1],
} as const satisfies Record<string, readonly [number, number]>;

/** Octets of the information string, OUI and subtype included. */
export function organizationLengthOf(tlv: OrganizationTlv): number {
  switch (tlv.kind) {
    case 'ciscoPower':
      return 5;
    case 'portVlanId':
    case 'maximumFrameSize':
      return 6;
    case 'medCapabilities':
    case 'medPower':
      return 7;
    case 'medPolicy':
      return 8;
    case 'macPhy':
    case 'linkAggregation':
      return 9;
    case 'powerViaMdi':
      return 7 + (tlv.classification === null ? 0 : 5) + tlv.rest.length;
    case 'vlanName':
      return 7 + tlv.name.length;
    case 'medInventory':
      return 4 + tlv.text.length;
    case 'organization':
      return 4 + tlv.value.length;
  }
}

/** Writes the information string at `start`. */
export function emitOrganization(tlv: OrganizationTlv, into: Uint8Array, start: number): void {
  const [oui, subtype] =
    tlv.kind === 'organization'
      ? [tlv.oui, tlv.subtype]
      : tlv.kind === 'medInventory'
        ? [OUI_MED, tlv.subtype]
        : IDENTITY[tlv.kind];
  into[start] = oui >>> 16;
  putU16(into, start + 1, oui);
  into[start + 3] = subtype;
  emitInformation(tlv, into, start + 4);
}

function emitInformation(tlv: OrganizationTlv, into: Uint8Array, at: number): void {
  switch (tlv.kind) {
    case 'portVlanId':
      putU16(into, at, tlv.vlan);
      return;
    case 'maximumFrameSize':
      putU16(into, at, tlv.size);
      return;
    case 'vlanName':
      putU16(into, at, tlv.vlan);
      into[at + 2] = tlv.name.length;
      emitLatin1(tlv.name, into, at + 3);
      return;
    case 'macPhy':
      into[at] = tlv.autoNegotiation;
      putU16(into, at + 1, tlv.pmd);
      putU16(into, at + 3, tlv.mau);
      return;
    case 'powerViaMdi':
      emitPowerViaMdi(tlv, into, at);
      return;
    case 'linkAggregation':
      into[at] = tlv.status;
      putU32(into, at + 1, tlv.port);
      return;
    case 'medCapabilities':
      putU16(into, at, tlv.capabilities);
      into[at + 2] = tlv.deviceType;
      return;
    case 'medPolicy': {
      const bits =
        (tlv.unknown ? 0x80_0000 : 0) | (tlv.tagged ? 0x40_0000 : 0) | (tlv.vlan << 9) | (tlv.priority << 6) | tlv.dscp;
      into[at] = tlv.application;
      into[at + 1] = bits >>> 16;
      putU16(into, at + 2, bits);
      return;
    }
    case 'medPower':
      into[at] = (tlv.type << 6) | (tlv.source << 4) | tlv.priority;
      putU16(into, at + 1, tlv.tenths);
      return;
    case 'medInventory':
      emitLatin1(tlv.text, into, at);
      return;
    case 'ciscoPower':
      into[at] = tlv.capabilities;
      return;
    case 'organization':
      into.set(tlv.value, at);
  }
}

function emitPowerViaMdi(
  tlv: Extract<OrganizationTlv, { readonly kind: 'powerViaMdi' }>,
  into: Uint8Array,
  at: number,
): void {
  into[at] = tlv.support;
  into[at + 1] = tlv.pair;
  into[at + 2] = tlv.powerClass;
  const { classification } = tlv;
  if (classification !== null) {
    into[at + 3] = (classification.type << 6) | (classification.source << 4) | classification.priority;
    putU16(into, at + 4, classification.requested);
    putU16(into, at + 6, classification.allocated);
  }
  into.set(tlv.rest, at + (classification === null ? 3 : 8));
}

export function describeOrganization(tlv: OrganizationTlv): string {
  switch (tlv.kind) {
    case 'portVlanId':
      return `PVID ${tlv.vlan}`;
    case 'vlanName':
      return `VLAN ${tlv.vlan} name '${tlv.name.replace(/[^ -~]+/g, ' ')}'`;
    case 'macPhy':
      return `MAC/PHY pmd 0x${tlv.pmd.toString(16)} mau ${tlv.mau}`;
    case 'powerViaMdi':
      return tlv.classification === null
        ? 'power via MDI'
        : `power via MDI requested ${tlv.classification.requested / 10}W allocated ${tlv.classification.allocated / 10}W`;
    case 'linkAggregation':
      return `link aggregation 0x${tlv.status.toString(16)}`;
    case 'maximumFrameSize':
      return `maximum frame size ${tlv.size}`;
    case 'medCapabilities':
      return `MED capabilities 0x${tlv.capabilities.toString(16)} type ${tlv.deviceType}`;
    case 'medPolicy':
      return `MED policy app ${tlv.application} ${tlv.unknown ? 'unknown' : tlv.tagged ? `VLAN ${tlv.vlan}` : 'untagged'} L2 ${tlv.priority} DSCP ${tlv.dscp}`;
    case 'medPower':
      return `MED power ${tlv.type === 0 ? 'PSE' : 'PD'} ${tlv.tenths / 10}W`;
    case 'medInventory':
      return `MED inventory ${tlv.subtype} '${tlv.text.replace(/[^ -~]+/g, ' ')}'`;
    case 'ciscoPower':
      return `Cisco power 0x${tlv.capabilities.toString(16)}`;
    case 'organization':
      return `organization ${tlv.oui.toString(16).padStart(6, '0')}/${tlv.subtype} (${tlv.value.length})`;
  }
}

function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | u16(bytes, at + 1);
}
