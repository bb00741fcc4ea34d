import type * as lldp from '../../firmware/wire/lldp.ts';
import type { LinkState, Mac } from '../../hal/nic.ts';
import { type Instant, NEVER } from '../../hal/timer.ts';
import type { WireEnd, WireReceiver } from '../../hal/wire-end.ts';
import type { Station } from './mac-table.ts';
import type { PortOptions } from './port-options.ts';
import { createPortPower, type PortPower } from './power-sourcing.ts';

/** Forwards what a port heard. */
export interface PortOwner {
  receive(port: SwitchPort, bytes: Uint8Array, length: number): void;
  linkChanged(port: SwitchPort, state: LinkState): void;
}

/** What a port learned by CDP or LLDP about the device on it. */
export interface PortNeighbor {
  readonly mac: Mac;
  deviceId: string;
  platform: string;
  /** The neighbor is forgotten then. */
  expiresAt: Instant;
  /** Of the last announcement: a changed one is answered at once. */
  fingerprint: number;
  heardAt: Instant;
  answeredAt: Instant;
}

export type Via = 'cdp' | 'lldp';

/** Neighbors remembered on one port besides the first: a whole fleet may stand behind one wire. */
const MAX_OTHERS = 65_536;

/** VLANs of a port in numbers, so that forwarding compares integers. */
const NO_VLAN = -1;

/** How a frame of a VLAN leaves a port. */
export const NOT_MEMBER = -1;
export const UNTAGGED = 0;

export class SwitchPort implements WireReceiver, Station {
  readonly index: number;
  /** `GigabitEthernet1/0/7`. */
  readonly name: string;
  readonly wire: WireEnd;
  readonly #owner: PortOwner;
  #options: PortOptions;
  #voiceVid = NO_VLAN;
  state: LinkState = { up: false, speed: 0, fullDuplex: false };
  generation = 0;
  readonly #first: Record<Via, PortNeighbor | null> = { cdp: null, lldp: null };
  /** Behind a wire that leads to more than one phone. */
  #others: Map<number, PortNeighbor> | null = null;
  /** An LLDP-MED frame was heard since the link is up: only then MED TLVs are sent (TIA-1057 10.2.1). */
  medHeard = false;
  /** When the next periodic announcements are due; `NEVER` while the link is down. */
  cdpDueAt: Instant = NEVER;
  lldpDueAt: Instant = NEVER;
  /** A CDP frame went out since the link is up. */
  cdpSpoken = false;
  /** Fast-start frames still to send (TIA-1057 11.2.1). */
  fastStarts = 0;
  /** Of the 802.3 power TLV that the device sent last; null when it sent none since the link is up. */
  classification: lldp.PowerClassification | null = null;
  #power: PortPower | null = null;
  /** Port security: stations heard, each with its VLAN. Null on a port without it. */
  #stations: Set<number> | null = null;
  /** Shut by port security: nothing passes until `recover`. */
  shut = false;
  /** Protected ports of the same community hear each other (private VLANs, RFC 5517 section 2); none unless at least 0. */
  community = -1;

  constructor(owner: PortOwner, index: number, name: string, wire: WireEnd, options: PortOptions) {
    this.#owner = owner;
    this.index = index;
    this.name = name;
    this.wire = wire;
    this.#options = options;
    this.options = options;
  }

  get options(): PortOptions {
    return this.#options;
  }

  set options(options: PortOptions) {
    this.#options = options;
    this.#voiceVid = typeof options.voiceVlan === 'number' ? options.voiceVlan : NO_VLAN;
  }

  /** Power of the port; made when first asked for. */
  get power(): PortPower {
    this.#power ??= createPortPower();
    return this.#power;
  }

  get hasPowerState(): boolean {
    return this.#power !== null;
  }

  /** What is known of the station; nearly every port has one neighbor, which then needs no map. */
  neighbor(via: Via, mac: Mac): PortNeighbor | null {
    const first = this.#first[via];
    if (first === null || first.mac === mac) return first;
    return this.#others?.get(keyOf(via, mac)) ?? null;
  }

  setNeighbor(via: Via, neighbor: PortNeighbor): void {
    const first = this.#first[via];
    if (first === null || first.mac === neighbor.mac) {
      this.#first[via] = neighbor;
      return;
    }
    this.#others ??= new Map();
    if (this.#others.size >= MAX_OTHERS) this.#others.clear();
    this.#others.set(keyOf(via, neighbor.mac), neighbor);
  }

  forgetNeighbor(via: Via, mac: Mac): void {
    if (this.#first[via]?.mac === mac) this.#first[via] = null;
    this.#others?.delete(keyOf(via, mac));
  }

  forgetNeighbors(): void {
    this.#first.cdp = null;
    this.#first.lldp = null;
    this.#others = null;
  }

  /** Counts a station in a VLAN; false when it is one too many. */
  admits(vlan: number, mac: Mac): boolean {
    const { maximumStations } = this.#options;
    if (maximumStations === null) return true;
    this.#stations ??= new Set();
    const key = mac * 4096 + vlan;
    if (this.#stations.has(key)) return true;
    if (this.#stations.size >= maximumStations) return false;
    this.#stations.add(key);
    return true;
  }

  /** `shutdown`, `no shutdown`: the port is open again and has forgotten whom it knew. */
  recover(): void {
    this.shut = false;
    this.#stations = null;
  }

  /** `Gi1/0/7`, as LLDP and the console show it. */
  get shortName(): string {
    return this.name.replace(/^([A-Z][a-z])[A-Za-z]*/, '$1');
  }

  frame(bytes: Uint8Array, length: number): void {
    this.#owner.receive(this, bytes, length);
  }

  link(state: LinkState): void {
    if (state.up === this.state.up && state.speed === this.state.speed) return;
    this.state = state;
    if (!state.up) {
      this.generation += 1;
      this.#stations = null;
    }
    this.#owner.linkChanged(this, state);
  }

  /**
   * The VLAN of an arriving frame by its tag control information (-1 without a tag); -1 when the port does not take it.
   * VID 0 marks priority only: the frame is the native VLAN's (IEEE 802.1Q 6.9).
   */
  vlanOf(tci: number): number {
    const vid = tci < 0 ? 0 : tci & 0xfff;
    if (vid === 0) return this.#options.nativeVlan;
    if (vid === this.#voiceVid) return vid;
    return this.#options.mode === 'trunk' && vid <= 4094 ? vid : NO_VLAN;
  }

  /** `NOT_MEMBER`, `UNTAGGED`, or the VID that a frame of this VLAN carries when it leaves here. */
  egress(vlan: number): number {
    if (vlan === this.#options.nativeVlan) return UNTAGGED;
    return vlan === this.#voiceVid || this.#options.mode === 'trunk' ? vlan : NOT_MEMBER;
  }
}

function keyOf(via: Via, mac: Mac): number {
  return mac * 2 + (via === 'cdp' ? 0 : 1);
}
