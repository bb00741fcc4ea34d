import type { Mac } from '../hal/nic.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { Duration, Instant } from '../hal/timer.ts';
import type { AutoRegistrationRange } from './auto-registration.ts';
import type { CallManagerEvent, CallManagerOptions } from './call-manager/call-manager-options.ts';
import type { CapfOrder } from './capf-server.ts';
import type { ConfigurationFilesOptions } from './configuration-files.ts';
import type { DeviceRange, NewDevice } from './device-table.ts';
import type { DhcpPool } from './dhcp-server.ts';
import type { LabEvent } from './lab-event.ts';
import type { IdentityKeys } from './pki/identity-stock.ts';
import type { LabPki } from './pki/lab-pki.ts';
import type { ClusterPeculiarities, LabSecurity } from './secure-cluster.ts';
import type { SipCallManagerOptions } from './sip-call-manager/sip-call-manager-options.ts';
import type { PortOptions, VoiceVlan } from './switch/port-options.ts';
import type { FileProvider } from './tftp-server.ts';

/** What a lab is to be like; everything but the timeline has a default. */
export interface LabOptions {
  readonly timeline: Timeline;
  /** Of the servers' chance: sequence numbers, ports. */
  readonly seed?: string | number;
  readonly devices?: readonly (NewDevice | DeviceRange)[];
  readonly dataVlan?: number;
  readonly voiceVlan?: VoiceVlan;
  /** Further VLANs with a network and a DHCP pool, for a voice VLAN that is changed later. */
  readonly vlans?: readonly number[];
  /** How phone ports differ from `PHONE_PORT`: no CDP, no LLDP, a plain switch, no power. */
  readonly ports?: Partial<Omit<PortOptions, 'nativeVlan' | 'voiceVlan' | 'protected'>>;
  /** Milliwatts for all ports; without end unless given. */
  readonly powerBudget?: number;
  /** For fleets: phones do not hear each other's broadcasts, nor servers' that concern another (`access-switch.ts` says how). Of `pairs` two after one another can talk. */
  readonly protected?: boolean | 'pairs';
  readonly switchName?: string;
  readonly callManagers?: number;
  readonly tftpServers?: number;
  /** The TFTP servers' files by HTTP on port 6970 too, as CUCM offers them; true unless given. */
  readonly http?: boolean;
  /** In a secure cluster they are had over TLS on port 6971 as well; true unless given. */
  readonly https?: boolean;
  readonly domainName?: string;
  /** What every pool hands out besides or instead of the lab's own: `tftpServers: []` leaves option 150 out. */
  readonly dhcp?: Partial<Omit<DhcpPool, 'network' | 'prefixLength' | 'first' | 'last'>>;
  readonly configuration?: Omit<ConfigurationFilesOptions, 'table' | 'callManagers'>;
  /** `processNodeName` holds an address, or a name that DNS knows. */
  readonly processNodeName?: 'address' | 'name';
  readonly callManager?: Omit<CallManagerOptions, 'name' | 'timeline' | 'sockets' | 'devices' | 'modelName' | 'events'>;
  /** The same nodes' SIP side. */
  readonly sipCallManager?: Omit<
    SipCallManagerOptions,
    'name' | 'node' | 'timeline' | 'sockets' | 'devices' | 'modelName' | 'events' | 'versionStamp'
  >;
  /** Makes the cluster a mixed-mode one in which all devices have this security mode. */
  readonly security?: LabSecurity;
  /** Keys and certificates of a secure cluster; made unless given. */
  readonly pki?: LabPki;
  /** The phones' TFTP configurations are encrypted, each for its own key. */
  readonly encryptsFiles?: boolean;
  /** Which keys the factory puts into phones. */
  readonly identities?: IdentityKeys;
  readonly peculiarities?: ClusterPeculiarities;
  /** Which stations are given trust lists; all of them unless given. A phone that has taken one asks for signed files only, for ever. */
  readonly trustedStations?: (mac: Mac) => boolean;
  /** Of CUCM, as `8.6`: up to 11.0 auto-registration does not go with mixed mode. 14.0 unless given. */
  readonly release?: string;
  /** Phones that nobody wrote down get a number out of this range; off unless given, as in CUCM. */
  readonly autoRegistration?: AutoRegistrationRange;
  /** What a device type is called: for devices that register themselves. */
  readonly modelName?: (deviceType: number) => string | null;
  /** What CAPF is to do with every phone of a secure cluster; `Lab.capf` orders for single ones. */
  readonly capf?: CapfOrder;
  /** Files besides the configuration files, asked first: loads, ring lists, trust lists. */
  readonly files?: FileProvider;
  /** Cables of phones: megabits a second, and delay one way in microseconds. */
  readonly speed?: number;
  readonly delay?: Duration;
  readonly events?: (at: Instant, event: LabEvent | CallManagerEvent) => void;
}
