/** The plan of `sepia lab`: what its cluster is like and which devices it knows, as YAML. docs/lab.md describes it. */
import { parseMac } from '../device/identity.ts';
import { MODELS, modelNamed } from '../device/models.ts';
import type { ModelRow } from '../hal/board.ts';
import type { AutoRegistrationRange, DeviceRange, MacRange, NewDevice, VoiceVlan } from '../lab/public.ts';
import { SECURITY_MODES } from '../lab/public.ts';
import { PROTOCOLS } from './values.ts';
import { YamlFile, type YamlValue } from './yaml-file.ts';

/** What a plan says; what it does not say is as it would be without a plan. */
export interface LabPlan {
  readonly voiceVlan?: VoiceVlan;
  readonly dataVlan?: number;
  readonly callManagers?: number;
  readonly autoRegistration?: AutoRegistrationRange;
  /** Of the call managers: up to 11.0 auto-registration does not go with mixed mode. */
  readonly release?: string;
  readonly keepaliveSeconds?: number;
  readonly strictCapabilities?: boolean;
  /** Seconds that a call manager which is back has to stay before phones return to it. */
  readonly connectionMonitorDuration?: number;
  readonly macs: readonly MacRange[];
  readonly devices: readonly (NewDevice | DeviceRange)[];
}

export const MOST_CALL_MANAGERS = 5;
const MOST_DEVICES = 65_000;
const MOST_NUMBER = 999_999_999;
const DEVICE_NAME = /^(?:SEP|SIP|BAT)[0-9A-F]{12}$/;

/** Throws UsageError with file, line and what is expected. */
export function readLabPlan(name: string): LabPlan {
  const { root } = new YamlFile(name);
  const keys = [
    'voiceVlan',
    'dataVlan',
    'callManagers',
    'autoRegistration',
    'release',
    'keepaliveSeconds',
    'strictCapabilities',
    'connectionMonitorDuration',
  ] as const;
  const { devices, macs, ...plan } = root.map(...keys, 'macs', 'devices');
  return {
    ...given('voiceVlan', plan.voiceVlan, (value) => (value.text() === 'none' ? 'none' : value.number(1, 4094))),
    ...given('dataVlan', plan.dataVlan, (value) => value.number(1, 4094)),
    ...given('callManagers', plan.callManagers, (value) => value.number(1, MOST_CALL_MANAGERS)),
    ...given('autoRegistration', plan.autoRegistration, readRange),
    ...given('release', plan.release, readRelease),
    ...given('keepaliveSeconds', plan.keepaliveSeconds, (value) => value.number(1, 3600)),
    ...given('strictCapabilities', plan.strictCapabilities, (value) => value.flag()),
    ...given('connectionMonitorDuration', plan.connectionMonitorDuration, (value) => value.number(0, 3600)),
    macs: macs?.list().map(readMacs) ?? [],
    devices: devices === undefined ? [] : readDevices(devices),
  };
}

/** A file of nothing but `devices`. Throws UsageError. */
export function readDeviceFile(name: string): LabPlan['devices'] {
  const { root } = new YamlFile(name);
  const { devices } = root.map('devices');
  return devices === undefined ? root.fail('has no devices.') : readDevices(devices);
}

/** Stations of a list of devices: a lab on a wire answers them. */
export function stationsOf(devices: LabPlan['devices']): MacRange[] {
  return devices.flatMap((device) => {
    if ('firstMac' in device) return [{ first: device.firstMac, last: device.firstMac + device.count - 1 }];
    const mac = Number.parseInt(device.name.slice(3), 16);
    return device.name.startsWith('BAT') ? [] : [{ first: mac, last: mac }];
  });
}

function given<K extends string, T>(
  key: K,
  value: YamlValue | undefined,
  read: (value: YamlValue) => T,
): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: read(value) } as Record<K, T>);
}

function readRange(value: YamlValue): AutoRegistrationRange {
  const { first, last, protocol } = value.map('first', 'last', 'protocol');
  const firstNumber = need(value, first, 'first').number(0, MOST_NUMBER);
  const lastNumber = need(value, last, 'last').number(firstNumber, MOST_NUMBER);
  return { firstNumber, lastNumber, ...given('protocol', protocol, (one) => one.oneOf(PROTOCOLS)) };
}

function readRelease(value: YamlValue): string {
  const text = value.text();
  return /^\d{1,2}\.\d{1,2}$/.test(text) ? text : value.fail(`takes a release as 8.6 or 14.0, not "${text}".`);
}

function readMacs(value: YamlValue): MacRange {
  const [first = '', last = first, ...more] = value.text().split('-');
  const range = { first: readMac(value, first), last: readMac(value, last) };
  if (more.length > 0 || range.last < range.first) value.fail('takes FIRST-LAST, or one address.');
  return range;
}

function readMac(value: YamlValue, text: string): number {
  const mac = parseMac(text);
  return typeof mac === 'number' ? mac : value.fail(`is no MAC address: ${mac}`);
}

function readDevices(value: YamlValue): (NewDevice | DeviceRange)[] {
  const devices = value.list().map(readDevice);
  const count = devices.reduce((sum, device) => sum + ('count' in device ? device.count : 1), 0);
  if (count > MOST_DEVICES) value.fail(`has ${count} devices; ${MOST_DEVICES} fit into the lab's network.`);
  const names = new Set<string>();
  for (const [index, device] of devices.entries()) {
    if ('firstMac' in device) continue;
    if (names.has(device.name)) value.list()[index]!.fail(`is the second ${device.name}.`);
    names.add(device.name);
  }
  return devices;
}

const COMMON = ['model', 'protocol', 'security', 'load', 'callManagers', 'speedDials'] as const;

function readDevice(value: YamlValue): NewDevice | DeviceRange {
  const its = value.map(...COMMON, 'name', 'description', 'lines', 'firstMac', 'count', 'firstNumber', 'lineCount');
  const row = readModel(need(value, its.model, 'model'));
  const common = {
    model: row.name,
    deviceType: row.deviceType,
    protocol: its.protocol === undefined ? row.protocols[0]! : its.protocol.oneOf(row.protocols),
    ...given('security', its.security, (one) => one.oneOf(SECURITY_MODES)),
    ...given('load', its.load, (one) => one.text()),
    ...given('callManagers', its.callManagers, (one) =>
      one.list().map((node) => node.number(1, MOST_CALL_MANAGERS) - 1),
    ),
    ...given('speedDials', its.speedDials, (one) => one.list().map(readSpeedDial)),
  };
  if (its.firstMac !== undefined) {
    for (const wrong of [its.name, its.description, its.lines]) wrong?.fail('does not go with firstMac.');
    const firstMac = readMac(its.firstMac, its.firstMac.text());
    return {
      ...common,
      firstMac,
      count: need(value, its.count, 'count').number(1, MOST_DEVICES),
      firstNumber: need(value, its.firstNumber, 'firstNumber').number(1, MOST_NUMBER),
      lineCount: its.lineCount?.number(1, 8) ?? 1,
    };
  }
  for (const wrong of [its.count, its.firstNumber, its.lineCount]) wrong?.fail('goes with firstMac only.');
  const name = need(value, its.name, 'name');
  const text = name.text().toUpperCase();
  if (!DEVICE_NAME.test(text)) name.fail(`takes SEP and 12 hexadecimal digits, not "${name.text()}".`);
  return {
    ...common,
    name: text,
    ...given('description', its.description, (one) => one.text()),
    lines: its.lines?.list().map(readLine) ?? [],
  };
}

function readModel(value: YamlValue): ModelRow {
  const text = value.text();
  return (
    modelNamed(text) ?? value.fail(`"${text}" is not known; there are ${MODELS.map(({ name }) => name).join(', ')}.`)
  );
}

function readLine(value: YamlValue): NonNullable<NewDevice['lines']>[number] {
  const { number, label, displayName, authName, authPassword } = value.map(
    'number',
    'label',
    'displayName',
    'authName',
    'authPassword',
  );
  const directoryNumber = readNumber(need(value, number, 'number'));
  return {
    directoryNumber,
    label: label?.text() ?? directoryNumber,
    displayName: displayName?.text() ?? '',
    ...given('authName', authName, (one) => one.text()),
    ...given('authPassword', authPassword, (one) => one.text()),
  };
}

function readSpeedDial(value: YamlValue): { number: string; label: string } {
  const { number, label } = value.map('number', 'label');
  const dialled = readNumber(need(value, number, 'number'));
  return { number: dialled, label: label?.text() ?? dialled };
}

function readNumber(value: YamlValue): string {
  const text = value.text();
  if (!/^[0-9*#+]{1,24}$/.test(text)) value.fail(`takes a directory number, not "${text}".`);
  return text;
}

function need(of: YamlValue, value: YamlValue | undefined, name: string): YamlValue {
  return value ?? of.fail(`has no ${name}.`);
}
