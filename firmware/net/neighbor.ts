/**
 * The neighbor cache (RFC 826, RFC 1122 2.3.2): which station has which address on the link.
 *
 * A lookup answers with the station or with null, and in the latter case a request is on its way; one packet may be parked meanwhile
 * (2.3.2.2: "SHOULD save (rather than discard) at least one (the latest) packet").
 */
import { BROADCAST_MAC, type Ipv4, type Mac } from '../../hal/nic.ts';
import { type Duration, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import * as arp from '../wire/arp.ts';
import { ETHERTYPE } from '../wire/ethernet.ts';
import type { Drops } from './counters.ts';
import { type Due, DueHeap } from './due-heap.ts';
import type { Interface } from './interface.ts';

/** Requests before a neighbor counts as absent, and the wait after each (RFC 1122 2.3.2.1: at most one a second). */
const TRIES = 3;
const RETRY_INTERVAL: Duration = 1 * SECOND;
/** RFC 1122 2.3.2.1: "the timeout needs to be on the order of a minute"; afterwards the station is asked again, by unicast. */
const REACHABLE_TIME: Duration = 60 * SECOND;
/** When the cache is full, the least recently confirmed of this many oldest entries makes room. */
const EVICTION_SAMPLE = 16;

interface Neighbor extends Due {
  readonly address: Ipv4;
  /** Null while the first answer is awaited. */
  station: Mac | null;
  confirmedAt: Instant;
  /** Requests sent since the last confirmation. */
  tries: number;
  /** A whole IPv4 packet, and its 802.1p priority. */
  parked: Uint8Array | null;
  parkedPriority: number;
}

export interface NeighborEvents {
  /** Send this parked packet now. */
  release(station: Mac, packet: Uint8Array, priority: number): void;
  /** Nobody answered for `address`. */
  failed(now: Instant, address: Ipv4): void;
}

export class NeighborCache {
  readonly #interface: Interface;
  readonly #capacity: number;
  readonly #events: NeighborEvents;
  readonly #drops: Drops;
  readonly #entries = new Map<Ipv4, Neighbor>();
  readonly #retries = new DueHeap<Neighbor>();
  #ownAddress: Ipv4 = 0;
  /** Whether what a station says about itself unasked changes what is known of it; if not, a forged announcement moves nobody. */
  acceptsGratuitous = true;
  #packet: arp.Packet | null = null;
  readonly #write = (into: Uint8Array, offset: number): void => {
    arp.emit(this.#packet!, into, offset);
  };

  /** @param capacity entries kept at most. */
  constructor(network: Interface, capacity: number, events: NeighborEvents, drops: Drops) {
    this.#interface = network;
    this.#capacity = capacity;
    this.#events = events;
    this.#drops = drops;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Forgets everything. @param ownAddress what requests are sent from and answered for; 0 for none. */
  reset(ownAddress: Ipv4): void {
    for (const entry of this.#entries.values()) {
      this.#discard(entry, 'neighbor-queue');
      this.#retries.set(entry, NEVER);
    }
    this.#entries.clear();
    this.#ownAddress = ownAddress;
  }

  /** The station of `address`, or null while it is being asked for. */
  lookup(now: Instant, address: Ipv4): Mac | null {
    const entry = this.#entries.get(address);
    if (entry === undefined) {
      this.#ask(now, this.#insert(address, null, now));
      return null;
    }
    if (now - entry.confirmedAt > REACHABLE_TIME && entry.dueAt === NEVER) this.#ask(now, entry);
    return entry.station;
  }

  /** Keeps a packet for an address that `lookup` answered null for; the latest replaces an earlier one. */
  park(address: Ipv4, packet: Uint8Array, priority: number): void {
    const entry = this.#entries.get(address);
    if (entry === undefined) return;
    this.#discard(entry, 'neighbor-queue');
    entry.parked = packet;
    entry.parkedPriority = priority;
  }

  /** Traffic came from `station`, the next hop of which is `address`: it is alive. */
  confirm(now: Instant, address: Ipv4, station: Mac): void {
    const entry = this.#entries.get(address);
    if (entry === undefined || entry.station !== station) return;
    entry.confirmedAt = now;
    if (entry.dueAt !== NEVER) this.#settle(entry);
  }

  /** Any ARP packet, in the order of RFC 826 "Packet Reception": merge, and answer when it is for us. */
  receive(now: Instant, packet: arp.Packet): void {
    if (this.#ownAddress === 0 || packet.senderProtocol === this.#ownAddress) return;
    const known = this.#entries.get(packet.senderProtocol);
    if (
      known !== undefined &&
      packet.senderProtocol !== 0 &&
      (this.acceptsGratuitous || !isGratuitous(packet, known))
    ) {
      this.#learn(now, known, packet.senderHardware);
    }
    if (packet.targetProtocol !== this.#ownAddress) return;
    if (known === undefined && packet.senderProtocol !== 0) {
      this.#insert(packet.senderProtocol, packet.senderHardware, now);
    }
    if (packet.operation !== arp.OPERATION.request) return;
    this.send(packet.senderHardware, {
      operation: arp.OPERATION.reply,
      senderHardware: this.#interface.mac,
      senderProtocol: this.#ownAddress,
      targetHardware: packet.senderHardware,
      targetProtocol: packet.senderProtocol,
    });
  }

  dispatch(now: Instant): void {
    for (let entry = this.#retries.take(now); entry !== null; entry = this.#retries.take(now)) {
      if (entry.tries < TRIES) {
        this.#ask(now, entry);
        continue;
      }
      this.#entries.delete(entry.address);
      this.#discard(entry, 'neighbor-failed');
      this.#events.failed(now, entry.address);
    }
  }

  pollAt(): Instant {
    return this.#retries.earliest();
  }

  send(destination: Mac, packet: arp.Packet): void {
    this.#packet = packet;
    this.#interface.transmit(destination, ETHERTYPE.arp, 0, arp.PACKET_LENGTH, this.#write);
  }

  /** First asks by broadcast; a station known already is asked by unicast (RFC 1122 2.3.2.1, method 2). */
  #ask(now: Instant, entry: Neighbor): void {
    entry.tries++;
    this.#retries.set(entry, now + RETRY_INTERVAL);
    this.send(entry.station ?? BROADCAST_MAC, {
      operation: arp.OPERATION.request,
      senderHardware: this.#interface.mac,
      senderProtocol: this.#ownAddress,
      targetHardware: 0,
      targetProtocol: entry.address,
    });
  }

  #learn(now: Instant, entry: Neighbor, station: Mac): void {
    entry.station = station;
    entry.confirmedAt = now;
    this.#settle(entry);
    const { parked } = entry;
    entry.parked = null;
    if (parked !== null) this.#events.release(station, parked, entry.parkedPriority);
  }

  #settle(entry: Neighbor): void {
    entry.tries = 0;
    this.#retries.set(entry, NEVER);
  }

  #insert(address: Ipv4, station: Mac | null, now: Instant): Neighbor {
    if (this.#entries.size >= this.#capacity) this.#evict();
    const entry: Neighbor = {
      address,
      station,
      confirmedAt: now,
      tries: 0,
      parked: null,
      parkedPriority: 0,
      dueAt: NEVER,
      heapIndex: -1,
    };
    this.#entries.set(address, entry);
    return entry;
  }

  #evict(): void {
    let oldest: Neighbor | null = null;
    let seen = 0;
    for (const entry of this.#entries.values()) {
      if (oldest === null || entry.confirmedAt < oldest.confirmedAt) oldest = entry;
      if (++seen === EVICTION_SAMPLE) break;
    }
    if (oldest === null) return;
    this.#entries.delete(oldest.address);
    this.#retries.set(oldest, NEVER);
    this.#discard(oldest, 'neighbor-queue');
  }

  #discard(entry: Neighbor, reason: 'neighbor-queue' | 'neighbor-failed'): void {
    if (entry.parked !== null) this.#drops[reason]++;
    entry.parked = null;
  }
}

/** An announcement (sender and target address are the same), or an answer that nobody waits for. */
function isGratuitous(packet: arp.Packet, known: Neighbor): boolean {
  if (packet.senderProtocol === packet.targetProtocol) return true;
  return packet.operation === arp.OPERATION.reply && known.dueAt === NEVER;
}
