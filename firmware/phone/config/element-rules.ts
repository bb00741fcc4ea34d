/** The elements of a configuration file that mean something to the phone, as a tree of what to do with each. All others are ignored, as phones do. */
import type { ConfigurationDraft } from './configuration-draft.ts';
import { URL_NAMES } from './phone-configuration.ts';

type Draft = ConfigurationDraft;

export interface ElementRule {
  /** A map: looking a name up in an object takes three times as long, as it has to be made a property key first. */
  readonly children?: ReadonlyMap<string, ElementRule>;
  /** Called at the start tag, before attributes: begins an entry of a list. Returns false when the list is full. */
  readonly open?: (draft: Draft) => boolean;
  readonly attribute?: (draft: Draft, name: string, value: string) => void;
  /** Takes the text, trimmed, when it is not empty: an empty element is an unset one. Returns false when the text is of no use. */
  readonly text?: (draft: Draft, value: string) => boolean | undefined;
  /** Takes by name the text of every element inside that has no rule of its own, at whatever depth. */
  readonly plain?: (draft: Draft, name: string, value: string) => void;
}

/** Real files have a handful of each; more are a mistake or an attack. */
const MAX_ENTRIES = 32;
const MAX_MODEL_LOADS = 512;
const MAX_SETTINGS = 512;

function text(set: (draft: Draft, value: string) => void): ElementRule {
  return {
    text: (draft, value) => {
      set(draft, value);
      return undefined;
    },
  };
}

function count(set: (draft: Draft, value: number) => void): ElementRule {
  return {
    text: (draft, value) => {
      if (!/^-?\d{1,9}$/.test(value)) return false;
      set(draft, Number(value));
      return undefined;
    },
  };
}

function port(set: (draft: Draft, value: number) => void): ElementRule {
  return {
    text: (draft, value) => {
      const number = /^\d{1,5}$/.test(value) ? Number(value) : 0;
      if (number === 0 || number > 65_535) return false;
      set(draft, number);
      return undefined;
    },
  };
}

function flag(set: (draft: Draft, value: boolean) => void): ElementRule {
  return {
    text: (draft, value) => {
      const word = value.toLowerCase();
      const on = word === 'true' || word === '1';
      if (!on && word !== 'false' && word !== '0') return false;
      set(draft, on);
      return undefined;
    },
  };
}

function named(rules: Readonly<Record<string, ElementRule>>): ReadonlyMap<string, ElementRule> {
  return new Map(Object.entries(rules));
}

function within(rules: Readonly<Record<string, ElementRule>>): ElementRule {
  return { children: named(rules) };
}

/** Adds to a list unless it is full: then false. */
function add<T>(list: T[], entry: T, limit = MAX_ENTRIES): boolean {
  return list.length < limit && list.push(entry) > 0;
}

function put(settings: Map<string, string>, name: string, value: string): void {
  if (settings.has(name) || settings.size < MAX_SETTINGS) settings.set(name, value);
}

/** Runs `set` on the entry that was begun last. */
function onLast<T>(list: readonly T[], set: (entry: T) => void): void {
  const entry = list[list.length - 1];
  if (entry !== undefined) set(entry);
}

function numberOf(value: string): number {
  return /^\d{1,9}$/.test(value.trim()) ? Number(value) : 0;
}

const CALL_MANAGER: ElementRule = within({
  name: text((draft, value) => onLast(draft.callManagers, (member) => (member.name = value))),
  ports: within({
    ethernetPhonePort: port((draft, value) => onLast(draft.callManagers, (one) => (one.ethernetPhonePort = value))),
    securedEthernetPhonePort: port((draft, value) =>
      onLast(draft.callManagers, (one) => (one.securedEthernetPhonePort = value)),
    ),
    sipPort: port((draft, value) => onLast(draft.callManagers, (one) => (one.sipPort = value))),
    securedSipPort: port((draft, value) => onLast(draft.callManagers, (one) => (one.securedSipPort = value))),
  }),
  processNodeName: text((draft, value) => onLast(draft.callManagers, (member) => (member.host = value))),
});

const CALL_MANAGER_GROUP: ElementRule = within({
  name: text((draft, value) => (draft.devicePool.callManagerGroup.name = value)),
  tftpDefault: flag((draft, value) => (draft.devicePool.callManagerGroup.tftpDefault = value)),
  members: within({
    member: {
      open: ({ callManagers }) =>
        add(callManagers, {
          priority: callManagers.length,
          name: '',
          host: '',
          ethernetPhonePort: 2000,
          securedEthernetPhonePort: 0,
          sipPort: 5060,
          securedSipPort: 5061,
        }),
      attribute: (draft, name, value) => {
        if (name === 'priority') onLast(draft.callManagers, (member) => (member.priority = numberOf(value)));
      },
      children: named({ callManager: CALL_MANAGER }),
    },
  }),
});

const SRST_INFO: ElementRule = within({
  srstOption: text((draft, value) => (draft.srstInfo.srstOption = value)),
  userModifiable: flag((draft, value) => (draft.srstInfo.userModifiable = value)),
  isSecure: flag((draft, value) => (draft.srstInfo.isSecure = value)),
  ...Object.fromEntries(
    [0, 1, 2].flatMap((index) => [
      [`ipAddr${index + 1}`, text((draft, value) => (draft.srstInfo.sccp[index]!.host = value))],
      [`port${index + 1}`, port((draft, value) => (draft.srstInfo.sccp[index]!.port = value))],
      [`sipIpAddr${index + 1}`, text((draft, value) => (draft.srstInfo.sip[index]!.host = value))],
      [`sipPort${index + 1}`, port((draft, value) => (draft.srstInfo.sip[index]!.port = value))],
    ]),
  ),
});

const DATE_TIME_SETTING: ElementRule = within({
  name: text((draft, value) => (draft.devicePool.dateTimeSetting.name = value)),
  dateTemplate: text((draft, value) => (draft.devicePool.dateTimeSetting.dateTemplate = value)),
  timeZone: text((draft, value) => (draft.devicePool.dateTimeSetting.timeZone = value)),
  olsonTimeZone: text((draft, value) => (draft.devicePool.dateTimeSetting.olsonTimeZone = value)),
  ntps: within({
    ntp: {
      open: (draft) => add(draft.devicePool.dateTimeSetting.ntps, { name: '', ntpMode: 'unicast' }),
      children: named({
        name: text((draft, value) => onLast(draft.devicePool.dateTimeSetting.ntps, (ntp) => (ntp.name = value))),
        ntpMode: text((draft, value) => onLast(draft.devicePool.dateTimeSetting.ntps, (ntp) => (ntp.ntpMode = value))),
      }),
    },
  }),
});

const DEVICE_POOL: ElementRule = within({
  name: text((draft, value) => (draft.devicePool.name = value)),
  revertPriority: count((draft, value) => (draft.devicePool.revertPriority = value)),
  dateTimeSetting: DATE_TIME_SETTING,
  callManagerGroup: CALL_MANAGER_GROUP,
  srstInfo: SRST_INFO,
  connectionMonitorDuration: count((draft, value) => (draft.devicePool.connectionMonitorDuration = value)),
});

const TVS: ElementRule = within({
  members: within({
    member: {
      open: (draft) => add(draft.tvs, { priority: draft.tvs.length, host: '', port: 2445 }),
      attribute: (draft, name, value) => {
        if (name === 'priority') onLast(draft.tvs, (member) => (member.priority = numberOf(value)));
      },
      children: named({
        port: port((draft, value) => onLast(draft.tvs, (member) => (member.port = value))),
        address: text((draft, value) => onLast(draft.tvs, (member) => (member.host = value))),
      }),
    },
  }),
});

const CAPF_LIST: ElementRule = within({
  capf: {
    open: (draft) => add(draft.capfList, { host: '', port: 3804 }),
    children: named({
      phonePort: port((draft, value) => onLast(draft.capfList, (capf) => (capf.port = value))),
      processNodeName: text((draft, value) => onLast(draft.capfList, (capf) => (capf.host = value))),
    }),
  },
});

const USER_LOCALE: ElementRule = within({
  name: text((draft, value) => (draft.userLocale.name = value)),
  uid: text((draft, value) => (draft.userLocale.uid = value)),
  langCode: text((draft, value) => (draft.userLocale.langCode = value)),
  version: text((draft, value) => (draft.userLocale.version = value)),
  winCharSet: text((draft, value) => (draft.userLocale.winCharSet = value)),
});

const NETWORK_LOCALE_INFO: ElementRule = within({
  name: text((draft, value) => (draft.networkLocaleInfo.name = value)),
  uid: text((draft, value) => (draft.networkLocaleInfo.uid = value)),
  version: text((draft, value) => (draft.networkLocaleInfo.version = value)),
});

const ADD_ON_MODULES: ElementRule = within({
  addOnModule: {
    open: ({ addOnModules }) =>
      add(addOnModules, { idx: addOnModules.length + 1, deviceType: '', loadInformation: '' }),
    attribute: (draft, name, value) => {
      if (name === 'idx') onLast(draft.addOnModules, (one) => (one.idx = numberOf(value)));
    },
    children: named({
      deviceType: text((draft, value) => onLast(draft.addOnModules, (one) => (one.deviceType = value))),
      loadInformation: text((draft, value) => onLast(draft.addOnModules, (one) => (one.loadInformation = value))),
    }),
  },
});

const PHONE_SERVICES: ElementRule = {
  attribute: (draft, name, value) => {
    if (name === 'useHTTPS') draft.phoneServices.useHttps = value.toLowerCase() === 'true';
  },
  children: named({
    provisioning: count((draft, value) => (draft.phoneServices.provisioning = value)),
    phoneService: {
      open: (draft) => add(draft.phoneServices.services, { type: 0, category: 0, name: '', url: '' }),
      attribute: (draft, name, value) => {
        if (name !== 'type' && name !== 'category') return;
        onLast(draft.phoneServices.services, (service) => (service[name] = numberOf(value)));
      },
      children: named({
        name: text((draft, value) => onLast(draft.phoneServices.services, (service) => (service.name = value))),
        url: text((draft, value) => onLast(draft.phoneServices.services, (service) => (service.url = value))),
      }),
    },
  }),
};

const SIP_LINE: ElementRule = {
  open: (draft) => add(sipProfileOf(draft).lines, { button: 0, featureID: 0, settings: new Map() }),
  attribute: (draft, name, value) => {
    if (name === 'button') onLast(sipProfileOf(draft).lines, (line) => (line.button = numberOf(value)));
  },
  plain: (draft, name, value) =>
    onLast(sipProfileOf(draft).lines, (line) => {
      if (name === 'featureID') line.featureID = numberOf(value);
      put(line.settings, name, value);
    }),
};

const SIP_PROFILE: ElementRule = {
  open: (draft) => sipProfileOf(draft) !== null,
  plain: (draft, name, value) => put(sipProfileOf(draft).settings, name, value),
  children: named({
    sipLines: within({ line: SIP_LINE }),
    dialTemplate: text((draft, value) => (draft.dialTemplate = value)),
    softKeyFile: text((draft, value) => (draft.softKeyFile = value)),
  }),
};

function sipProfileOf(draft: Draft): NonNullable<Draft['sipProfile']> {
  draft.sipProfile ??= { settings: new Map(), lines: [] };
  return draft.sipProfile;
}

const SECURITY_MODES = { '1': 'none', '2': 'authenticated', '3': 'encrypted' } as const;

/** CUCM writes 4 for TCP where others write 1. */
const TRANSPORTS = { '1': 'tcp', '2': 'udp', '3': 'tls', '4': 'tcp' } as const;

function choice<T extends object>(values: T, set: (draft: Draft, value: T[keyof T]) => void): ElementRule {
  return {
    text: (draft, value) => {
      if (!Object.hasOwn(values, value)) return false;
      set(draft, values[value as keyof T]);
      return undefined;
    },
  };
}

const AUTO_REGISTRATION = { disabled: false, false: false, '0': false, enabled: true, true: true, '1': true } as const;

/** Both roots: XMLDefault holds the same elements, fewer of them, and has its callManagerGroup at the top. */
const ROOT: ElementRule = within({
  fullConfig: flag((draft, value) => (draft.fullConfig = value)),
  deviceProtocol: {
    text: (draft, value) => {
      const word = value.toUpperCase();
      if (word !== 'SCCP' && word !== 'SIP') return false;
      draft.deviceProtocol = word;
      return undefined;
    },
  },
  sshUserId: text((draft, value) => (draft.sshUserId = value)),
  sshPassword: text((draft, value) => (draft.sshPassword = value)),
  ipAddressMode: count((draft, value) => (draft.ipAddressMode = value)),
  devicePool: DEVICE_POOL,
  callManagerGroup: CALL_MANAGER_GROUP,
  srstInfo: SRST_INFO,
  TVS,
  versionStamp: text((draft, value) => (draft.versionStamp = value)),
  loadInformation: text((draft, value) => (draft.loadInformation = value)),
  inactiveLoadInformation: text((draft, value) => (draft.inactiveLoadInformation = value)),
  autoRegistration: {
    text: (draft, value) => {
      const word = value.toLowerCase();
      if (!Object.hasOwn(AUTO_REGISTRATION, word)) return false;
      draft.autoRegistration = AUTO_REGISTRATION[word as keyof typeof AUTO_REGISTRATION];
      return undefined;
    },
  },
  deviceSecurityMode: choice(SECURITY_MODES, (draft, value) => (draft.deviceSecurityMode = value)),
  transportLayerProtocol: choice(TRANSPORTS, (draft, value) => (draft.transportLayerProtocol = value)),
  userLocale: USER_LOCALE,
  networkLocale: text((draft, value) => (draft.networkLocale = value)),
  networkLocaleInfo: NETWORK_LOCALE_INFO,
  commonProfile: within({
    phonePassword: text((draft, value) => (draft.phonePassword = value)),
    backgroundImageAccess: flag((draft, value) => (draft.backgroundImageAccess = value)),
    callLogBlfEnabled: count((draft, value) => (draft.callLogBlfEnabled = value)),
  }),
  enterpriseConfig: { plain: (draft, name, value) => put(draft.vendorConfig.enterprise, name, value) },
  commonConfig: { plain: (draft, name, value) => put(draft.vendorConfig.common, name, value) },
  vendorConfig: { plain: (draft, name, value) => put(draft.vendorConfig.vendor, name, value) },
  addOnModules: ADD_ON_MODULES,
  softKeyFile: text((draft, value) => (draft.softKeyFile = value)),
  dialTemplate: text((draft, value) => (draft.dialTemplate = value)),
  featurePolicyFile: text((draft, value) => (draft.featurePolicyFile = value)),
  capfAuthMode: count((draft, value) => (draft.capfAuthMode = value)),
  capfList: CAPF_LIST,
  certHash: text((draft, value) => (draft.certHash = value)),
  encrConfig: flag((draft, value) => (draft.encrConfig = value)),
  idleTimeout: count((draft, value) => (draft.idleTimeout = value)),
  ...Object.fromEntries(URL_NAMES.map((name) => [`${name}URL`, text((draft, value) => (draft.urls[name] = value))])),
  dscpForSCCPPhoneConfig: count((draft, value) => (draft.dscpForSCCPPhoneConfig = value)),
  dscpForSCCPPhoneServices: count((draft, value) => (draft.dscpForSCCPPhoneServices = value)),
  dscpForCm2Dvce: count((draft, value) => (draft.dscpForCm2Dvce = value)),
  TLSResumptionTimer: count((draft, value) => (draft.tlsResumptionTimer = value)),
  phoneServices: PHONE_SERVICES,
  sipProfile: SIP_PROFILE,
});

/** `<loadInformation437 model="Cisco 7975">`: the load for one device type. */
const MODEL_LOAD: ElementRule = {
  attribute: (draft, name, value) => {
    if (name === 'model') onLast(draft.modelLoads, (one) => (one.model = value));
  },
  text: (draft, value) => {
    onLast(draft.modelLoads, (one) => (one.load = value));
    return undefined;
  },
};

const MODEL_LOAD_PREFIX = 'loadInformation';

export const ROOT_RULE: ElementRule = ROOT;

/** The rule for `name` inside an element with `rule`; null for what means nothing there. Begins an entry where the name itself carries one. */
export function ruleWithin(draft: Draft, rule: ElementRule, name: string): ElementRule | null {
  const known = rule.children?.get(name);
  if (known !== undefined) return known;
  if (rule === ROOT && name.startsWith(MODEL_LOAD_PREFIX)) {
    const deviceType = name.slice(MODEL_LOAD_PREFIX.length);
    if (!/^\d{1,6}$/.test(deviceType)) return null;
    const entry = { deviceType: Number(deviceType), model: '', load: '' };
    return add(draft.modelLoads, entry, MAX_MODEL_LOADS) ? MODEL_LOAD : null;
  }
  return null;
}
