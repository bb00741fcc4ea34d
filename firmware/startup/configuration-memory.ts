import { octetsOf, textOf } from '../../storage/ascii.ts';
import type { RecordStore } from '../../storage/record-store.ts';
import type { PhoneConfiguration, SecurityMode } from '../phone/config/phone-configuration.ts';
import { type PhonePolicy, policyOf } from '../phone/config/phone-policy.ts';
import type { SipSettings } from '../protocols/sip/settings.ts';
import { type CapfSettings, capfSettings } from './capf-settings.ts';
import { sipSettings } from './sip-settings.ts';

export interface CallManagerMember {
  /** 0 is tried first. */
  readonly priority: number;
  /** An address as text, or a name. */
  readonly host: string;
  readonly port: number;
  /** For TLS; absent in what older loads saved. */
  readonly securePort?: number;
  /** Spoken to in the clear whatever the security mode. */
  readonly plainOnly?: true;
}

/**
 * What the running phone keeps of its configuration. The parsed file itself is let go: in a fleet it would be the largest thing
 * a registered phone holds.
 */
export interface AppliedConfiguration {
  /** The file it came from. */
  readonly name: string;
  /** No signature was looked at, though the name promises one: a typed key has opened it. */
  readonly unverified?: true;
  readonly versionStamp: string;
  readonly protocol: 'SCCP' | 'SIP';
  /** The load that the file names; null keeps the running one. */
  readonly load: string | null;
  /** Who has the load, when not the TFTP server; absent in what older loads saved. */
  readonly loadServer?: string | null;
  readonly security: SecurityMode;
  /** By priority. */
  readonly callManagers: readonly CallManagerMember[];
  /** Survivable gateways, asked when no call manager is left; absent in what older loads saved. */
  readonly srst?: readonly CallManagerMember[];
  /** Seconds that a better call manager has to be reachable before the phone goes back to it; absent in what older loads saved. */
  readonly connectionMonitorDuration?: number;
  /** Trust verification services, by priority; absent in what older loads saved. */
  readonly tvs?: readonly { readonly host: string; readonly port: number }[];
  /** What is asked of the phone's certificate; absent when nothing is. */
  readonly capf?: CapfSettings;
  /** Absent in what older loads saved. */
  readonly policy?: PhonePolicy;
  /** As Windows names it; absent in what older loads saved. */
  readonly timeZone?: string;
  /** For a SIP load; absent for another, and in what older loads saved. Holds passwords: never traced. */
  readonly sip?: SipSettings;
}

/** Where the last good configuration stands in the trust region. */
const KEY = 'file/configuration';

/**
 * Every text of a parsed configuration is a copy of its own, so nothing here keeps the file alive.
 *
 * @param running what the running load speaks, for a file that names no protocol: the default one
 */
export function applied(
  configuration: PhoneConfiguration,
  name: string,
  load: string | null,
  running: 'sccp' | 'sip' = 'sccp',
): AppliedConfiguration {
  const protocol = configuration.deviceProtocol ?? (running === 'sip' ? 'SIP' : 'SCCP');
  const port = protocol === 'SCCP' ? 'ethernetPhonePort' : 'sipPort';
  const securePort = protocol === 'SCCP' ? 'securedEthernetPhonePort' : 'securedSipPort';
  const capf = capfSettings(configuration);
  const kept: AppliedConfiguration = {
    name,
    versionStamp: configuration.versionStamp,
    protocol,
    load,
    loadServer: configuration.vendorConfig.get('loadServer') || null,
    security: configuration.deviceSecurityMode,
    callManagers: configuration.callManagers.map((member) => ({
      priority: member.priority,
      host: member.host,
      port: member[port],
      securePort: member[securePort],
    })),
    srst: srstOf(configuration, protocol),
    connectionMonitorDuration: configuration.devicePool.connectionMonitorDuration,
    tvs: configuration.tvs.map(({ host, port: tvsPort }) => ({ host, port: tvsPort })),
    ...(capf === null ? {} : { capf }),
    policy: policyOf(configuration),
    timeZone: configuration.devicePool.dateTimeSetting.timeZone,
  };
  return protocol === 'SIP' ? { sip: sipSettings(configuration), ...kept } : kept;
}

function srstOf({ srstInfo, callManagers }: PhoneConfiguration, protocol: 'SCCP' | 'SIP'): CallManagerMember[] {
  if (srstInfo.srstOption === 'Disable') return [];
  const places = protocol === 'SCCP' ? srstInfo.sccp : srstInfo.sip;
  return places.map(({ host, port }, index) => ({
    priority: callManagers.length + index,
    host,
    port,
    ...(srstInfo.isSecure ? {} : { plainOnly: true }),
  }));
}

/** Keeps the last good configuration; the flash is written only for a new one. */
export function saveConfiguration(store: RecordStore, configuration: AppliedConfiguration): void {
  const json = JSON.stringify(configuration);
  // The flash holds ASCII: names in other letters are escaped. Asked first, as a replacement is slow where the prototypes are frozen.
  const text = /[^\x20-\x7e]/.test(json) ? json.replace(/[^\x20-\x7e]/g, escaped) : json;
  const before = store.get(KEY);
  if (before !== null && textOf(before) === text) return;
  store.set(KEY, octetsOf(text));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Null when there is none that can be read. */
export function loadConfiguration(store: RecordStore): AppliedConfiguration | null {
  const octets = store.get(KEY);
  if (octets === null) return null;
  try {
    return JSON.parse(textOf(octets)) as AppliedConfiguration;
  } catch {
    return null;
  }
}
