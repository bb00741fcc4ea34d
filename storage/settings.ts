/**
 * What people set on the phone. The administrator's settings say how the phone finds its network; preferences are the user's. Both outlive
 * a change of firmware, a factory reset clears both. Values are text, as on the phone's settings menu and in `sepia flash set`.
 */

import type { Ipv4 } from '../hal/nic.ts';
import { octetsOf, parseHex, textOf } from './ascii.ts';
import { parseBase64 } from './base64.ts';
import type { RecordStore } from './record-store.ts';

/** First parts of the keys in the settings region. The firmware keeps what it must remember itself (its lease) under `state/`. */
const ADMINISTRATOR = 'admin/';
export const USER = 'user/';
export const STATE = 'state/';

interface Rule {
  readonly group: typeof ADMINISTRATOR | typeof USER;
  /** What a value has to be, for people: "… must be <expected>". */
  readonly expected: string;
  readonly accepts: (text: string) => boolean;
  /** Shown as `***`, also in what is said about a wrong one. */
  readonly secret?: true;
}

const HOST_NAME = /^(?=.{1,253}$)(?!.*[A-Za-z0-9-]{64})[A-Za-z0-9][A-Za-z0-9.-]*$/;

const administrator = (expected: string, accepts: Rule['accepts']): Rule => ({
  group: ADMINISTRATOR,
  expected,
  accepts,
});
const level = (max: number): Rule => ({
  group: USER,
  expected: `a whole number from 0 to ${max}`,
  accepts: (text) => isWholeNumber(text, 0, max),
});

/** An RSA key of 4,096 bits takes 736 characters. */
const MAX_KEY_TEXT = 1_024;

const onOff = administrator('on or off', (text) => text === 'on' || text === 'off');
const host = administrator('an IPv4 address of a station, like 10.0.0.5', (text) => isStation(text));
const vlan = administrator('a VLAN from 1 to 4094', (text) => isWholeNumber(text, 1, 4094));

/** All settings, by name. */
export const SETTINGS = {
  dhcp: onOff,
  address: host,
  mask: administrator('a subnet mask, like 255.255.255.0', (text) => isMask(text)),
  router: host,
  dns1: host,
  dns2: host,
  domain: administrator('a domain name', (text) => HOST_NAME.test(text)),
  alternateTftp: onOff,
  tftp1: host,
  tftp2: host,
  adminVlan: vlan,
  firmwareKey: administrator(
    'an RSA public key: SubjectPublicKeyInfo, DER, in base64',
    (text) => text.length <= MAX_KEY_TEXT && parseBase64(text) !== null,
  ),
  capfString: {
    ...administrator('the authentication string of CAPF: 4 to 10 digits', (text) => /^[0-9]{4,10}$/.test(text)),
    secret: true,
  },
  configurationKey: {
    ...administrator('an AES-128 key: 32 hexadecimal digits', (text) => /^[0-9a-fA-F]{32}$/.test(text)),
    secret: true,
  },
  ringVolume: level(15),
  contrast: level(15),
  ringTone: { group: USER, expected: 'a name of 1 to 40 characters', accepts: (text) => /^[ -~]{1,40}$/.test(text) },
} as const satisfies Record<string, Rule>;

/** What is shown instead of a secret. */
const SECRET = '***';

export type SettingName = keyof typeof SETTINGS;

/** How the phone finds its network, as the administrator wants it. */
export interface NetworkSettings {
  readonly dhcp: boolean;
  /** What is used when `dhcp` is off; null where nothing is set. */
  readonly address: Ipv4 | null;
  readonly mask: Ipv4 | null;
  readonly router: Ipv4 | null;
  readonly dns: readonly Ipv4[];
  readonly domain: string | null;
  /** TFTP servers to ask before and instead of what DHCP says; empty unless alternate TFTP is on. */
  readonly alternateTftp: readonly Ipv4[];
  readonly adminVlan: number | null;
}

export class Settings {
  readonly #store: RecordStore;

  /** @param store the open settings region. */
  constructor(store: RecordStore) {
    this.#store = store;
  }

  get(name: SettingName): string | null {
    const octets = this.#store.get(SETTINGS[name].group + name);
    return octets === null ? null : textOf(octets);
  }

  /** Null, or a sentence saying what is wrong. An empty text takes the setting back. */
  set(name: string, text: string): string | null {
    if (!isSettingName(name)) return `There is no setting "${name}"; there are ${Object.keys(SETTINGS).join(', ')}.`;
    const rule: Rule = SETTINGS[name];
    if (text === '') {
      this.#store.delete(rule.group + name);
      return null;
    }
    if (!rule.accepts(text)) return `${name} must be ${rule.expected}, not "${rule.secret ? SECRET : text}".`;
    return this.#store.set(rule.group + name, octetsOf(text));
  }

  /** What is set, in the order of the table; secrets as `***`. */
  list(): [SettingName, string][] {
    const settings: [SettingName, string][] = [];
    for (const name of Object.keys(SETTINGS) as SettingName[]) {
      const text = this.get(name);
      if (text !== null) settings.push([name, shownSetting(name, text)]);
    }
    return settings;
  }

  network(): NetworkSettings {
    const address = (name: SettingName): Ipv4 | null => parseIpv4(this.get(name) ?? '');
    const both = (first: SettingName, second: SettingName): Ipv4[] =>
      [address(first), address(second)].filter((value) => value !== null);
    const adminVlan = this.get('adminVlan');
    return {
      dhcp: this.get('dhcp') !== 'off',
      address: address('address'),
      mask: address('mask'),
      router: address('router'),
      dns: both('dns1', 'dns2'),
      domain: this.get('domain'),
      alternateTftp: this.get('alternateTftp') === 'on' ? both('tftp1', 'tftp2') : [],
      adminVlan: adminVlan === null ? null : Number(adminVlan),
    };
  }

  /** The key that signs `.loads` files, DER: the one that is built into a real phone, and not public. Null leaves their signatures alone. */
  firmwareKey(): Uint8Array | null {
    const text = this.get('firmwareKey');
    return text === null ? null : parseBase64(text);
  }

  /** What opens a configuration that is encrypted with a key that a person types. Null without one; a key of nothing but zeros takes it back, as on the phone. */
  configurationKey(): Uint8Array | null {
    const key = parseHex(this.get('configurationKey') ?? '');
    return key?.some((octet) => octet !== 0) ? key : null;
  }

  /** Administrator's settings, preferences and what the firmware remembered: all gone, or, after a power cut, all still there. */
  factoryReset(): void {
    this.#store.clear('');
  }
}

/** The text as it may be told: a secret as `***`. */
export function shownSetting(name: string, text: string): string {
  const rule: Rule | null = isSettingName(name) ? SETTINGS[name] : null;
  return rule?.secret && text !== '' ? SECRET : text;
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

function isWholeNumber(text: string, min: number, max: number): boolean {
  return /^(0|[1-9][0-9]{0,8})$/.test(text) && Number(text) >= min && Number(text) <= max;
}

/** Null for anything but four decimal numbers from 0 to 255. */
export function parseIpv4(text: string): Ipv4 | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => isWholeNumber(part, 0, 255))) return null;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** An address that one station can have: not 0/8, not loopback, not multicast or above. */
function isStation(text: string): boolean {
  const first = Math.floor((parseIpv4(text) ?? 0) / 2 ** 24);
  return first >= 1 && first <= 223 && first !== 127;
}

function isMask(text: string): boolean {
  const mask = parseIpv4(text);
  if (mask === null || mask === 0) return false;
  const hosts = ~mask >>> 0;
  return (hosts & (hosts + 1)) === 0;
}
