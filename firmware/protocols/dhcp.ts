/**
 * DHCP client (RFC 2131 sections 4.4.1 to 4.4.6), from INIT or INIT-REBOOT to BOUND and round through RENEWING and REBINDING.
 *
 * The owner sends what it is told to send, runs the address probe of RFC 5227 when asked to and answers with `probed`, keeps the
 * lease in flash, and configures the interface on `bound` and `use-stored`, takes the address off on `lost`.
 */
import type { Ipv4 } from '../../hal/nic.ts';
import type { Rng } from '../../hal/rng.ts';
import { type Duration, earlier, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import * as dhcp from '../wire/dhcp.ts';
import { instantOf, type Lease, leaseOf, restoredLease, type StoredLease } from './dhcp-lease.ts';
import { type DhcpIdentity, DhcpRequests } from './dhcp-requests.ts';

export type DhcpIn =
  /**
   * With `stored` the client asks for that address again (INIT-REBOOT), and takes it when nobody answers, unless `reuse` is false: it was
   * granted on another VLAN. `returning`: the phone has had an address since it was started, and was away from the network only. Ignored while running.
   */
  | { readonly kind: 'start'; readonly stored?: StoredLease; readonly reuse?: boolean; readonly returning?: boolean }
  | { readonly kind: 'received'; readonly message: dhcp.Message }
  /** Silence at once and no output but the state: the link is gone, or the VLAN is another one. */
  | { readonly kind: 'stop' }
  /** Gives the address back and idles until `start`. */
  | { readonly kind: 'release' }
  /** The answer to `probe`; with `conflict` also later, when the address in use turns out to be somebody else's. */
  | { readonly kind: 'probed'; readonly conflict: boolean };

/** As the phone's network statistics show it. */
export type DhcpStateName =
  | 'DHCP INVALID'
  | 'DHCP WAITING COLDBOOT TIMEOUT'
  | 'DHCP INIT'
  | 'DHCP REQUESTING'
  | 'DHCP REBOOT'
  | 'DHCP RESYNC'
  | 'DHCP BOUND'
  | 'DHCP RENEWING'
  | 'DHCP REBINDING'
  | 'DHCP TIMEOUT'
  | 'DISABLED DUPLICATE IP';

export type DhcpLoss = 'expired' | 'nak' | 'conflict' | 'released';

export type DhcpOut =
  /** `from` is the source address to write: 0 until bound. */
  | { readonly kind: 'send'; readonly message: dhcp.Message; readonly to: 'broadcast' | Ipv4; readonly from: Ipv4 }
  | { readonly kind: 'state'; readonly name: DhcpStateName }
  | { readonly kind: 'probe'; readonly address: Ipv4 }
  | { readonly kind: 'bound'; readonly lease: Lease }
  /** The same address for longer. Other parameters that changed are for the next boot. */
  | { readonly kind: 'renewed'; readonly lease: Lease }
  | { readonly kind: 'lost'; readonly address: Ipv4; readonly reason: DhcpLoss }
  /** A line of the status menu. */
  | { readonly kind: 'status'; readonly message: string }
  /** No acceptable answer to `tries` messages since the start; the client goes on. */
  | { readonly kind: 'no-answer'; readonly tries: number }
  /** Nobody answered and the stored lease has time left: use it. */
  | { readonly kind: 'use-stored'; readonly lease: Lease }
  /** A second server on the segment; `chosen` is the one whose offer came first. */
  | { readonly kind: 'other-offer'; readonly server: Ipv4; readonly address: Ipv4; readonly chosen: Ipv4 };

export interface DhcpClientOptions extends DhcpIdentity {
  readonly rng: Rng;
  readonly tunables: TunableValues;
}

/** One message that is repeated until somebody answers. */
interface Exchange {
  readonly xid: number;
  readonly startedAt: Instant;
  /** How often it was sent. */
  readonly tries: number;
  readonly sentAt: Instant;
  /** Value of the `secs` field of the last DISCOVER: its REQUEST repeats it (RFC 2131 section 4.4.1). */
  readonly secs: number;
  readonly retryAt: Instant;
}

type State =
  | { readonly name: 'stopped' }
  /** RFC 2131 section 4.4.1: so that a building whose power has come back does not ask all at once. */
  | { readonly name: 'waiting'; readonly startAt: Instant }
  | { readonly name: 'selecting'; readonly exchange: Exchange }
  | { readonly name: 'requesting'; readonly exchange: Exchange; readonly address: Ipv4; readonly server: Ipv4 }
  | { readonly name: 'rebooting'; readonly exchange: Exchange; readonly address: Ipv4 }
  | { readonly name: 'probing'; readonly lease: Lease; readonly restored: boolean; readonly xid: number }
  | { readonly name: 'bound'; readonly lease: Lease; readonly restored: boolean; readonly xid: number }
  | { readonly name: 'renewing' | 'rebinding'; readonly lease: Lease; readonly exchange: Exchange }
  | { readonly name: 'declined'; readonly retryAt: Instant }
  | { readonly name: 'released' };

type StateName = State['name'];

/** RFC 2131 figure 5, with the probe between ACK and BOUND, and the stops. */
const TRANSITIONS: Readonly<Record<StateName, readonly StateName[]>> = {
  stopped: ['waiting', 'selecting', 'rebooting'],
  waiting: ['selecting', 'stopped', 'released'],
  selecting: ['selecting', 'requesting', 'probing', 'stopped', 'released'],
  requesting: ['requesting', 'selecting', 'probing', 'stopped', 'released'],
  rebooting: ['rebooting', 'selecting', 'probing', 'stopped', 'released'],
  probing: ['bound', 'declined', 'stopped', 'released'],
  bound: ['renewing', 'declined', 'stopped', 'released'],
  renewing: ['renewing', 'rebinding', 'bound', 'selecting', 'declined', 'stopped', 'released'],
  rebinding: ['rebinding', 'bound', 'selecting', 'declined', 'stopped', 'released'],
  declined: ['selecting', 'stopped', 'released'],
  released: ['waiting', 'selecting', 'rebooting', 'stopped'],
};

/** RFC 2131 section 4.1: 4 s doubling to 64 s, each randomised by one second either way. */
const FIRST_RETRY: Duration = 4 * SECOND;
const DOUBLINGS = 4;

/** RFC 2131 section 4.4.5: half of what remains, "down to a minimum of 60 seconds". */
const MIN_EXTEND_RETRY: Duration = 60 * SECOND;

export class DhcpClient implements Machine<DhcpIn, DhcpOut> {
  readonly #mac: number;
  readonly #rng: Rng;
  readonly #tunables: TunableValues;
  readonly #requests: DhcpRequests;
  #state: State = { name: 'stopped' };
  #shown: DhcpStateName = 'DHCP INVALID';
  #stored: StoredLease | null = null;
  /** When `#stored` was handed over; its remaining time counts from here. */
  #storedAt: Instant = 0;
  /** NAKs since the last lease: a server that offers and refuses in a circle must not be asked at wire speed. */
  #naks = 0;
  /** What asking for the stored address is called. */
  #returning = false;
  #out: DhcpOut[] = [];

  constructor(options: DhcpClientOptions) {
    this.#mac = options.mac;
    this.#rng = options.rng;
    this.#tunables = options.tunables;
    this.#requests = new DhcpRequests(options, options.tunables);
  }

  process(now: Instant, input: DhcpIn): void {
    switch (input.kind) {
      case 'start':
        this.#start(now, input.stored ?? null, input.reuse ?? true, input.returning ?? false);
        break;
      case 'received':
        this.#received(now, input.message);
        break;
      case 'stop':
        this.#out = [];
        if (this.#state.name !== 'stopped') this.#enter({ name: 'stopped' });
        break;
      case 'release':
        this.#release();
        break;
      case 'probed':
        this.#probed(now, input.conflict);
        break;
    }
  }

  dispatch(now: Instant, emit: (out: DhcpOut) => void): void {
    for (;;) {
      const out = this.#out.shift();
      if (out !== undefined) emit(out);
      else if (now >= this.#deadline()) this.#expire(now);
      else return;
    }
  }

  pollAt(): Instant {
    return this.#out.length > 0 ? 0 : this.#deadline();
  }

  #deadline(): Instant {
    const state = this.#state;
    switch (state.name) {
      case 'waiting':
        return state.startAt;
      case 'selecting':
      case 'requesting':
      case 'rebooting':
        return state.exchange.retryAt;
      case 'bound':
        return instantOf(state.lease, state.lease.t1);
      case 'renewing':
        return earlier(state.exchange.retryAt, instantOf(state.lease, state.lease.t2));
      case 'rebinding':
        return earlier(state.exchange.retryAt, instantOf(state.lease, state.lease.leaseSeconds));
      case 'declined':
        return state.retryAt;
      default:
        return NEVER;
    }
  }

  #enter(next: State): void {
    if (!TRANSITIONS[this.#state.name].includes(next.name)) {
      throw new Error(`DHCP client cannot go from ${this.#state.name} to ${next.name}`);
    }
    this.#state = next;
    switch (next.name) {
      case 'waiting':
        this.#show('DHCP WAITING COLDBOOT TIMEOUT');
        break;
      case 'selecting':
        this.#show(next.exchange.tries > this.#tunables['dhcp.maxDiscovers'] ? 'DHCP TIMEOUT' : 'DHCP INIT');
        break;
      case 'requesting':
        this.#show('DHCP REQUESTING');
        break;
      case 'rebooting':
        this.#show(this.#returning ? 'DHCP RESYNC' : 'DHCP REBOOT');
        break;
      case 'bound':
        this.#show(next.restored ? 'DHCP TIMEOUT' : 'DHCP BOUND');
        break;
      case 'renewing':
        this.#show('DHCP RENEWING');
        break;
      case 'rebinding':
        this.#show('DHCP REBINDING');
        break;
      case 'declined':
        this.#show('DISABLED DUPLICATE IP');
        break;
      case 'stopped':
      case 'released':
        this.#show('DHCP INVALID');
        break;
      case 'probing':
        break; // No name of its own: the phone still shows how it asked.
    }
  }

  #show(name: DhcpStateName): void {
    if (name === this.#shown) return;
    this.#shown = name;
    this.#out.push({ kind: 'state', name });
  }

  #start(now: Instant, stored: StoredLease | null, reuse: boolean, returning: boolean): void {
    if (this.#state.name !== 'stopped' && this.#state.name !== 'released') return;
    this.#returning = returning && this.#tunables['dhcp.stateOnReturn'] === 'resync';
    this.#naks = 0;
    this.#stored = stored !== null && stored.remainingSeconds > 0 ? stored : null;
    this.#storedAt = now;
    const wait = returning ? 0 : this.#tunables['dhcp.coldBootWait'] * SECOND;
    if (this.#stored === null && wait > 0) {
      this.#enter({
        name: 'waiting',
        startAt: now + Math.min(wait, SECOND) + this.#rng.below(Math.max(1, wait - SECOND)),
      });
    } else if (this.#stored === null) this.#discoverAt(now, now);
    else this.#enter({ name: 'rebooting', exchange: this.#newExchange(now, now), address: this.#stored.address });
    if (!reuse) this.#stored = null;
  }

  #newExchange(now: Instant, firstAt: Instant): Exchange {
    return { xid: this.#rng.u32(), startedAt: now, tries: 0, sentAt: now, secs: 0, retryAt: firstAt };
  }

  #discoverAt(now: Instant, firstAt: Instant): void {
    this.#enter({ name: 'selecting', exchange: this.#newExchange(now, firstAt) });
  }

  /** Something is due. Always moves the deadline on. */
  #expire(now: Instant): void {
    const state = this.#state;
    switch (state.name) {
      case 'waiting':
        this.#discoverAt(now, now);
        break;
      case 'selecting':
        this.#discover(now, state.exchange);
        break;
      case 'requesting':
        if (state.exchange.tries < this.#tunables['dhcp.requestTries']) this.#select(now, state);
        else this.#discoverAt(now, now);
        break;
      case 'rebooting':
        if (state.exchange.tries < this.#tunables['dhcp.rebootTries']) this.#reboot(now, state);
        else this.#discoverAt(now, now);
        break;
      case 'bound':
        this.#enter({ name: 'renewing', lease: state.lease, exchange: this.#newExchange(now, now) });
        break;
      case 'renewing':
        if (now < instantOf(state.lease, state.lease.t2)) this.#extend(now, state);
        else this.#enter({ ...state, name: 'rebinding', exchange: { ...state.exchange, retryAt: now } });
        break;
      case 'rebinding':
        if (now < instantOf(state.lease, state.lease.leaseSeconds)) this.#extend(now, state);
        else {
          this.#lose(state.lease, 'expired');
          this.#discoverAt(now, now);
        }
        break;
      case 'declined':
        this.#discoverAt(now, now);
        break;
    }
  }

  #discover(now: Instant, exchange: Exchange): void {
    const { tries } = exchange;
    const round = this.#tunables['dhcp.maxDiscovers'];
    if (tries > 0 && tries % round === 0) {
      const stored = this.#storedLeft(now);
      this.#out.push({
        kind: 'status',
        message: stored === null ? 'Could not acquire an IP address from DHCP' : 'DHCP timeout',
      });
      this.#out.push({ kind: 'no-answer', tries });
      if (stored !== null) {
        this.#probe(stored, true, exchange.xid);
        return;
      }
    }
    const sent = this.#sent(now, exchange, secondsSince(exchange.startedAt, now));
    this.#out.push(this.#broadcast(this.#requests.discover(sent.xid, sent.secs)));
    this.#enter({ name: 'selecting', exchange: sent });
  }

  #select(now: Instant, state: State & { name: 'requesting' }): void {
    const sent = this.#sent(now, state.exchange, state.exchange.secs);
    this.#out.push(this.#broadcast(this.#requests.select(sent.xid, sent.secs, state.address, state.server)));
    this.#enter({ ...state, exchange: sent });
  }

  #reboot(now: Instant, state: State & { name: 'rebooting' }): void {
    const sent = this.#sent(now, state.exchange, secondsSince(state.exchange.startedAt, now));
    this.#out.push(this.#broadcast(this.#requests.reboot(sent.xid, sent.secs, state.address)));
    this.#enter({ ...state, exchange: sent });
  }

  /** RENEWING asks the server that gave the lease, REBINDING whoever hears it. */
  #extend(now: Instant, state: State & { name: 'renewing' | 'rebinding' }): void {
    const { lease, exchange } = state;
    const end = instantOf(lease, state.name === 'renewing' ? lease.t2 : lease.leaseSeconds);
    const secs = secondsSince(exchange.startedAt, now);
    const wait = Math.max(MIN_EXTEND_RETRY, Math.floor((end - now) / 2));
    const sent: Exchange = { ...exchange, tries: exchange.tries + 1, sentAt: now, secs, retryAt: now + wait };
    const to = state.name === 'renewing' ? lease.server : 'broadcast';
    const message = this.#requests.extend(sent.xid, secs, lease.address);
    this.#out.push({ kind: 'send', message, to, from: lease.address });
    this.#enter({ ...state, exchange: sent });
  }

  #sent(now: Instant, exchange: Exchange, secs: number): Exchange {
    return { ...exchange, secs, sentAt: now, tries: exchange.tries + 1, retryAt: now + this.#backoff(exchange.tries) };
  }

  #backoff(tries: number): Duration {
    return FIRST_RETRY * 2 ** Math.min(tries, DOUBLINGS) + this.#rng.below(2 * SECOND + 1) - SECOND;
  }

  #broadcast(message: dhcp.Message): DhcpOut {
    return { kind: 'send', message, to: 'broadcast', from: 0 };
  }

  /** The stored lease as a lease, while time is left of it. */
  #storedLeft(now: Instant): Lease | null {
    if (this.#stored === null) return null;
    const remainingSeconds = this.#stored.remainingSeconds - (now - this.#storedAt) / SECOND;
    return remainingSeconds > 0 ? restoredLease({ ...this.#stored, remainingSeconds }, now) : null;
  }

  #received(now: Instant, message: dhcp.Message): void {
    if (message.op !== dhcp.BOOTREPLY || message.chaddr !== this.#mac || message.xid !== this.#xid()) return;
    switch (message.options.messageType) {
      case dhcp.OFFER:
        this.#offered(now, message);
        break;
      case dhcp.ACK:
        this.#acknowledged(message);
        break;
      case dhcp.NAK:
        this.#refused(now, message);
        break;
    }
  }

  #xid(): number | null {
    const state = this.#state;
    if ('exchange' in state) return state.exchange.xid;
    return 'xid' in state ? state.xid : null;
  }

  #offered(now: Instant, { yiaddr, options: { serverIdentifier: server } }: dhcp.Message): void {
    const state = this.#state;
    if (server === undefined || yiaddr === 0) return;
    if (state.name === 'selecting') {
      const exchange = { ...state.exchange, tries: 0, retryAt: now };
      this.#enter({ name: 'requesting', exchange, address: yiaddr, server });
      return;
    }
    const chosen = state.name === 'requesting' ? state.server : 'lease' in state ? state.lease.server : null;
    if (chosen !== null && server !== chosen) this.#out.push({ kind: 'other-offer', server, address: yiaddr, chosen });
  }

  #acknowledged(ack: dhcp.Message): void {
    const state = this.#state;
    if (state.name === 'requesting' || state.name === 'rebooting') {
      const lease = leaseOf(ack, state.exchange.sentAt);
      if (lease === null || (state.name === 'requesting' && lease.server !== state.server)) return;
      this.#stored = null;
      this.#naks = 0;
      this.#probe(lease, false, state.exchange.xid);
    } else if (state.name === 'renewing' || state.name === 'rebinding') {
      const lease = leaseOf(ack, state.exchange.sentAt);
      if (lease === null || lease.address !== state.lease.address) return;
      this.#enter({ name: 'bound', lease, restored: false, xid: state.exchange.xid });
      this.#out.push({ kind: 'renewed', lease });
    }
  }

  #refused(now: Instant, nak: dhcp.Message): void {
    const state = this.#state;
    const { serverIdentifier } = nak.options;
    if (state.name === 'requesting') {
      if (serverIdentifier !== undefined && serverIdentifier !== state.server) return;
    } else if (state.name === 'renewing' || state.name === 'rebinding') this.#lose(state.lease, 'nak');
    else if (state.name !== 'rebooting') return;
    this.#stored = null;
    this.#naks++;
    this.#discoverAt(now, this.#naks === 1 ? now : now + this.#backoff(this.#naks - 2));
  }

  #probe(lease: Lease, restored: boolean, xid: number): void {
    this.#enter({ name: 'probing', lease, restored, xid });
    this.#out.push({ kind: 'probe', address: lease.address });
  }

  #probed(now: Instant, conflict: boolean): void {
    const state = this.#state;
    if (!('lease' in state)) return;
    if (conflict) {
      this.#declined(now, state.lease, state.name !== 'probing');
    } else if (state.name === 'probing') {
      const { lease, restored, xid } = state;
      this.#enter({ name: 'bound', lease, restored, xid });
      this.#out.push({ kind: restored ? 'use-stored' : 'bound', lease });
      if (lease.routers.length === 0) this.#out.push({ kind: 'status', message: 'No default router' });
    }
  }

  #declined(now: Instant, lease: Lease, inUse: boolean): void {
    this.#stored = null;
    this.#out.push({ kind: 'status', message: 'Duplicate IP' });
    if (inUse) this.#lose(lease, 'conflict');
    this.#out.push(this.#broadcast(this.#requests.decline(this.#rng.u32(), lease)));
    this.#enter({ name: 'declined', retryAt: now + this.#tunables['dhcp.declineWait'] * SECOND });
  }

  #release(): void {
    const state = this.#state;
    if (state.name === 'stopped' || state.name === 'released') return;
    if (state.name === 'bound' || state.name === 'renewing' || state.name === 'rebinding') {
      const { lease } = state;
      const message = this.#requests.release(this.#rng.u32(), lease);
      this.#out.push({ kind: 'send', message, to: lease.server, from: lease.address });
      this.#out.push({ kind: 'status', message: 'IP address released' });
      this.#lose(lease, 'released');
    }
    this.#enter({ name: 'released' });
  }

  #lose(lease: Lease, reason: DhcpLoss): void {
    this.#out.push({ kind: 'lost', address: lease.address, reason });
  }
}

/** For the 16-bit `secs` field. */
function secondsSince(start: Instant, now: Instant): number {
  return Math.min(0xffff, Math.floor((now - start) / SECOND));
}
