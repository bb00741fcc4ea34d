/**
 * What a phone says, first thing on a connection on which it is going to register, about why it was last out of service: the text of
 * Alarm (0x20), and the XML of XMLAlarm (0x15A) that newer loads send beside it. Forms after logs of real phones; the numbers are those of
 * the enumeration ReasonForOutOfService in CUCM's alarm catalogue (LastOutOfServiceInformation).
 */
import type { Ipv4 } from '../../../hal/nic.ts';

/** Number and text. Number 0 marks texts that are sent without one. */
export const OUT_OF_SERVICE = {
  'tcp-timeout': [10, 'TCP-timeout'],
  'cm-reset-tcp': [12, 'CM-reset-TCP'],
  'cm-aborted-tcp': [13, 'CM-aborted-TCP'],
  'cm-closed-tcp': [14, 'CM-closed-TCP'],
  'keepalive-timeout': [15, 'KeepaliveTO'],
  'address-lost': [16, 'IP-address-lost'],
  'registration-timeout': [17, 'Registration-TO'],
  failback: [18, 'Failback'],
  keypad: [20, 'Phone-Keypad'],
  reset: [22, 'Reset-Reset'],
  restart: [23, 'Reset-Restart'],
  rejected: [24, 'Phone-Reg-Rej'],
  initialized: [25, 'Initialized'],
  'invalid-message': [32, 'Invalid SCCP message!'],
  'bad-ack': [0, 'TCP-Bad-ACK'],
  'cm-naked': [0, 'CM-NAKed'],
  unreachable: [0, 'CM-ICMP-Unreach'],
  're-ip': [0, 'Phone-Re-IP'],
  'load-rejected': [0, 'Load Rejected HC'],
  abort: [0, 'Phone-Abort'],
} as const satisfies Record<string, readonly [number, string]>;

export type OutOfServiceReason = keyof typeof OUT_OF_SERVICE;

/** A load's name as phones abbreviate it in alarms: `SCCP75.9-4-2SR3-1S` is `9.4(2SR3.1S)`. Other names stay as they are. */
export function loadVersion(load: string): string {
  const match = /^[A-Za-z0-9]+\.(\d+)-(\d+)-(.+)$/.exec(load);
  return match === null ? load : `${match[1]}.${match[2]}(${match[3]!.replaceAll('-', '.')})`;
}

/**
 * `25: Name=SEPB8BEBF227D79 Load= 9.4(2SR3.1S) Last=Initialized`.
 *
 * @param unknownId the message that was not understood, for `invalid-message`, whose form differs
 */
export function alarmText(deviceName: string, load: string, reason: OutOfServiceReason, unknownId = 0): string {
  const [number, text] = OUT_OF_SERVICE[reason];
  const head = `Name=${deviceName} Load= ${loadVersion(load)}`;
  if (reason === 'invalid-message') return `${number}: ${head} : ${text} : ID :${unknownId.toString(16)}:`;
  return number === 0 ? `${head} Last=${text}` : `${number}: ${head} Last=${text}`;
}

/** What XMLAlarm reports. Enumerations are CUCM's numbers; null is an element without a value. */
export interface OutOfServiceReport {
  readonly deviceName: string;
  /** `10.0.0.5/24` */
  readonly address: string;
  readonly gateway: string;
  readonly modelNumber: string;
  readonly neighbor: { readonly address: string; readonly deviceId: string; readonly portId: string } | null;
  readonly dhcpStatus: number;
  readonly tftpConfigStatus: number;
  readonly voiceVlan: number | null;
  /** Null when nothing is connected. */
  readonly connection: { readonly callManager: Ipv4; readonly localPort: number } | null;
  /** Milliseconds since 1970. */
  readonly timeStamp: number;
  /** Null on the first start. */
  readonly reason: OutOfServiceReason | null;
  /** `39:Unregister` */
  readonly lastEventSent: string;
  /** `159:Reset` */
  readonly lastEventReceived: string;
}

/** Of a phone without a voice VLAN. */
const NO_VOICE_VLAN = 4095;

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function dotted(address: Ipv4): string {
  return [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.');
}

/** The XML text. Not well-formed when nothing is connected, as on real phones: a server takes it as text. */
export function xmlAlarm(report: OutOfServiceReport): string {
  const { neighbor, connection, reason } = report;
  const string = (name: string, value: string) => `<String name="${name}">${escaped(value)}</String>`;
  const number = (name: string, value: number | '') => `<Enum name="${name}">${value}</Enum>`;
  return [
    '<x-cisco-alarm>',
    '<Alarm Name="LastOutOfServiceInformation">',
    '<ParameterList>',
    string('DeviceName', report.deviceName),
    string('DeviceIPv4Address', report.address),
    string('IPv4DefaultGateway', report.gateway),
    string('DeviceIPv6Address', ''),
    string('IPv6DefaultGateway', ''),
    string('ModelNumber', report.modelNumber),
    string('NeighborIPv4Address', neighbor?.address ?? ''),
    string('NeighborIPv6Address', ''),
    string('NeighborDeviceID', neighbor?.deviceId ?? ''),
    string('NeighborPortID', neighbor?.portId ?? ''),
    number('DHCPv4Status', report.dhcpStatus),
    number('DHCPv6Status', 0),
    number('TFTPCfgStatus', report.tftpConfigStatus),
    number('DNSStatusUnifiedCM1', 0),
    number('DNSStatusUnifiedCM2', 0),
    number('DNSStatusUnifiedCM3', 0),
    string('VoiceVLAN', String(report.voiceVlan ?? NO_VOICE_VLAN)),
    `<String name="UnifiedCMIPAddress">${connection === null ? '<not open>' : dotted(connection.callManager)}</String>`,
    string('LocalPort', String(connection?.localPort ?? -1)),
    string('TimeStamp', String(report.timeStamp)),
    number('ReasonForOutOfService', reason === null ? '' : OUT_OF_SERVICE[reason][0]),
    string('LastProtocolEventSent', report.lastEventSent),
    string('LastProtocolEventReceived', report.lastEventReceived),
    '</ParameterList>',
    '</Alarm>',
    '</x-cisco-alarm>',
  ].join('\n');
}
