import type { BootRecord } from '../../hal/entry-points.ts';
import type { Hal } from '../../hal/hal.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import type { TraceEvents } from '../../hal/trace.ts';
import type { RecordStore } from '../../storage/record-store.ts';
import type { Settings } from '../../storage/settings.ts';
import type { Completions } from '../net/completions.ts';
import type { Stack } from '../net/stack.ts';
import { DEFAULT_MARKING, type Marking } from '../phone/marking.ts';
import type { Screen } from '../phone/screen.ts';
import type { StatusLog } from '../phone/status-log.ts';
import type { CdpNeighbor } from '../protocols/cdp.ts';
import type { LldpNeighbor } from '../protocols/lldp.ts';
import type { CapfSettings } from './capf-settings.ts';
import type { AppliedConfiguration } from './configuration-memory.ts';
import type { FileFetcher } from './file-fetcher.ts';
import type { NameResolver } from './name-resolver.ts';

/** The address in use and what came with it, from DHCP or from the settings. */
export interface Addressing {
  readonly address: Ipv4;
  /** Who gave it; absent on a static one. */
  readonly server?: Ipv4;
  readonly prefixLength: number;
  readonly routers: readonly Ipv4[];
  readonly dns: readonly Ipv4[];
  readonly domain: string | null;
  /** Time servers; CUCM's time overrules them once the phone is registered. */
  readonly ntp: readonly Ipv4[];
  /** What DHCP says about TFTP; nothing on a static address. */
  readonly option150: readonly Ipv4[];
  readonly option66: string | null;
  readonly siaddr: Ipv4;
}

/** What the supply and the phone agreed on. */
export type PowerAgreement = TraceEvents['power.negotiated'];

/**
 * What the phone has learned since it started. One stage writes each field, in `enter`, `dispatch` or `undo`; all later ones read it.
 */
export interface Facts {
  /** The voice VLAN stage's: VLAN in use, null for untagged. */
  vlan: number | null;
  /** The voice VLAN stage's too, and of now, whatever step the phone is in: who is at the other end, and what it gives. */
  neighbors: { cdp: CdpNeighbor | null; lldp: LldpNeighbor | null };
  power: PowerAgreement | null;
  /** How voice and signalling are marked. */
  marking: Marking;
  /** The address stage's. */
  addressing: Addressing | null;
  /** The address stage's too: as the network statistics show it. */
  dhcpState: string;
  /** The TFTP server stage's: first and second server. */
  tftpServers: readonly Ipv4[];
  /** The configuration stage's. */
  configuration: AppliedConfiguration | null;
  /** What the last file asked of the phone's certificate, also one without call managers; null when nothing. */
  capf: CapfSettings | null;
  /** Whether that configuration is the phone's own file; false for the default file of a device that CUCM does not know yet. */
  ownConfiguration: boolean;
  /** The load update's: the load that the configuration names is not for this hardware. The call manager is told. */
  loadRejected: boolean;
  /** The call manager stage's: another load, which a call manager has named over SCCP; the load update says when it has tried it. */
  orderedLoad: { readonly load: string; tried: boolean } | null;
}

/** The DHCP state of a phone whose VLAN is not decided. */
export const NO_VLAN_YET = 'CDP INIT';

/** Nothing learned yet. */
export function noFacts(): Facts {
  return {
    vlan: null,
    neighbors: { cdp: null, lldp: null },
    power: null,
    marking: DEFAULT_MARKING,
    addressing: null,
    dhcpState: NO_VLAN_YET,
    tftpServers: [],
    configuration: null,
    capf: null,
    ownConfiguration: false,
    loadRejected: false,
    orderedLoad: null,
  };
}

/** What every stage gets: the board, the stack, the phone's own parts, and the facts learned so far. */
export interface PhoneContext {
  readonly hal: Hal;
  readonly boot: BootRecord;
  readonly stack: Stack;
  /** Who waits for what the board computes. */
  readonly completions: Completions;
  readonly names: NameResolver;
  readonly files: FileFetcher;
  readonly settings: Settings;
  /** The settings region, in which the firmware remembers its lease. */
  readonly memory: RecordStore;
  /** The trust region: trust lists and the last good configuration. */
  readonly trust: RecordStore;
  readonly status: StatusLog;
  readonly screen: Screen;
  readonly facts: Facts;
}
