/**
 * Tables of the messages by which a phone registers, keeps its registration alive and gives it up, and of what it learns on the way.
 *
 * Layouts after Wireshark's skinny dissector and chan-sccp's `sccp_protocol.h`, checked by their authors and by captures of CallManager 2.x
 * to 4.1 and of real 7961 and 6901 phones. Names are theirs. `layout(fields, [[version, length], ...])` gives the length of the body that is
 * written from a version on; bodies are read by what is there.
 */
import { ALL, address, array, ip4, layout, message, octets, pad, rest, string, text, u8, u16s, u32 } from './field.ts';

const REGISTER = {
  deviceName: text(16),
  /** User identifier; phones send 0. */
  reserved: u32,
  instance: u32,
  stationIpAddr: ip4,
  deviceType: u32,
  maxStreams: u32,
  activeStreams: u32,
  protocolVer: u8,
  features0: u8,
  features1: u8,
  features2: u8,
  maxConferences: u32,
  activeConferences: u32,
  /** Six octets and six zeros (7941), or twelve hexadecimal digits (6961). */
  mac: octets(12),
  ipv4AddressScope: u32,
  maxNumberOfLines: u32,
  stationIpv6Addr: octets(16),
  ipv6AddressScope: u32,
  loadName: text(32),
  configVersionStamp: text(48),
};

/** Bodies of 44 (7936), 64, 68 (7940, 7960), 124 and 172 octets occur; the last is written when asked for by `bodyLength`. */
const REGISTER_LENGTHS = [
  [0, 64],
  [11, 68],
  [15, 124],
] as const;

const NUMBER_LENGTH = 25;
const NAME_LENGTH = 121;

export const REGISTRATION = {
  KeepAliveReq: message(0x0000, {}),
  RegisterReq: message(0x0001, layout(REGISTER, REGISTER_LENGTHS)),
  IpPort: message(0x0002, { rtpMediaPort: u32 }),
  ForwardStatReq: message(0x0009, { lineInstance: u32 }),
  SpeedDialStatReq: message(0x000a, { speedDialNumber: u32 }),
  LineStatReq: message(0x000b, { lineInstance: u32 }),
  ConfigStatReq: message(0x000c, {}),
  TimeDateReq: message(0x000d, {}),
  ButtonTemplateReq: message(0x000e, {}),
  VersionReq: message(0x000f, {}),
  ServerReq: message(0x0012, {}),
  Alarm: message(0x0020, { severity: u32, text: text(80), param1: u32, param2: u32 }),
  SoftKeySetReq: message(0x0025, {}),
  /** Empty on old phones, a reason from version 15 on. */
  UnregisterReq: message(
    0x0027,
    layout({ reason: u32 }, [
      [0, 0],
      [15, 4],
    ]),
  ),
  SoftKeyTemplateReq: message(0x0028, {}),
  RegisterTokenReq: message(0x0029, {
    deviceName: text(16),
    reserved: u32,
    instance: u32,
    stationIpAddr: ip4,
    deviceType: u32,
    stationIpv6Addr: octets(16),
    unknown: u32,
  }),
  HeadsetStatus: message(0x002b, { status: u32 }),
  RegisterAvailableLines: message(0x002d, { maxLines: u32 }),
  ServiceURLStatReq: message(0x0033, { serviceUrlIndex: u32 }),
  FeatureStatReq: message(0x0034, { featureIndex: u32, featureCapabilities: u32 }),
  AddOnDeviceCapabilities: message(0x0159, {
    instance: u32,
    deviceType: u32,
    maxAllowed: u32,
    reserved: octets(24),
    text: text(128),
  }),
  /** Text, NUL at its end; not always well-formed XML, even from real phones. */
  XMLAlarm: message(0x015a, { xml: rest(2048) }),
  /** XML about the wireless location. */
  LocationInfo: message(0x0157, { xml: rest(2404) }),

  /** CallManager 2.x sends the first 12 octets only. */
  RegisterAck: message(0x0081, {
    keepAliveInterval: u32,
    dateTemplate: text(6),
    pad: pad(2),
    secondaryKeepAliveInterval: u32,
    protocolVer: u8,
    features0: u8,
    features1: u8,
    features2: u8,
  }),
  ForwardStatRes: message(
    0x0090,
    layout(
      {
        activeForward: u32,
        lineInstance: u32,
        allActive: u32,
        allNumber: text(25),
        busyActive: u32,
        busyNumber: text(25),
        noAnswerActive: u32,
        noAnswerNumber: text(25),
      },
      [],
      { since: 18, shortest: 95 },
    ),
    layout({
      activeForward: u32,
      lineInstance: u32,
      allActive: u32,
      allNumber: text(24),
      busyActive: u32,
      busyNumber: text(24),
      noAnswerActive: u32,
      noAnswerNumber: text(24),
    }),
  ),
  SpeedDialStatRes: message(0x0091, { speedDialNumber: u32, dirNumber: text(24), displayName: text(40) }),
  /** CallManager 2.x stops after the number, 3.1 after the first name, 3.3 before the options. */
  LineStatRes: message(0x0092, {
    lineInstance: u32,
    dirNumber: text(24),
    fullyQualifiedDisplayName: text(40),
    label: text(40),
    displayOptions: u32,
  }),
  ConfigStatRes: message(0x0093, {
    deviceName: text(16),
    reserved: u32,
    instance: u32,
    userName: text(40),
    serverName: text(40),
    numberOfLines: u32,
    numberOfSpeedDials: u32,
  }),
  DefineTimeDate: message(0x0094, {
    year: u32,
    month: u32,
    /** 0 is Sunday. */
    dayOfWeek: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    milliseconds: u32,
    /** Seconds since 1970-01-01T00:00:00Z; the fields before it are local time. */
    systemTime: u32,
  }),
  ButtonTemplateRes: message(0x0097, {
    offset: u32,
    count: u32,
    totalCount: u32,
    buttons: array(42, 'count', { instance: u8, type: u8 }),
  }),
  VersionRes: message(0x0098, { version: text(16) }),
  CapabilitiesReq: message(0x009b, {}),
  /** Free text, label codes in it; chan_skinny sends 33 octets. */
  RegisterReject: message(0x009d, layout({ text: text(33) }, [[0, 32]])),
  ServerRes: message(
    0x009e,
    layout(
      {
        serverName: array(5, ALL, { name: text(48) }),
        port: array(5, ALL, { port: u32 }),
        ip: array(5, ALL, { ip: address }),
      },
      [],
      { since: 17, shortest: 360 },
    ),
    layout({
      serverName: array(5, ALL, { name: text(48) }),
      port: array(5, ALL, { port: u32 }),
      ip: array(5, ALL, { ip: ip4 }),
    }),
  ),
  Reset: message(0x009f, { resetType: u32 }),
  KeepAliveAck: message(0x0100, {}),
  SoftKeyTemplateRes: message(0x0108, {
    offset: u32,
    count: u32,
    totalCount: u32,
    keys: array(32, 'count', { label: text(16), event: u32 }),
  }),
  SoftKeySetRes: message(0x0109, {
    offset: u32,
    count: u32,
    totalCount: u32,
    sets: array(16, 'count', {
      /** Places in the soft key template, counted from 1; 0 is none. */
      templateIndex: octets(16),
      /** 300 and the event. A hint only: what counts is the event at the place in the template. */
      infoIndex: u16s(16),
    }),
  }),
  UnregisterAck: message(0x0118, { status: u32 }),
  RegisterTokenAck: message(0x011a, {}),
  RegisterTokenReject: message(0x011b, { waitSeconds: u32 }),
  FeatureStatRes: message(0x011f, { featureIndex: u32, featureId: u32, label: text(40), status: u32 }),
  ServiceURLStatRes: message(0x012f, { serviceUrlIndex: u32, url: text(256), displayName: text(40) }),
  ConfigStatDynamicRes: message(0x0142, {
    deviceName: text(16),
    reserved: u32,
    instance: u32,
    numberOfLines: u32,
    numberOfSpeedDials: u32,
    userName: string(NAME_LENGTH),
    serverName: string(NAME_LENGTH),
  }),
  FeatureStatDynamicRes: message(0x0146, {
    featureIndex: u32,
    featureId: u32,
    status: u32,
    label: string(NAME_LENGTH),
  }),
  LineStatDynamicRes: message(0x0147, {
    lineInstance: u32,
    lineType: u32,
    dirNumber: string(NUMBER_LENGTH),
    fullyQualifiedDisplayName: string(NAME_LENGTH),
    label: string(NAME_LENGTH),
  }),
  ServiceURLStatDynamicRes: message(0x0148, {
    serviceUrlIndex: u32,
    url: string(256),
    displayName: string(NAME_LENGTH),
  }),
  SpeedDialStatDynamicRes: message(0x0149, {
    speedDialNumber: u32,
    dirNumber: string(NUMBER_LENGTH),
    displayName: string(NAME_LENGTH),
  }),
} as const;
