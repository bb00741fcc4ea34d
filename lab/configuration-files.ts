/**
 * The files that a call manager cluster's TFTP service builds from its database: `SEP<MAC>.cnf.xml` for each device and
 * `XMLDefault.cnf.xml` for the rest. The text is our own, with the elements that CUCM's files carry, in CUCM's order, and with
 * its peculiarity that `xsi:type` is used on the root and declared nowhere.
 *
 * A non-secure cluster has neither CTL nor ITL: those names are not found, which is what a phone expects there.
 */
import { createHash } from 'node:crypto';
import { ConfigurationTemplate, escapeXml } from './configuration-template.ts';
import { defaultFileText } from './default-file-text.ts';
import { DEVICE_FILE_HOLES, type DeviceFileHole, deviceFileText, sipLineText } from './device-file-text.ts';
import type { Device, DeviceTable } from './device-table.ts';

/** One node of the cluster as the files name it. */
export interface CallManagerNode {
  readonly name: string;
  /** What goes into `processNodeName`: an address or a name that DNS knows. */
  readonly processNodeName: string;
  readonly sccpPort: number;
  readonly sipPort: number;
  /** SCCP over TLS; written only where the cluster is secure. */
  readonly securedSccpPort?: number;
}

/** A load for one device type, for `XMLDefault.cnf.xml`. */
export interface DefaultLoad {
  readonly deviceType: number;
  readonly model: string;
  readonly load: string;
  /** Which of its protocols the load speaks; absent where the model has one load. */
  readonly protocol?: 'sccp' | 'sip';
}

/** Where phones get their certificates. */
export interface CapfService {
  readonly host: string;
  readonly port: number;
  readonly authMode: (deviceName: string) => number;
}

export interface ConfigurationFilesOptions {
  readonly table: DeviceTable;
  readonly callManagers: readonly CallManagerNode[];
  readonly defaultLoads?: readonly DefaultLoad[];
  /** Windows-style name, as CUCM writes it. */
  readonly timeZone?: string;
  /** `M/D/YA`: letters, separators, trailing A for a 12-hour clock. */
  readonly dateTemplate?: string;
  readonly ntpServers?: readonly string[];
  /** Seconds that a better call manager must stay reachable before phones go back to it; 120 unless given. */
  readonly connectionMonitorDuration?: number;
  /** Replaces or adds `vendorConfig` elements: name to text. */
  readonly vendorConfig?: Readonly<Record<string, string>>;
  /** Replaces elements of `sipProfile` and `sipStack`: name to text. */
  readonly sipProfile?: Readonly<Record<string, string>>;
  /** `1` or `4` for TCP, `2` for UDP, `3` for TLS; TLS for devices with a secure profile and TCP for others unless given. */
  readonly transportLayerProtocol?: string;
  /** Devices may have a secure profile, and there are trust verification services. */
  readonly secureCluster?: boolean;
  /** MD5 of the certificate for which the device's file is encrypted, hexadecimal; null, and without this, it is not. */
  readonly certHash?: (deviceName: string) => string | null;
  /** `capfAuthMode` of a device, and who does what it asks for; without it nobody is named. */
  readonly capf?: CapfService;
  /** False leaves `XMLDefault.cnf.xml` out, as on a server that only holds files of known phones. */
  readonly defaultFile?: boolean;
}

/** Epoch seconds in the version stamps: any constant will do, a stamp is an opaque string that changes with the row. */
const STAMP_BASE = 1_284_570_837;

export class ConfigurationFiles {
  readonly #options: ConfigurationFilesOptions;
  readonly #templates = new Map<string, ConfigurationTemplate<DeviceFileHole>>();
  #default: Uint8Array | null = null;
  #defaultKey = '';

  constructor(options: ConfigurationFilesOptions) {
    this.#options = options;
  }

  /** The octets of the file of that name, or null: not found. Names are matched as CUCM does, without regard to case. */
  read(name: string): Uint8Array | null {
    const match = /^(S[EI]P[0-9A-F]{12})\.cnf\.xml$/i.exec(name);
    if (match?.[1] !== undefined) {
      const device = this.#options.table.find(match[1].toUpperCase());
      return device === null ? null : this.#deviceFile(device);
    }
    if (this.#options.defaultFile === false) return null;
    return name.toLowerCase() === 'xmldefault.cnf.xml' ? this.#defaultFile() : null;
  }

  /** The `versionStamp` that the device's file carries now. */
  versionStamp(device: Device): string {
    return `${STAMP_BASE + device.revision}-${uuid(`${device.name}/${device.revision}`)}`;
  }

  #deviceFile(device: Device): Uint8Array {
    const id = uuid(device.name);
    return this.#template(device).fill({
      ctiid: String(Number.parseInt(id.slice(0, 5), 16)),
      uuid: id,
      versionStamp: this.versionStamp(device),
      missedCallLogging: '1'.repeat(device.lines.length),
      phoneLabel: escapeXml(device.lines[0]?.label ?? ''),
      sipLines: device.protocol === 'sip' ? sipLineText(device.lines, id) : '',
      load: escapeXml(this.#loadOf(device)),
      capf: this.#capfText(device),
      encryption: this.#encryptionText(device),
    });
  }

  /** A load that is not given is the one for the device's type and protocol. */
  #loadOf({ load, deviceType, protocol }: Device): string {
    if (load !== '') return load;
    return (this.#options.defaultLoads ?? []).find(isFor(deviceType, protocol))?.load ?? '';
  }

  #capfText({ name }: Device): string {
    const { capf } = this.#options;
    const member =
      capf === undefined
        ? ''
        : `<capf>\n<phonePort>${capf.port}</phonePort>\n<processNodeName>${escapeXml(capf.host)}</processNodeName>\n</capf>\n`;
    return `<capfAuthMode>${capf?.authMode(name) ?? 0}</capfAuthMode>\n<capfList>\n${member}</capfList>`;
  }

  #encryptionText(device: Device): string {
    const certHash = this.#options.certHash?.(device.name) ?? null;
    return `<certHash>${certHash ?? ''}</certHash>\n<encrConfig>${certHash !== null}</encrConfig>`;
  }

  /** One template for each protocol and list of call managers: everything else that differs is a hole. */
  #template(device: Device): ConfigurationTemplate<DeviceFileHole> {
    const secureCluster = this.#options.secureCluster ?? false;
    const security = secureCluster ? device.security : 'none';
    const key = `${device.protocol} ${security} ${device.callManagers.join(',')}`;
    const present = this.#templates.get(key);
    if (present !== undefined) return present;
    const nodes =
      device.callManagers.length === 0
        ? this.#options.callManagers
        : device.callManagers.flatMap((index) => this.#options.callManagers[index] ?? []);
    const template = new ConfigurationTemplate(
      deviceFileText({
        protocol: device.protocol,
        callManagers: nodes,
        timeZone: this.#options.timeZone ?? 'W. Europe Standard/Daylight Time',
        dateTemplate: this.#options.dateTemplate ?? 'D/M/Y',
        ntpServers: this.#options.ntpServers ?? [],
        vendorConfig: this.#options.vendorConfig ?? {},
        sipProfile: this.#options.sipProfile ?? {},
        connectionMonitorDuration: this.#options.connectionMonitorDuration ?? 120,
        security,
        tvs: secureCluster,
        transportLayerProtocol: this.#options.transportLayerProtocol ?? (security === 'none' ? '4' : '3'),
      }),
      DEVICE_FILE_HOLES,
    );
    this.#templates.set(key, template);
    return template;
  }

  #defaultFile(): Uint8Array {
    const { callManagers, defaultLoads = [], table } = this.#options;
    const { enabled, range } = table.autoRegistration;
    const key = `${enabled} ${range?.protocol}`;
    if (this.#default === null || this.#defaultKey !== key) {
      const loads = loadsFor(defaultLoads, range?.protocol ?? 'sccp');
      this.#default = new TextEncoder().encode(defaultFileText(callManagers, loads, enabled));
      this.#defaultKey = key;
    }
    return this.#default;
  }
}

function isFor(deviceType: number, protocol: 'sccp' | 'sip'): (load: DefaultLoad) => boolean {
  return (load) => load.deviceType === deviceType && (load.protocol === undefined || load.protocol === protocol);
}

/** One for each device type: that of the protocol wanted where the model speaks both. */
function loadsFor(loads: readonly DefaultLoad[], protocol: 'sccp' | 'sip'): readonly DefaultLoad[] {
  const types = new Set(loads.map(({ deviceType }) => deviceType));
  return [...types].map(
    (type) => loads.find(isFor(type, protocol)) ?? loads.find(({ deviceType }) => deviceType === type)!,
  );
}

/** A version-4-shaped identifier that is a function of `seed`, so that the same lab serves the same octets. */
function uuid(seed: string): string {
  const hex = createHash('sha256').update(seed).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
