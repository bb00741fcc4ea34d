/**
 * Where stations were last heard, per VLAN (IEEE 802.1Q 8.8, the filtering database). Entries age by comparison on look-up, not by
 * timer; an entry also dies when its port's link went down since, which the port's generation tells.
 */
import type { Ipv4, Mac } from '../../hal/nic.ts';
import { type Duration, type Instant, SECOND } from '../../hal/timer.ts';

/** IEEE 802.1Q 8.8.3: recommended ageing time. */
const AGEING_TIME: Duration = 300 * SECOND;

/** A Catalyst 3850 holds 32,000 addresses; the lab's is larger so that one world may carry 40,000 phones in two VLANs. */
const MAC_TABLE_SIZE = 131_072;

/** What the table has to know of a port. */
export interface Station {
  /** Counts link losses: an entry made before the last one is void. */
  readonly generation: number;
}

interface Entry<P> {
  port: P;
  generation: number;
  seenAt: Instant;
}

export class MacTable<P extends Station> {
  readonly #vlans = new Map<number, Map<Mac, Entry<P>>>();
  readonly #addresses = new Map<number, Map<Ipv4, Mac>>();
  readonly #ageing: Duration;
  readonly #limit: number;
  #count = 0;
  #sweptAt: Instant = Number.NEGATIVE_INFINITY;
  /** Stations not learned because the table was full. */
  overflows = 0;

  constructor(options: { readonly ageing?: Duration; readonly limit?: number } = {}) {
    this.#ageing = options.ageing ?? AGEING_TIME;
    this.#limit = options.limit ?? MAC_TABLE_SIZE;
  }

  /** Entries held, aged ones included until they are swept. */
  get size(): number {
    return this.#count;
  }

  learn(now: Instant, vlan: number, mac: Mac, port: P): void {
    const stations = this.#stations(vlan);
    const entry = stations.get(mac);
    if (entry !== undefined) {
      entry.port = port;
      entry.generation = port.generation;
      entry.seenAt = now;
      return;
    }
    if (this.#count >= this.#limit && !this.#sweep(now)) {
      this.overflows += 1;
      return;
    }
    stations.set(mac, { port, generation: port.generation, seenAt: now });
    this.#count += 1;
  }

  lookup(now: Instant, vlan: number, mac: Mac): P | null {
    const stations = this.#vlans.get(vlan);
    const entry = stations?.get(mac);
    if (stations === undefined || entry === undefined) return null;
    if (this.#alive(now, entry)) return entry.port;
    stations.delete(mac);
    this.#count -= 1;
    return null;
  }

  /** Remembers whose protocol address was seen in an ARP packet, as a switch's IP device tracking does. */
  learnAddress(vlan: number, address: Ipv4, mac: Mac): void {
    let addresses = this.#addresses.get(vlan);
    if (addresses === undefined) {
      addresses = new Map();
      this.#addresses.set(vlan, addresses);
    }
    if (addresses.size < this.#limit || addresses.has(address)) addresses.set(address, mac);
  }

  lookupAddress(now: Instant, vlan: number, address: Ipv4): P | null {
    const mac = this.#addresses.get(vlan)?.get(address);
    return mac === undefined ? null : this.lookup(now, vlan, mac);
  }

  #stations(vlan: number): Map<Mac, Entry<P>> {
    let stations = this.#vlans.get(vlan);
    if (stations === undefined) {
      stations = new Map();
      this.#vlans.set(vlan, stations);
    }
    return stations;
  }

  #alive(now: Instant, entry: Entry<P>): boolean {
    return entry.generation === entry.port.generation && now - entry.seenAt < this.#ageing;
  }

  /** Throws out what has aged; true when that made room. At most one sweep a second: a full table must stay cheap. */
  #sweep(now: Instant): boolean {
    if (now - this.#sweptAt < SECOND) return false;
    this.#sweptAt = now;
    for (const stations of this.#vlans.values()) {
      for (const [mac, entry] of stations) {
        if (this.#alive(now, entry)) continue;
        stations.delete(mac);
        this.#count -= 1;
      }
    }
    return this.#count < this.#limit;
  }
}
