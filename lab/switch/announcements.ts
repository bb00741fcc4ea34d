/** What the switch says about itself and a port, as CDP and LLDP messages; and the frames around them. */
import * as cdp from '../../firmware/wire/cdp.ts';
import * as lldp from '../../firmware/wire/lldp.ts';
import { putMac, putU16 } from '../../firmware/wire/octets.ts';
import type { Ipv4, Mac } from '../../hal/nic.ts';
import type { PortOptions, VoiceVlan } from './port-options.ts';
import { managementLevel } from './power-sourcing.ts';
import type { SwitchPort } from './switch-port.ts';

/** Who the switch is. */
export interface SwitchIdentity {
  readonly name: string;
  readonly mac: Mac;
  readonly managementAddress: Ipv4;
  readonly platform: string;
  readonly version: string;
}

const CDP_GROUP: Mac = 0x0100_0ccc_cccc;
const LLDP_GROUP: Mac = 0x0180_c200_000e;

const CDP_HOLD_SECONDS = 180;
const LLDP_TTL_SECONDS = 120;

const MINIMUM_FRAME = 60;

/** 802.2 LLC UI frame to SNAP, Cisco's OUI, protocol 0x2000. */
const SNAP_CDP: readonly number[] = [0xaa, 0xaa, 0x03, 0x00, 0x00, 0x0c, 0x20, 0x00];
const LLDP_ETHERTYPE = 0x88cc;

/** In the order in which a Catalyst writes them. */
export function cdpMessage(identity: SwitchIdentity, port: SwitchPort): cdp.Message {
  const { options } = port;
  const address: cdp.Address = { protocol: 'ipv4', address: identity.managementAddress };
  const tlvs: cdp.Tlv[] = [
    { kind: 'deviceId', text: identity.name },
    { kind: 'addresses', addresses: [address] },
    { kind: 'portId', text: port.name },
    { kind: 'capabilities', value: cdp.CAPABILITY.switch | cdp.CAPABILITY.igmp },
    { kind: 'version', text: identity.version },
    { kind: 'platform', text: identity.platform },
    { kind: 'vtpDomain', text: '' },
    { kind: 'nativeVlan', value: options.nativeVlan },
    { kind: 'duplex', full: port.state.fullDuplex },
  ];
  const voice = voipVlan(options.voiceVlan);
  if (voice !== null) tlvs.push(cdp.voipVlanReply(voice));
  tlvs.push(
    { kind: 'trustBitmap', value: options.trustPcPort ? 1 : 0 },
    { kind: 'untrustedCos', value: options.pcPortCos },
    { kind: 'managementAddresses', addresses: [address] },
  );
  if (options.poe) {
    const { power } = port;
    tlvs.push({
      kind: 'powerAvailable',
      requestId: power.requestId,
      managementId: power.managementId,
      levels: [power.allocated, managementLevel(power)],
    });
  }
  return { version: 2, ttl: CDP_HOLD_SECONDS, tlvs };
}

function voipVlan(voiceVlan: VoiceVlan): number | null {
  if (typeof voiceVlan === 'number') return voiceVlan;
  if (voiceVlan === 'dot1p') return cdp.VLAN_PRIORITY_TAGGED;
  return voiceVlan === 'untagged' ? cdp.VLAN_UNTAGGED : null;
}

/** MED TLVs stand in it once the port heard some (`port.medHeard`). */
export function lldpMessage(identity: SwitchIdentity, port: SwitchPort): lldp.Message {
  const { options } = port;
  const address = new Uint8Array(4);
  new DataView(address.buffer).setUint32(0, identity.managementAddress);
  const tlvs: lldp.Tlv[] = [
    { kind: 'portDescription', text: port.name },
    { kind: 'systemName', text: identity.name },
    { kind: 'systemDescription', text: identity.version },
    { kind: 'systemCapabilities', capabilities: lldp.CAPABILITY.bridge, enabled: lldp.CAPABILITY.bridge },
    { kind: 'managementAddress', addressSubtype: 1, address, interfaceSubtype: 3, interfaceNumber: 1, oid: NO_OCTETS },
    { kind: 'portVlanId', vlan: options.nativeVlan },
    { kind: 'macPhy', autoNegotiation: 3, pmd: PMD_10_100_1000, mau: mauOf(port.state.speed) },
  ];
  if (port.medHeard) tlvs.push(...medTlvs(port, options));
  if (options.poe && port.classification !== null) tlvs.push(powerViaMdi(port, port.classification));
  return {
    chassisId: { kind: 'mac', mac: identity.mac },
    portId: { kind: 'text', subtype: INTERFACE_NAME, text: port.shortName },
    ttl: LLDP_TTL_SECONDS,
    tlvs,
  };
}

const NO_OCTETS = new Uint8Array(0);

/** Port ID subtype 5 (802.1AB 8.5.3.2). */
const INTERFACE_NAME = 5;

/** 10BASE-T, 100BASE-TX in both duplexes and 1000BASE-T full duplex, in the bit order of RFC 4836's ifMauAutoNegCapAdvertisedBits. */
const PMD_10_100_1000 = 0x6c01;

/** 802.3at 79.3.2: what the device asked for comes back as it was, beside what it is allocated. */
function powerViaMdi(port: SwitchPort, asked: lldp.PowerClassification): lldp.Tlv {
  const allocated = Math.floor(port.power.allocated / 100);
  return {
    kind: 'powerViaMdi',
    support: PSE_SUPPORT,
    pair: SIGNAL_PAIR,
    powerClass: CLASS_4,
    classification: { ...asked, type: PSE_TYPE_2, source: 1, allocated },
    rest: NO_OCTETS,
  };
}

/** Port class PSE, supported, enabled, pair control. */
const PSE_SUPPORT = 0x0f;
const SIGNAL_PAIR = 1;
const CLASS_4 = 5;
const PSE_TYPE_2 = 0;

/** RFC 4836: 30 is 1000BASE-T full duplex, 16 is 100BASE-TX full duplex. */
function mauOf(speed: number): number {
  return speed >= 1000 ? 30 : 16;
}

function medTlvs(port: SwitchPort, options: PortOptions): lldp.Tlv[] {
  const { capabilities, networkPolicy, extendedPowerPse, inventory } = lldp.MED_CAPABILITY;
  const tlvs: lldp.Tlv[] = [
    {
      kind: 'medCapabilities',
      capabilities: capabilities | networkPolicy | inventory | (options.poe ? extendedPowerPse : 0),
      deviceType: lldp.MED_CLASS.networkConnectivity,
    },
  ];
  const { voiceMark, signalingMark } = options;
  const voiceVlan = options.policyVlan ?? options.voiceVlan;
  if (voiceVlan !== 'none') {
    const tagged = voiceVlan !== 'untagged';
    const vlan = typeof voiceVlan === 'number' ? voiceVlan : 0;
    tlvs.push(
      { kind: 'medPolicy', application: lldp.APPLICATION.voice, unknown: false, tagged, vlan, ...voiceMark },
      {
        kind: 'medPolicy',
        application: lldp.APPLICATION.voiceSignaling,
        unknown: false,
        tagged,
        vlan,
        ...signalingMark,
      },
    );
  }
  if (options.poe) {
    const tenths = Math.floor(port.power.allocated / 100);
    tlvs.push({ kind: 'medPower', type: 0, source: 1, priority: 3, tenths });
  }
  return tlvs;
}

/** Writes the 802.3 frame of a CDP message; returns its length with padding. */
export function emitCdpFrame(source: Mac, message: cdp.Message, into: Uint8Array): number {
  putMac(into, 0, CDP_GROUP);
  putMac(into, 6, source);
  into.set(SNAP_CDP, 14);
  const length = SNAP_CDP.length + cdp.emit(message, into, 14 + SNAP_CDP.length);
  putU16(into, 12, length);
  return pad(into, 14 + length);
}

export function emitLldpFrame(source: Mac, message: lldp.Message, into: Uint8Array): number {
  putMac(into, 0, LLDP_GROUP);
  putMac(into, 6, source);
  putU16(into, 12, LLDP_ETHERTYPE);
  return pad(into, 14 + lldp.emit(message, into, 14));
}

function pad(frame: Uint8Array, length: number): number {
  if (length >= MINIMUM_FRAME) return length;
  frame.fill(0, length, MINIMUM_FRAME);
  return MINIMUM_FRAME;
}

/** Where the CDP payload of a frame stands, or null when the frame is none. Reckons with a tag: phones send CDP tagged as well. */
export function cdpPayload(bytes: Uint8Array, length: number): { offset: number; length: number } | null {
  const header = bytes[12] === 0x81 && bytes[13] === 0 ? 16 : 12;
  const offset = header + 2 + SNAP_CDP.length;
  if (length < offset) return null;
  for (let index = 0; index < SNAP_CDP.length; index += 1) {
    if (bytes[header + 2 + index] !== SNAP_CDP[index]) return null;
  }
  const counted = (bytes[header]! << 8) | bytes[header + 1]!;
  if (counted < SNAP_CDP.length || header + 2 + counted > length) return null;
  return { offset, length: counted - SNAP_CDP.length };
}

/** Where the LLDPDU of a frame stands, or null. LLDP is never tagged (802.1AB 7.4). */
export function lldpPayload(bytes: Uint8Array, length: number): { offset: number; length: number } | null {
  if (length < 14 || bytes[12] !== LLDP_ETHERTYPE >> 8 || bytes[13] !== (LLDP_ETHERTYPE & 0xff)) return null;
  return { offset: 14, length: length - 14 };
}
