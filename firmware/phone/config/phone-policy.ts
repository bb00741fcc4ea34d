import type { TosOctets } from '../marking.ts';
import type { PhoneConfiguration } from './phone-configuration.ts';

/** What a configuration says about the network access of a phone and about the files that belong to it. Kept while the phone runs, and in flash. */
export interface PhonePolicy {
  readonly tos: TosOctets;
  /** The `garp` element as it stands; null when there is none. Its polarity is disputed (`arp.gratuitous`). */
  readonly garp: string | null;
  readonly cdp: boolean;
  readonly lldp: boolean;
  readonly powerNegotiation: boolean;
  /** Phones of the subnet are asked for a load first; absent where they are not, and in what older loads saved. */
  readonly peerFirmwareSharing?: true;
  /** `lldpAssetId`; empty for none. */
  readonly assetId: string;
  /** 0 off, 1 on, 2 restricted. */
  readonly settingsAccess: 0 | 1 | 2;
  /** Unlocks the settings menu instead of `**#`; empty for none. */
  readonly phonePassword: string;
  readonly softKeyFile: string | null;
  readonly dialTemplate: string | null;
  /** Folder of the tones; null for the built-in network locale. */
  readonly networkLocale: string | null;
  /** Folder of the dictionaries; null for the built-in language. */
  readonly userLocale: string | null;
}

/** Locales that are in the load and need no file. */
const BUILT_IN_NETWORK_LOCALES = ['', 'United_States'];
const BUILT_IN_USER_LOCALES = ['', 'English_United_States'];

export function policyOf(configuration: PhoneConfiguration): PhonePolicy {
  const { vendorConfig, sipProfile } = configuration;
  const audio = sipProfile?.settings.get('dscpForAudio');
  const off = (name: string): boolean => vendorConfig.get(name) === '0';
  const access = vendorConfig.get('settingsAccess');
  const named = (name: string, builtIn: readonly string[]): string | null => (builtIn.includes(name) ? null : name);
  return {
    tos: {
      voice: octetOf(audio),
      signalling: octetOf(String(configuration.dscpForCm2Dvce)),
      files: octetOf(String(configuration.dscpForSCCPPhoneConfig)),
    },
    garp: vendorConfig.get('garp') ?? null,
    cdp: !off('enableCdpSwPort'),
    lldp: !off('enableLldpSwPort'),
    powerNegotiation: !off('powerNegotiation'),
    ...(vendorConfig.get('peerFirmwareSharing') === '1' ? { peerFirmwareSharing: true } : {}),
    assetId: vendorConfig.get('lldpAssetId') ?? '',
    settingsAccess: access === '0' ? 0 : access === '2' ? 2 : 1,
    phonePassword: configuration.phonePassword,
    softKeyFile: configuration.softKeyFile,
    dialTemplate: configuration.dialTemplate,
    networkLocale: named(configuration.networkLocale, BUILT_IN_NETWORK_LOCALES),
    userLocale: named(configuration.userLocale.name, BUILT_IN_USER_LOCALES),
  };
}

function octetOf(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,3}$/.test(text)) return null;
  const octet = Number(text);
  return octet > 0 && octet <= 255 ? octet : null;
}
