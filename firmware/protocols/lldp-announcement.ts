/** The LLDPDU of an enterprise telephone, in the order of a real 7945's and 7971's frames. */
import type { Board } from '../../hal/board.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import * as lldp from '../wire/lldp.ts';

/** Policy in use; the signalling values are null where no switch gave any. */
export interface OwnPolicies {
  /** Null is untagged. */
  readonly vlan: number | null;
  readonly priority: number;
  readonly dscp: number;
  readonly signalingPriority: number | null;
  readonly signalingDscp: number | null;
}

/** What changes in the announcement while the phone runs. */
export interface LldpIdentity {
  readonly address: Ipv4 | null;
  readonly load: string;
  /** DNS domain behind the system name; empty for none. */
  readonly domain: string;
  /** `lldpAssetId` of the configuration. */
  readonly assetId: string;
  /** On its own supply instead of the switch's. */
  readonly externalPower: boolean;
  /** Null while the phone knows no policy. */
  readonly policies: OwnPolicies | null;
  /** What the switch allocated by 802.3 Power via MDI, tenths of a watt; null before it did. */
  readonly allocatedTenths: number | null;
}

/** A 7971 before it knows its policy, and a 7945's signalling policy after it: 802.1p 4, DSCP 32. */
const DEFAULT_PRIORITY = 4;
const DEFAULT_DSCP = 32;

const MED_CAPABILITIES =
  lldp.MED_CAPABILITY.capabilities |
  lldp.MED_CAPABILITY.networkPolicy |
  lldp.MED_CAPABILITY.extendedPowerPd |
  lldp.MED_CAPABILITY.inventory;
const CAPABILITIES = lldp.CAPABILITY.bridge | lldp.CAPABILITY.telephone;

/** TIA-1057 10.2.5: type powered device; source the switch, or the phone's own. */
const PD = 1;
const SOURCE_PSE = 1;
const SOURCE_LOCAL = 2;

/** 802.3at 79.3.2: class 4 devices bargain about power. Supported and enabled, signal pairs, PD type 2. */
const POWER_SUPPORT = 0x06;
const SIGNAL_PAIR = 1;
const PD_TYPE_2 = 1;
/** What a class 4 device may draw before it was allocated more (802.3at 33.3), tenths of a watt. */
const INITIAL_TENTHS = 130;

export function phoneAnnouncement(board: Board, tunables: TunableValues, identity: LldpIdentity): lldp.Message {
  const { model } = board;
  const tlvs: lldp.Tlv[] = [
    { kind: 'portDescription', text: 'SW PORT' },
    {
      kind: 'systemName',
      text: identity.domain === '' ? board.deviceName : `${board.deviceName}.${identity.domain}`,
    },
    {
      kind: 'systemDescription',
      text: `Cisco IP Phone ${model.productId.startsWith('CP-') ? model.productId.slice(3) : model.productId},V${board.hardwareRevision}, ${identity.load}`,
    },
    { kind: 'systemCapabilities', capabilities: CAPABILITIES, enabled: CAPABILITIES },
  ];
  if (identity.address !== null) tlvs.push(lldp.ipv4ManagementAddress(identity.address, 1));
  tlvs.push({
    kind: 'macPhy',
    autoNegotiation: 3,
    pmd: model.lldp.pmdBitReversed ? reversed(model.lldp.pmd) : model.lldp.pmd,
    mau: model.lldp.mau,
  });
  if (model.power.class === 4) tlvs.push(powerViaMdi(model.power.lldpTenthsOfWatt, identity));
  tlvs.push(
    { kind: 'medCapabilities', capabilities: MED_CAPABILITIES, deviceType: lldp.MED_CLASS.endpoint3 },
    policy(lldp.APPLICATION.voice, identity.policies),
    policy(lldp.APPLICATION.voiceSignaling, identity.policies),
    {
      kind: 'medPower',
      type: PD,
      source: identity.externalPower ? SOURCE_LOCAL : SOURCE_PSE,
      priority: 0,
      tenths: model.power.lldpTenthsOfWatt,
    },
    inventory('hardwareRevision', board.hardwareRevision),
    inventory('firmwareRevision', model.lldp.firmwareRevision),
    inventory('softwareRevision', identity.load),
    inventory('serialNumber', board.serial),
    inventory('manufacturerName', 'Cisco Systems, Inc.'),
    inventory('modelName', model.productId),
    inventory('assetId', identity.assetId),
  );
  return {
    chassisId:
      tunables['lldp.chassisId'] === 'address'
        ? { kind: 'ipv4', address: identity.address ?? 0 }
        : { kind: 'mac', mac: board.mac },
    portId: { kind: 'text', subtype: lldp.LOCALLY_ASSIGNED, text: `${macDigits(board)}:P1` },
    ttl: model.lldp.ttlSeconds,
    tlvs,
  };
}

function policy(application: number, own: OwnPolicies | null): lldp.Tlv {
  const isVoice = application === lldp.APPLICATION.voice;
  const priority = isVoice ? own?.priority : own?.signalingPriority;
  const dscp = isVoice ? own?.dscp : own?.signalingDscp;
  return {
    kind: 'medPolicy',
    application,
    unknown: own === null,
    tagged: own !== null && own.vlan !== null,
    vlan: own?.vlan ?? 0,
    priority: priority ?? DEFAULT_PRIORITY,
    dscp: dscp ?? DEFAULT_DSCP,
  };
}

function powerViaMdi(requested: number, identity: LldpIdentity): lldp.Tlv {
  return {
    kind: 'powerViaMdi',
    support: POWER_SUPPORT,
    pair: SIGNAL_PAIR,
    powerClass: 4 + 1,
    classification: {
      type: PD_TYPE_2,
      source: identity.externalPower ? SOURCE_LOCAL : SOURCE_PSE,
      priority: 0,
      requested,
      allocated: identity.allocatedTenths ?? INITIAL_TENTHS,
    },
    rest: new Uint8Array(0),
  };
}

/** An inventory string has at most 32 octets (TIA-1057 10.2.6). */
function inventory(item: keyof typeof lldp.INVENTORY, text: string): lldp.Tlv {
  return { kind: 'medInventory', subtype: lldp.INVENTORY[item], text: text.slice(0, 32) };
}

/** The 7971 sends `80 36` where `6c 01` is meant. */
function reversed(bits: number): number {
  let result = 0;
  for (let bit = 0; bit < 16; bit++) if (bits & (1 << bit)) result |= 0x8000 >>> bit;
  return result;
}

function macDigits(board: Board): string {
  return board.mac.toString(16).toUpperCase().padStart(12, '0');
}
