/** What a phone says of itself when it registers: the messages that follow from its model. */
import type { ModelRow } from '../../../hal/board.ts';
import type { Ipv4, Mac } from '../../../hal/nic.ts';
import type { TunableValues } from '../../../hal/tunables.ts';
import { alarmText, type OutOfServiceReason } from '../../wire/sccp/alarm.ts';
import { ALARM_SEVERITY, CODEC } from '../../wire/sccp/codes.ts';
import type { Dialect, Outgoing } from '../../wire/sccp/message.ts';

export interface SccpIdentity {
  readonly model: ModelRow;
  readonly deviceName: string;
  readonly mac: Mac;
  /** The load that runs, as Register and the alarms name it. */
  readonly load: string;
}

/** Protocol versions from which phones write their second generation of messages: UpdateCapabilities, Register with a load name. */
const NEWER_PHONES = 15;
/** Phones up to here still send IpPort after Register. */
const OLDER_PHONES = 11;
const NEWEST_PHONES = 22;

/** UTF-8, in the second feature octet of Register (body offset 42). */
const FEATURE_UTF8 = 0x10;

/** RTP streams offered. Captures of a phone show 5. */
const MAX_STREAMS = 5;
/** As a 7941 sends it. */
const IPV4_ADDRESS_SCOPE = 3;
/** Body that holds the version stamp of the configuration too. */
const REGISTER_WITH_STAMP = 172;

/** `maxFramesPerPacket` is in milliseconds. As a 7961 lists them. */
const AUDIO_CAPABILITIES = [
  { codec: CODEC.wideBand256k, maxFramesPerPacket: 40 },
  { codec: CODEC.g711Ulaw, maxFramesPerPacket: 40 },
  { codec: CODEC.g711Alaw, maxFramesPerPacket: 40 },
  { codec: CODEC.g729AnnexB, maxFramesPerPacket: 60 },
  { codec: CODEC.g729AnnexAB, maxFramesPerPacket: 60 },
  { codec: CODEC.g729, maxFramesPerPacket: 60 },
  { codec: CODEC.g729AnnexA, maxFramesPerPacket: 60 },
  { codec: CODEC.rfc2833, maxFramesPerPacket: 1 },
] as const;

/** What this phone really speaks. */
const SPOKEN_CAPABILITIES = AUDIO_CAPABILITIES.filter(
  ({ codec }) => codec === CODEC.g711Ulaw || codec === CODEC.g711Alaw,
);

/** Real media ports are even and in this range. */
const FIRST_MEDIA_PORT = 16_384;
const MEDIA_PORTS = 8_192;

export function dialectOf(model: ModelRow, version: number): Dialect {
  return {
    version,
    headerVersion: model.sccp.headerVersion === 'zero' ? 0 : version,
    utf8: (model.sccp.features[1] & FEATURE_UTF8) !== 0,
  };
}

function macOctets(mac: Mac): Uint8Array {
  const octets = new Uint8Array(12);
  let left = mac;
  for (let k = 5; k >= 0; k--) {
    octets[k] = left % 256;
    left = Math.floor(left / 256);
  }
  return octets;
}

function registerMessage(
  { model, deviceName, mac, load }: SccpIdentity,
  ownAddress: Ipv4,
  versionStamp: string,
  tunables: TunableValues,
): Outgoing {
  const { version, features, instance } = model.sccp;
  const rule = tunables['sccp.versionStamp'];
  const stamped =
    versionStamp !== '' &&
    version >= NEWER_PHONES &&
    (rule === 'always' || (rule === 'newest' && version >= NEWEST_PHONES));
  return {
    type: 'RegisterReq',
    ...(stamped ? { bodyLength: REGISTER_WITH_STAMP } : {}),
    deviceName,
    instance,
    stationIpAddr: ownAddress,
    deviceType: model.deviceType,
    maxStreams: MAX_STREAMS,
    protocolVer: version,
    features0: features[0],
    features1: features[1],
    features2: features[2],
    mac: macOctets(mac),
    ipv4AddressScope: IPV4_ADDRESS_SCOPE,
    maxNumberOfLines: model.lines,
    loadName: load,
    configVersionStamp: stamped ? versionStamp : '',
  };
}

export function tokenMessage({ model, deviceName }: SccpIdentity, ownAddress: Ipv4): Outgoing {
  const { instance } = model.sccp;
  return { type: 'RegisterTokenReq', deviceName, instance, stationIpAddr: ownAddress, deviceType: model.deviceType };
}

/** IpPort of old phones, null for others. `chance` is uniform over 32 bits. */
function ipPortMessage(model: ModelRow, chance: number): Outgoing | null {
  if (model.sccp.version > OLDER_PHONES) return null;
  return { type: 'IpPort', rtpMediaPort: FIRST_MEDIA_PORT + 2 * (chance % MEDIA_PORTS) };
}

/** Why the phone was last out of service; `unknownId` belongs to `invalid-message`. */
export interface LastAlarm {
  readonly reason: OutOfServiceReason;
  readonly unknownId?: number;
  readonly xml?: string;
}

/** What is said on a new connection: why the phone was away, then Register, and IpPort by old phones. @param chance uniform over 32 bits */
export function openingMessages(
  identity: SccpIdentity,
  ownAddress: Ipv4,
  { reason, unknownId, xml }: LastAlarm,
  versionStamp: string,
  tunables: TunableValues,
  chance: number,
): Outgoing[] {
  const invalid = reason === 'invalid-message';
  const alarm: Outgoing = {
    type: 'Alarm',
    severity: invalid ? ALARM_SEVERITY.critical : ALARM_SEVERITY.informational,
    text: alarmText(identity.deviceName, identity.load, reason, unknownId),
    // The address in network order, read as the little-endian number that the field is.
    param2: invalid ? 0 : swapped(ownAddress),
  };
  const ipPort = ipPortMessage(identity.model, chance);
  return [
    alarm,
    ...(xml === undefined ? [] : [{ type: 'XMLAlarm', xml: asciiWithNul(xml) } as const]),
    registerMessage(identity, ownAddress, versionStamp, tunables),
    ...(ipPort === null ? [] : [ipPort]),
  ];
}

function swapped(address: Ipv4): number {
  return (((address & 0xff) << 24) | ((address & 0xff00) << 8) | ((address >>> 8) & 0xff00) | (address >>> 24)) >>> 0;
}

function asciiWithNul(text: string): Uint8Array {
  const octets = new Uint8Array(text.length + 1);
  for (let k = 0; k < text.length; k++) octets[k] = text.charCodeAt(k);
  return octets;
}

/** The form of capabilities that the phone and the server's version allow: servers of version 0 (FreeSWITCH) know the old one only. */
export function capabilitiesMessage(model: ModelRow, negotiated: number, tunables: TunableValues): Outgoing {
  const caps = tunables['media.codecs'] === 'as-model' ? AUDIO_CAPABILITIES : SPOKEN_CAPABILITIES;
  return model.sccp.version >= NEWER_PHONES && negotiated >= NEWER_PHONES
    ? { type: 'UpdateCapabilities', audioCaps: caps }
    : { type: 'CapabilitiesRes', caps };
}
