import type { PhoneConfiguration } from './phone-configuration.ts';
import { Settings } from './settings.ts';

type Writable<T> = T extends Settings
  ? Map<string, string>
  : T extends readonly (infer E)[]
    ? Writable<E>[]
    : T extends object
      ? { -readonly [K in keyof T]: Writable<T[K]> }
      : T;

/** A configuration while the parser fills it in, with what only the parser needs. */
export interface ConfigurationDraft extends Omit<Writable<PhoneConfiguration>, 'vendorConfig' | 'srstInfo'> {
  srstInfo: Omit<Writable<PhoneConfiguration['srstInfo']>, 'sccp' | 'sip'> & {
    sccp: Writable<SrstPlaces>;
    sip: Writable<SrstPlaces>;
  };
  vendorConfig: { enterprise: Map<string, string>; common: Map<string, string>; vendor: Map<string, string> };
}

/** `ipAddr1` to `ipAddr3` with `port1` to `port3`, wherever they stand in the file. */
type SrstPlaces = { readonly host: string; readonly port: number }[];

/** SCCP's well-known port (IANA). */
const SCCP_PORT = 2000;
const SIP_PORT = 5060;

/** All defaults: what an empty `<device/>` means. Values from usecallmanager.nz and the JAR defaults of the 7970 family. */
export function emptyDraft(root: PhoneConfiguration['root']): ConfigurationDraft {
  return {
    root,
    fullConfig: true,
    deviceProtocol: null,
    sshUserId: '',
    sshPassword: '',
    ipAddressMode: 0,
    devicePool: {
      name: '',
      revertPriority: 0,
      dateTimeSetting: { name: '', dateTemplate: 'M/D/Y', timeZone: '', olsonTimeZone: '', ntps: [] },
      callManagerGroup: { name: '', tftpDefault: true },
      connectionMonitorDuration: 120,
    },
    callManagers: [],
    srstInfo: {
      srstOption: 'Disable',
      userModifiable: false,
      isSecure: false,
      sccp: places(SCCP_PORT),
      sip: places(SIP_PORT),
    },
    tvs: [],
    versionStamp: '',
    loadInformation: null,
    inactiveLoadInformation: null,
    modelLoads: [],
    autoRegistration: null,
    deviceSecurityMode: 'none',
    transportLayerProtocol: 'tcp',
    userLocale: {
      name: 'English_United_States',
      uid: '1',
      langCode: 'en_US',
      version: '',
      winCharSet: 'iso-8859-1',
    },
    networkLocale: 'United_States',
    networkLocaleInfo: { name: 'United_States', uid: '64', version: '' },
    phonePassword: '',
    backgroundImageAccess: true,
    callLogBlfEnabled: 2,
    vendorConfig: { enterprise: new Map(), common: new Map(), vendor: new Map() },
    addOnModules: [],
    softKeyFile: null,
    dialTemplate: null,
    featurePolicyFile: null,
    capfAuthMode: 0,
    capfList: [],
    certHash: '',
    encrConfig: false,
    idleTimeout: 0,
    urls: {
      authentication: '',
      directory: '',
      idle: '',
      information: '',
      messages: '',
      proxyServer: '',
      services: '',
      secureAuthentication: '',
      secureDirectory: '',
      secureIdle: '',
      secureInformation: '',
      secureMessages: '',
      secureServices: '',
    },
    dscpForSCCPPhoneConfig: 96,
    dscpForSCCPPhoneServices: 0,
    dscpForCm2Dvce: 96,
    tlsResumptionTimer: 3600,
    phoneServices: { useHttps: false, provisioning: 0, services: [] },
    sipProfile: null,
    remarks: [],
  };
}

function places(port: number): Writable<SrstPlaces> {
  return [
    { host: '', port },
    { host: '', port },
    { host: '', port },
  ];
}

/** Puts lists in order, leaves out what is not filled in, merges the tiers. */
export function finished(draft: ConfigurationDraft): PhoneConfiguration {
  const { srstInfo, sipProfile } = draft;
  const { enterprise: settings, common, vendor } = draft.vendorConfig;
  for (const tier of [common, vendor]) for (const [name, value] of tier) settings.set(name, value);
  const named = draft.callManagers.filter(({ host }) => host !== '');
  if (named.length < draft.callManagers.length) draft.remarks.push('a call manager without processNodeName');
  return {
    ...draft,
    callManagers: named.sort(byPriority).map(withSecurePort),
    srstInfo: { ...srstInfo, sccp: srstInfo.sccp.filter(isFilled), sip: srstInfo.sip.filter(isFilled) },
    tvs: draft.tvs.filter(isFilled).sort(byPriority),
    capfList: draft.capfList.filter(isFilled),
    vendorConfig: new Settings(settings),
    sipProfile: sipProfile && {
      settings: new Settings(sipProfile.settings),
      lines: sipProfile.lines.map((line) => ({ ...line, settings: new Settings(line.settings) })),
    },
  };
}

function byPriority(a: { priority: number }, b: { priority: number }): number {
  return a.priority - b.priority;
}

function isFilled({ host }: { host: string }): boolean {
  return host !== '';
}

/** Where the file does not name it, the secure SCCP port is 443 above the plain one: 2443. */
const SECURE_PORT_OFFSET = 443;

function withSecurePort<T extends { ethernetPhonePort: number; securedEthernetPhonePort: number }>(member: T): T {
  if (member.securedEthernetPhonePort !== 0) return member;
  return { ...member, securedEthernetPhonePort: member.ethernetPhonePort + SECURE_PORT_OFFSET };
}
