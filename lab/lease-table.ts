/**
 * Addresses of one DHCP pool and who has them: every address is free, offered, bound, declined or remembered (its lease ended, and its
 * client gets it again unless the pool runs dry). The counts are exact at every instant; tests compare them with what clients hold.
 */
import type { Ipv4, Mac } from '../hal/nic.ts';
import type { Timeline } from '../hal/timeline.ts';
import { type Duration, type Instant, NEVER, SECOND } from '../hal/timer.ts';
import { ConstantDelayQueue } from './constant-delay-queue.ts';

/** An offer that no REQUEST follows is withdrawn after this. */
const OFFER_TIME: Duration = 60 * SECOND;
/** An address that a client found in use is left alone for this long. */
const DECLINE_TIME: Duration = 600 * SECOND;

export type LeaseState = 'offered' | 'bound' | 'declined' | 'remembered';

export interface Lease {
  readonly mac: Mac;
  readonly address: Ipv4;
  state: LeaseState;
  /** `NEVER` for an infinite lease. */
  expiresAt: Instant;
}

export interface LeaseTableOptions {
  readonly timeline: Timeline;
  readonly first: Ipv4;
  readonly last: Ipv4;
  /** Addresses in the range that are not given out: servers. */
  readonly excluded?: readonly Ipv4[];
  readonly reservations?: ReadonlyMap<Mac, Ipv4>;
  /** A bound lease ran out. */
  readonly expired?: (now: Instant, lease: Lease) => void;
}

export class LeaseTable {
  readonly #timeline: Timeline;
  readonly #first: Ipv4;
  readonly #last: Ipv4;
  readonly #excluded: ReadonlySet<Ipv4>;
  readonly #reservations: ReadonlyMap<Mac, Ipv4>;
  readonly #reserved: ReadonlySet<Ipv4>;
  readonly #expired: (now: Instant, lease: Lease) => void;
  readonly #byMac = new Map<Mac, Lease>();
  readonly #byAddress = new Map<Ipv4, Lease>();
  /** One queue for each lease time in use: within one, leases end in the order in which they were made. */
  readonly #queues = new Map<Duration, ConstantDelayQueue<Lease>>();
  /** Addresses that were returned, oldest first. */
  #returned: Ipv4[] = [];
  #returnedHead = 0;
  #next: Ipv4;
  readonly #counts: Record<LeaseState, number> = { offered: 0, bound: 0, declined: 0, remembered: 0 };

  constructor(options: LeaseTableOptions) {
    this.#timeline = options.timeline;
    this.#first = options.first;
    this.#last = options.last;
    this.#next = options.first;
    this.#excluded = new Set(options.excluded ?? []);
    this.#reservations = options.reservations ?? new Map();
    this.#reserved = new Set(this.#reservations.values());
    this.#expired = options.expired ?? (() => {});
  }

  count(state: LeaseState): number {
    return this.#counts[state];
  }

  find(mac: Mac): Lease | null {
    return this.#byMac.get(mac) ?? null;
  }

  at(address: Ipv4): Lease | null {
    return this.#byAddress.get(address) ?? null;
  }

  /** All leases, whatever their state. */
  leases(): IterableIterator<Lease> {
    return this.#byMac.values();
  }

  /** True for an address that this table may give to this client. */
  allows(mac: Mac, address: Ipv4): boolean {
    if (this.#reservations.get(mac) === address) return true;
    if (address < this.#first || address > this.#last || this.#excluded.has(address) || this.#reserved.has(address)) {
      return false;
    }
    const holder = this.#byAddress.get(address);
    return holder === undefined || holder.mac === mac || holder.state === 'remembered';
  }

  /** An address for the client: what it has or had, what it wishes, or the next free one. Null when the pool is empty. */
  offer(mac: Mac, wish: Ipv4 | undefined): Lease | null {
    const present = this.#byMac.get(mac);
    const reserved = this.#reservations.get(mac);
    if (present !== undefined && (reserved === undefined || reserved === present.address)) {
      if (present.state === 'bound') return present;
      if (present.state !== 'declined') return this.#hold(present, 'offered', OFFER_TIME);
    }
    const address =
      reserved ?? (wish !== undefined && this.allows(mac, wish) ? wish : this.#free()) ?? this.#oldestRemembered();
    return address === null || !this.allows(mac, address)
      ? null
      : this.#hold(this.#create(mac, address), 'offered', OFFER_TIME);
  }

  /** Binds or renews. `seconds` Infinity is a lease without end. The caller has asked `allows`. */
  bind(mac: Mac, address: Ipv4, seconds: number): Lease {
    const present = this.#byMac.get(mac);
    const lease = present?.address === address ? present : this.#create(mac, address);
    return this.#hold(lease, 'bound', seconds * SECOND);
  }

  /** The client gave its address back, or took another server's. */
  release(mac: Mac): Lease | null {
    const lease = this.#byMac.get(mac);
    if (lease === undefined || (lease.state !== 'bound' && lease.state !== 'offered')) return null;
    this.#remember(lease);
    return lease;
  }

  /** The client found somebody else at the address. */
  decline(mac: Mac, address: Ipv4): boolean {
    const lease = this.#byMac.get(mac);
    if (lease?.address !== address) return false;
    this.#byMac.delete(mac);
    this.#hold(lease, 'declined', DECLINE_TIME);
    return true;
  }

  #create(mac: Mac, address: Ipv4): Lease {
    this.#drop(this.#byMac.get(mac));
    this.#drop(this.#byAddress.get(address));
    const lease: Lease = { mac, address, state: 'remembered', expiresAt: NEVER };
    this.#counts.remembered += 1;
    this.#byMac.set(mac, lease);
    this.#byAddress.set(address, lease);
    return lease;
  }

  /** Forgets a lease; its address is free again. */
  #drop(lease: Lease | undefined): void {
    if (lease === undefined) return;
    this.#counts[lease.state] -= 1;
    lease.expiresAt = NEVER;
    if (this.#byMac.get(lease.mac) === lease) this.#byMac.delete(lease.mac);
    if (this.#byAddress.get(lease.address) === lease) this.#byAddress.delete(lease.address);
    this.#returned.push(lease.address);
  }

  #hold(lease: Lease, state: LeaseState, time: Duration): Lease {
    this.#setState(lease, state);
    lease.expiresAt = time === Number.POSITIVE_INFINITY ? NEVER : this.#queue(time).add(lease);
    return lease;
  }

  #setState(lease: Lease, state: LeaseState): void {
    this.#counts[lease.state] -= 1;
    this.#counts[state] += 1;
    lease.state = state;
  }

  #remember(lease: Lease): void {
    this.#setState(lease, 'remembered');
    lease.expiresAt = NEVER;
  }

  #queue(time: Duration): ConstantDelayQueue<Lease> {
    let queue = this.#queues.get(time);
    if (queue === undefined) {
      queue = new ConstantDelayQueue(this.#timeline, time, (lease, at) => this.#ended(lease, at));
      this.#queues.set(time, queue);
    }
    return queue;
  }

  #ended(lease: Lease, at: Instant): void {
    // Renewed, released or dropped meanwhile: another instant counts.
    if (lease.expiresAt !== at) return;
    if (lease.state === 'declined') {
      this.#drop(lease);
      return;
    }
    const wasBound = lease.state === 'bound';
    this.#remember(lease);
    if (wasBound) this.#expired(at, lease);
  }

  #free(): Ipv4 | null {
    while (this.#returnedHead < this.#returned.length) {
      const address = this.#returned[this.#returnedHead]!;
      this.#returnedHead += 1;
      if (this.#returnedHead * 2 > this.#returned.length) {
        this.#returned.splice(0, this.#returnedHead);
        this.#returnedHead = 0;
      }
      if (this.#isFree(address)) return address;
    }
    while (this.#next <= this.#last) {
      const address = this.#next;
      this.#next += 1;
      if (this.#isFree(address)) return address;
    }
    return null;
  }

  #isFree(address: Ipv4): boolean {
    const inRange = address >= this.#first && address <= this.#last;
    return inRange && !this.#byAddress.has(address) && !this.#excluded.has(address) && !this.#reserved.has(address);
  }

  /** The pool is dry: takes the address of the client whose lease ended and that was made first. */
  #oldestRemembered(): Ipv4 | null {
    if (this.#counts.remembered === 0) return null;
    for (const lease of this.#byAddress.values()) {
      if (lease.state === 'remembered' && !this.#reserved.has(lease.address)) return lease.address;
    }
    return null;
  }
}
