/** What `SEP<MAC>.cnf.xml` and `XMLDefault.cnf.xml` tell the phone, typed. Element names are kept wherever a name of ours would not say more. */

import type { Settings } from './settings.ts';

export type SecurityMode = 'none' | 'authenticated' | 'encrypted';

export interface NtpServer {
  readonly name: string;
  readonly ntpMode: string;
}

export interface CallManagerMember {
  /** 0 is tried first. */
  readonly priority: number;
  readonly name: string;
  /** processNodeName: an address as text, or a name. */
  readonly host: string;
  readonly ethernetPhonePort: number;
  readonly securedEthernetPhonePort: number;
  readonly sipPort: number;
  readonly securedSipPort: number;
}

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface SrstInfo {
  /** `Disable`, `Enable` or `UserSet`. */
  readonly srstOption: string;
  readonly userModifiable: boolean;
  readonly isSecure: boolean;
  readonly sccp: readonly HostAndPort[];
  readonly sip: readonly HostAndPort[];
}

export interface DevicePool {
  readonly name: string;
  readonly revertPriority: number;
  readonly dateTimeSetting: {
    readonly name: string;
    /** `D/M/Y`, with `A` for twelve hours and `YY` for four digits of the year. */
    readonly dateTemplate: string;
    /** As Windows names it. */
    readonly timeZone: string;
    readonly olsonTimeZone: string;
    readonly ntps: readonly NtpServer[];
  };
  readonly callManagerGroup: { readonly name: string; readonly tftpDefault: boolean };
  /** Seconds that a better call manager must stay reachable before the phone goes back to it. */
  readonly connectionMonitorDuration: number;
}

export interface LocaleInfo {
  readonly name: string;
  readonly uid: string;
  readonly langCode: string;
  readonly version: string;
  readonly winCharSet: string;
}

/** One line of `<loadInformationN model="…">` in XMLDefault: the load for all phones of a model. */
export interface ModelLoad {
  /** Device type enumeration, the N. */
  readonly deviceType: number;
  readonly model: string;
  readonly load: string;
}

export interface PhoneService {
  /** 0 applications, 1 directories, 2 messages. */
  readonly type: number;
  readonly category: number;
  readonly name: string;
  readonly url: string;
}

/** `<…URL>` elements without that ending; empty when unset. */
export const URL_NAMES = Object.freeze([
  'authentication',
  'directory',
  'idle',
  'information',
  'messages',
  'proxyServer',
  'services',
  'secureAuthentication',
  'secureDirectory',
  'secureIdle',
  'secureInformation',
  'secureMessages',
  'secureServices',
] as const);

export type UrlName = (typeof URL_NAMES)[number];

export interface SipLine {
  readonly button: number;
  /** 9 is a line. */
  readonly featureID: number;
  /** All plain elements of the line by name. */
  readonly settings: Settings;
}

export interface AddOnModule {
  readonly idx: number;
  readonly deviceType: string;
  readonly loadInformation: string;
}

export interface PhoneConfiguration {
  /** Root element: the phone's own file, or the one for all phones. */
  readonly root: 'device' | 'Default';
  /** False in the partial file that stands in for an encrypted one. */
  readonly fullConfig: boolean;
  /** Null when the file does not say: the running load's own. */
  readonly deviceProtocol: 'SCCP' | 'SIP' | null;
  readonly sshUserId: string;
  readonly sshPassword: string;
  /** 0 IPv4, 1 IPv6, 2 both. */
  readonly ipAddressMode: number;
  readonly devicePool: DevicePool;
  /** By priority. */
  readonly callManagers: readonly CallManagerMember[];
  readonly srstInfo: SrstInfo;
  /** Trust verification services, by priority. */
  readonly tvs: readonly (HostAndPort & { readonly priority: number })[];
  /** Opaque. */
  readonly versionStamp: string;
  /** Without `.loads`; null keeps the running load. */
  readonly loadInformation: string | null;
  readonly inactiveLoadInformation: string | null;
  /** XMLDefault only. */
  readonly modelLoads: readonly ModelLoad[];
  /** Null when the file does not say. */
  readonly autoRegistration: boolean | null;
  readonly deviceSecurityMode: SecurityMode;
  readonly transportLayerProtocol: 'tcp' | 'udp' | 'tls';
  readonly userLocale: LocaleInfo;
  readonly networkLocale: string;
  readonly networkLocaleInfo: Pick<LocaleInfo, 'name' | 'uid' | 'version'>;
  readonly phonePassword: string;
  readonly backgroundImageAccess: boolean;
  readonly callLogBlfEnabled: number;
  /** enterpriseConfig below commonConfig below vendorConfig: the nearest that is not empty. Polarity is each element's own. */
  readonly vendorConfig: Settings;
  readonly addOnModules: readonly AddOnModule[];
  readonly softKeyFile: string | null;
  readonly dialTemplate: string | null;
  readonly featurePolicyFile: string | null;
  /** 1 password, 2 no password, 3 LSC or else MIC, 4 MIC, 0 none. */
  readonly capfAuthMode: number;
  readonly capfList: readonly HostAndPort[];
  /** Hash of the certificate that the encrypted configuration is made for. */
  readonly certHash: string;
  readonly encrConfig: boolean;
  /** Seconds; 0 is off. */
  readonly idleTimeout: number;
  readonly urls: Readonly<Record<UrlName, string>>;
  /** Octets of the IPv4 ToS field. */
  readonly dscpForSCCPPhoneConfig: number;
  readonly dscpForSCCPPhoneServices: number;
  readonly dscpForCm2Dvce: number;
  /** Seconds. */
  readonly tlsResumptionTimer: number;
  readonly phoneServices: {
    readonly useHttps: boolean;
    /** 0 these, 1 the URLs, 2 both. */
    readonly provisioning: number;
    readonly services: readonly PhoneService[];
  };
  /** Null when the file has none. `settings` holds all that has no field of its own, by name, at whatever depth. */
  readonly sipProfile: { readonly settings: Settings; readonly lines: readonly SipLine[] } | null;
  /** What was odd and went unused, with its line: for the engineer, the phone itself says nothing. */
  readonly remarks: readonly string[];
}

/** The load that the file names for a phone: its own, or by its device type. Null keeps the running one. */
export function loadFor(configuration: PhoneConfiguration, deviceType: number): string | null {
  if (configuration.root === 'device') return configuration.loadInformation;
  const entry = configuration.modelLoads.find((one) => one.deviceType === deviceType);
  return entry === undefined || entry.load === '' ? null : entry.load;
}

/** One line for people. No secrets. */
export function describeConfiguration(configuration: PhoneConfiguration): string {
  const { root, deviceProtocol, callManagers, loadInformation, modelLoads, versionStamp } = configuration;
  const nodes = callManagers.map(({ host, ethernetPhonePort, sipPort }) => {
    return `${host}:${deviceProtocol === 'SIP' ? sipPort : ethernetPhonePort}`;
  });
  const parts = [root === 'device' ? (deviceProtocol ?? 'no protocol named') : 'default for all phones'];
  parts.push(nodes.length === 0 ? 'no call manager' : `call managers ${nodes.join(' ')}`);
  if (root === 'device') parts.push(loadInformation === null ? 'keeps its load' : `load ${loadInformation}`);
  else parts.push(`loads for ${modelLoads.length} models`);
  parts.push(`security ${configuration.deviceSecurityMode}`);
  if (configuration.encrConfig) parts.push('encrypted from the next start on');
  if (versionStamp !== '') parts.push(`version ${versionStamp}`);
  return parts.join(', ');
}
