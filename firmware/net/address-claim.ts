/**
 * IPv4 address conflict detection (RFC 5227): probe before use, announce, and notice when somebody else uses our address.
 * A machine of its own; it sends by the function it is given.
 */
import { BROADCAST_MAC, type Ipv4, type Mac } from '../../hal/nic.ts';
import { type Duration, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import * as arp from '../wire/arp.ts';

/** RFC 5227 1.1: ANNOUNCE_NUM, ANNOUNCE_INTERVAL, DEFEND_INTERVAL. */
const ANNOUNCE_COUNT = 2;
const ANNOUNCE_INTERVAL: Duration = 2 * SECOND;
const DEFEND_INTERVAL: Duration = 10 * SECOND;

/** The verdict on a probed address: whether somebody has it, and who. */
export type ProbeResult = (conflict: boolean, mac: Mac | null) => void;

type State =
  | { readonly name: 'quiet' }
  | {
      readonly name: 'probing';
      readonly address: Ipv4;
      readonly interval: Duration;
      readonly result: ProbeResult;
      readonly left: number;
      readonly nextAt: Instant;
    }
  /** Somebody answered: the verdict waits for the next dispatch. */
  | { readonly name: 'conflict'; readonly mac: Mac; readonly result: ProbeResult }
  | { readonly name: 'announcing'; readonly left: number; readonly nextAt: Instant };

const QUIET: State = Object.freeze({ name: 'quiet' });

export class AddressClaim {
  readonly #mac: Mac;
  readonly #send: (destination: Mac, packet: arp.Packet) => void;
  readonly #onConflict: (now: Instant, mac: Mac) => void;
  #state: State = QUIET;
  #ownAddress: Ipv4 = 0;
  #defendedAt: Instant = Number.NEGATIVE_INFINITY;

  constructor(
    mac: Mac,
    send: (destination: Mac, packet: arp.Packet) => void,
    onConflict: (now: Instant, mac: Mac) => void,
  ) {
    this.#mac = mac;
    this.#send = send;
    this.#onConflict = onConflict;
  }

  /** The address under probe, 0 when there is none. */
  get probed(): Ipv4 {
    return this.#state.name === 'probing' ? this.#state.address : 0;
  }

  /** Stops what is under way, without a verdict. */
  reset(ownAddress: Ipv4): void {
    this.#state = QUIET;
    this.#ownAddress = ownAddress;
    this.#defendedAt = Number.NEGATIVE_INFINITY;
  }

  /** @param interval wait after each probe. The random PROBE_WAIT before the first is the caller's business. */
  probe(now: Instant, address: Ipv4, count: number, interval: Duration, result: ProbeResult): void {
    this.#state = { name: 'probing', address, interval, result, left: count, nextAt: now };
  }

  announce(now: Instant): void {
    if (this.#ownAddress !== 0) this.#state = { name: 'announcing', left: ANNOUNCE_COUNT, nextAt: now };
  }

  /** Any ARP packet from the wire. */
  receive(now: Instant, packet: arp.Packet): void {
    if (packet.senderHardware === this.#mac) return;
    if (this.#state.name === 'probing') this.#receiveProbing(packet, this.#state);
    if (this.#ownAddress === 0 || packet.senderProtocol !== this.#ownAddress) return;
    // RFC 5227 2.4 (b): defend once, not again within DEFEND_INTERVAL.
    if (now - this.#defendedAt >= DEFEND_INTERVAL) {
      this.#defendedAt = now;
      this.#sendAbout(this.#ownAddress, this.#ownAddress);
    }
    this.#onConflict(now, packet.senderHardware);
  }

  dispatch(now: Instant): void {
    const state = this.#state;
    if (state.name === 'conflict') {
      this.#state = QUIET;
      state.result(true, state.mac);
      return;
    }
    if (state.name === 'quiet' || state.nextAt > now) return;
    if (state.name === 'announcing') {
      this.#sendAbout(this.#ownAddress, this.#ownAddress);
      this.#state = state.left > 1 ? { ...state, left: state.left - 1, nextAt: now + ANNOUNCE_INTERVAL } : QUIET;
    } else if (state.left > 0) {
      this.#sendAbout(0, state.address);
      this.#state = { ...state, left: state.left - 1, nextAt: now + state.interval };
    } else {
      this.#state = QUIET;
      state.result(false, null);
    }
  }

  pollAt(): Instant {
    if (this.#state.name === 'quiet') return NEVER;
    return this.#state.name === 'conflict' ? 0 : this.#state.nextAt;
  }

  /** RFC 5227 2.1.1: whoever has the address, or probes for it at the same time, is in conflict with us. */
  #receiveProbing(packet: arp.Packet, state: State & { name: 'probing' }): void {
    const uses = packet.senderProtocol === state.address;
    const probes =
      packet.operation === arp.OPERATION.request &&
      packet.senderProtocol === 0 &&
      packet.targetProtocol === state.address;
    if (uses || probes) this.#state = { name: 'conflict', mac: packet.senderHardware, result: state.result };
  }

  /** A probe has sender 0, an announcement sender and target alike. */
  #sendAbout(sender: Ipv4, target: Ipv4): void {
    this.#send(BROADCAST_MAC, {
      operation: arp.OPERATION.request,
      senderHardware: this.#mac,
      senderProtocol: sender,
      targetHardware: 0,
      targetProtocol: target,
    });
  }
}
