/**
 * The interface: Ethernet headers, VLAN tag, padding and the NIC's receive filter. The one gate through which frames leave: while the VLAN is
 * undecided nothing but discovery frames passes, and nothing is ever sent on a VLAN that was left.
 */
import type { Ipv4, Mac, Nic } from '../../hal/nic.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as llc from '../wire/llc.ts';
import type { Drops } from './counters.ts';

/**
 * `vlan` null: untagged. 0: priority-tagged, no VLAN (802.1Q clause 9.6). `priority` is the 802.1p priority of frames whose socket does
 * not name another.
 */
export type VlanDecision = 'undecided' | { readonly vlan: number | null; readonly priority: number };

/** Writes a payload of known length into a frame. */
export type Write = (into: Uint8Array, offset: number) => void;

export const CDP_GROUP: Mac = 0x0100_0ccc_cccc;
/** Nearest bridge (802.1AB table 7-1). */
export const LLDP_GROUP: Mac = 0x0180_c200_000e;

export type DiscoveryKind = 'snap-cdp' | 'lldp';

const CDP_SNAP = Object.freeze(llc.snapHeader(llc.CISCO_OUI, llc.CDP_PROTOCOL));

export class Interface {
  readonly mac: Mac;
  readonly #nic: Nic;
  readonly #drops: Drops;
  #decision: VlanDecision = 'undecided';
  #groups: readonly Mac[] = [];
  #ownAddress: Ipv4 = 0;
  #probedAddress: Ipv4 = 0;
  #gratuitous: readonly Ipv4[] = [];
  #broadcastPorts: readonly number[] = [];

  // The frame being written, for `#fill`: one bound function instead of a closure a frame.
  #destination: Mac = 0;
  #tci: number | null = null;
  #lengthOrType = 0;
  #write: Write | null = null;
  readonly #fill = (frame: Uint8Array): void => {
    const offset = ethernet.emitHeader(this.#destination, this.mac, this.#tci, this.#lengthOrType, frame, 0);
    this.#write!(frame, offset);
  };

  constructor(nic: Nic, drops: Drops) {
    this.mac = nic.mac;
    this.#nic = nic;
    this.#drops = drops;
  }

  get decision(): VlanDecision {
    return this.#decision;
  }

  /** Returns whether this is another VLAN than before. */
  decide(decision: VlanDecision): boolean {
    const changed =
      decision === 'undecided' || this.#decision === 'undecided'
        ? decision !== this.#decision
        : decision.vlan !== this.#decision.vlan;
    this.#decision = decision;
    this.#updateFilter();
    return changed;
  }

  subscribe(groups: readonly Mac[]): void {
    this.#groups = groups;
    this.#updateFilter();
  }

  /** Addresses whose ARP traffic is wanted: the own one, and one that is being probed; 0 for none. */
  setAddresses(own: Ipv4, probed: Ipv4): void {
    if (own === this.#ownAddress && probed === this.#probedAddress) return;
    this.#ownAddress = own;
    this.#probedAddress = probed;
    this.#updateFilter();
  }

  /** Others whose gratuitous ARP is wanted. */
  setGratuitous(addresses: readonly Ipv4[]): void {
    if (addresses.length === 0 && this.#gratuitous.length === 0) return;
    this.#gratuitous = addresses;
    this.#updateFilter();
  }

  setBroadcastPorts(ports: readonly number[]): void {
    this.#broadcastPorts = ports;
    this.#updateFilter();
  }

  /** Whether an ARP or IP frame belongs to the decided VLAN; counts it if not. Untagged and VID 0 are the same: no VLAN. */
  accepts(frame: ethernet.Frame): boolean {
    if (this.#decision === 'undecided') {
      this.#drops['vlan-undecided']++;
      return false;
    }
    const vlan = frame.tci === null ? 0 : ethernet.vlanIdOf(frame.tci);
    if (vlan === (this.#decision.vlan ?? 0)) return true;
    this.#drops['other-vlan']++;
    return false;
  }

  /** Sends a frame on the decided VLAN, padded to the minimum. False, and counted, when it cannot leave. */
  transmit(destination: Mac, etherType: number, priority: number, length: number, write: Write): boolean {
    const decision = this.#decision;
    if (decision === 'undecided') {
      this.#drops['vlan-undecided']++;
      return false;
    }
    const tci = decision.vlan === null ? null : ethernet.tciOf(priority || decision.priority, decision.vlan);
    return this.#send(destination, tci, etherType, length, write);
  }

  /** Sends a discovery frame, which needs no decision. @param vlan tags it; null leaves it untagged. */
  transmitDiscovery(destination: Mac, kind: DiscoveryKind, length: number, write: Write, vlan: number | null): boolean {
    const tci = vlan === null ? null : ethernet.tciOf(0, vlan);
    if (kind === 'lldp') return this.#send(destination, tci, ethernet.ETHERTYPE.lldp, length, write);
    return this.#send(destination, tci, llc.SNAP_LENGTH + length, llc.SNAP_LENGTH + length, (into, offset) => {
      write(into, offset + llc.emit(CDP_SNAP, into, offset));
    });
  }

  #send(destination: Mac, tci: number | null, lengthOrType: number, length: number, write: Write): boolean {
    const headerLength = tci === null ? ethernet.HEADER_LENGTH : ethernet.HEADER_LENGTH + ethernet.TAG_LENGTH;
    this.#destination = destination;
    this.#tci = tci;
    this.#lengthOrType = lengthOrType;
    this.#write = write;
    const sent = this.#nic.transmit(Math.max(headerLength + length, ethernet.MIN_FRAME_LENGTH), this.#fill);
    if (!sent) this.#drops['link-down']++;
    return sent;
  }

  #updateFilter(): void {
    const decided = this.#decision !== 'undecided';
    this.#nic.setFilter({
      groups: this.#groups,
      vlan: this.#decision === 'undecided' || this.#decision.vlan === 0 ? null : this.#decision.vlan,
      addresses: decided ? [this.#ownAddress, this.#probedAddress].filter((address) => address !== 0) : [],
      ...(decided && this.#gratuitous.length > 0 ? { gratuitous: this.#gratuitous } : {}),
      broadcastPorts: decided ? this.#broadcastPorts : [],
    });
  }
}
