/**
 * Two stacks on a wire in memory, in virtual time: the wire delays, loses, repeats, reorders and corrupts by seed.
 * A stack that is stepped by hand against made-up segments is in `tcp-peer.ts`.
 */
import type { Endpoint, TcpGone, TcpSink, TcpSocket } from '../../firmware/net/sockets.ts';
import { Stack, type StackOptions } from '../../firmware/net/stack.ts';
import type { Mac, Nic, ReceiveFilter } from '../../hal/nic.ts';
import type { Rng } from '../../hal/rng.ts';
import { type Duration, type Instant, MILLISECOND, NEVER, SECOND } from '../../hal/timer.ts';
import { describeFrame } from './describe-frame.ts';

export const LEFT: Mac = 0x0200_5e00_0001;
export const RIGHT: Mac = 0x0200_5e00_0002;
export const LEFT_ADDRESS = 0x0a00_0001;
export const RIGHT_ADDRESS = 0x0a00_0002;
export const UNTAGGED = { vlan: null, priority: 0 } as const;

export interface WireFaults {
  readonly seed: number;
  /** One way. */
  readonly latency: Duration;
  /** Added at random to the latency; more than the spacing of frames reorders them. */
  readonly jitter: Duration;
  /** Probabilities for each frame. */
  readonly loss: number;
  readonly duplicate: number;
  readonly corrupt: number;
}

const CLEAN: WireFaults = { seed: 1, latency: MILLISECOND, jitter: 0, loss: 0, duplicate: 0, corrupt: 0 };

/** mulberry32: short, and good enough for tests. */
export function seededRng(seed: number): Rng {
  let state = seed | 0;
  const u32 = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const fill = (into: Uint8Array): void => {
    for (let index = 0; index < into.length; index++) into[index] = u32();
  };
  return { u32, below: (bound) => Math.floor((u32() / 2 ** 32) * bound), fill };
}

/** A NIC that hands what is sent to a function and checks the length as a real one would. */
export class TestNic implements Nic {
  readonly mac: Mac;
  filter: ReceiveFilter | null = null;
  up = true;
  readonly #sent: (frame: Uint8Array) => void;

  constructor(mac: Mac, sent: (frame: Uint8Array) => void) {
    this.mac = mac;
    this.#sent = sent;
  }

  link() {
    return { up: this.up, speed: this.up ? 100 : 0, fullDuplex: true };
  }

  transmit(length: number, fill: (frame: Uint8Array) => void): boolean {
    if (length < 60 || length > 1518) throw new RangeError(`frame of ${length} octets`);
    if (!this.up) return false;
    const frame = new Uint8Array(length);
    fill(frame);
    this.#sent(frame);
    return true;
  }

  setFilter(filter: ReceiveFilter): void {
    this.filter = filter;
  }

  counters() {
    return {
      transmittedFrames: 0,
      transmittedOctets: 0,
      receivedFrames: 0,
      receivedOctets: 0,
      filteredFrames: 0,
      ringDrops: 0,
    };
  }
}

interface Flight {
  readonly at: Instant;
  readonly order: number;
  readonly to: Stack;
  readonly frame: Uint8Array;
}

export class Pair {
  now: Instant = 0;
  readonly left: Stack;
  readonly right: Stack;
  readonly leftNic: TestNic;
  readonly rightNic: TestNic;
  /** Every frame sent, lost ones included: `0.001000 > ...` is from left to right. */
  readonly log: string[] = [];
  /** Counts, and prints nothing: for long transfers. */
  quiet = false;
  framesSent = 0;
  readonly #faults: WireFaults;
  readonly #chance: Rng;
  #flights: Flight[] = [];
  #order = 0;

  constructor(faults: Partial<WireFaults> = {}, left: Partial<StackOptions> = {}, right: Partial<StackOptions> = {}) {
    this.#faults = { ...CLEAN, ...faults };
    this.#chance = seededRng(this.#faults.seed);
    this.leftNic = new TestNic(LEFT, (frame) => this.#send(frame, '>'));
    this.rightNic = new TestNic(RIGHT, (frame) => this.#send(frame, '<'));
    this.left = new Stack({ nic: this.leftNic, rng: seededRng(this.#faults.seed + 1), ...left });
    this.right = new Stack({ nic: this.rightNic, rng: seededRng(this.#faults.seed + 2), ...right });
  }

  /** Both untagged, with an address each. */
  static configured(
    faults: Partial<WireFaults> = {},
    left: Partial<StackOptions> = {},
    right: Partial<StackOptions> = {},
  ): Pair {
    const pair = new Pair(faults, left, right);
    for (const [stack, address] of [
      [pair.left, LEFT_ADDRESS],
      [pair.right, RIGHT_ADDRESS],
    ] as const) {
      stack.setVlan(0, UNTAGGED);
      stack.setAddress(0, { address, prefixLength: 24, routers: [] });
    }
    return pair;
  }

  /** Lets both send what is due now. Call it after touching a stack from outside. */
  drain(): void {
    this.left.dispatch(this.now);
    this.right.dispatch(this.now);
  }

  /** Goes to the next event and runs it; false when nothing will ever happen again, or not before `until`. */
  step(until: Instant = NEVER): boolean {
    this.drain();
    const flight = this.#flights[0];
    const at = Math.max(Math.min(flight?.at ?? NEVER, this.left.pollAt(), this.right.pollAt()), this.now);
    if (at === NEVER || at > until) return false;
    this.now = at;
    if (flight !== undefined && flight.at <= at) {
      this.#flights.shift();
      flight.to.process(at, flight.frame, flight.frame.length);
    }
    this.drain();
    return true;
  }

  /** Runs for `duration` of virtual time. */
  run(duration: Duration): void {
    const until = this.now + duration;
    while (this.step(until));
    this.now = until;
  }

  /** Runs until `done()`; false when that did not come within `limit` of virtual time. */
  runUntil(done: () => boolean, limit: Duration = 600 * SECOND): boolean {
    const until = this.now + limit;
    while (!done()) if (!this.step(until)) return false;
    return true;
  }

  #send(frame: Uint8Array, direction: '>' | '<'): void {
    this.framesSent++;
    if (!this.quiet) this.log.push(`${(this.now / SECOND).toFixed(6)} ${direction} ${describeFrame(frame)}`);
    const copies = this.#roll(this.#faults.duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#roll(this.#faults.loss)) continue;
      const bytes = frame.slice();
      // Any bit of the payload behind the Ethernet header, whose own corruption the FCS would have found.
      if (this.#roll(this.#faults.corrupt))
        bytes[14 + this.#chance.below(bytes.length - 14)]! ^= 1 << this.#chance.below(8);
      const delay = this.#faults.latency + (this.#faults.jitter > 0 ? this.#chance.below(this.#faults.jitter) : 0);
      this.#enqueue({
        at: this.now + delay,
        order: this.#order++,
        to: direction === '>' ? this.right : this.left,
        frame: bytes,
      });
    }
  }

  #enqueue(flight: Flight): void {
    let index = this.#flights.length;
    while (index > 0 && this.#flights[index - 1]!.at > flight.at) index--;
    this.#flights.splice(index, 0, flight);
  }

  #roll(probability: number): boolean {
    return probability > 0 && this.#chance.u32() / 2 ** 32 < probability;
  }
}

/** A sink that writes down what it hears, with times in milliseconds, and can be told to answer. */
export class RecordingSink implements TcpSink {
  readonly events: string[] = [];
  readonly octets: number[] = [];
  why: TcpGone | null = null;
  onData: ((now: Instant, octets: Uint8Array) => void) | null = null;
  onEnded: ((now: Instant) => void) | null = null;
  onWritable: ((now: Instant) => void) | null = null;
  onConnected: ((now: Instant) => void) | null = null;

  connected(now: Instant): void {
    this.#note(now, 'connected');
    this.onConnected?.(now);
  }

  data(now: Instant, octets: Uint8Array): void {
    this.#note(now, `data ${octets.length}`);
    for (const octet of octets) this.octets.push(octet);
    this.onData?.(now, octets);
  }

  ended(now: Instant): void {
    this.#note(now, 'ended');
    this.onEnded?.(now);
  }

  writable(now: Instant): void {
    this.#note(now, 'writable');
    this.onWritable?.(now);
  }

  gone(now: Instant, why: TcpGone): void {
    if (this.why !== null) throw new Error('gone twice');
    this.why = why;
    this.#note(now, `gone ${why}`);
  }

  #note(now: Instant, event: string): void {
    if (this.why !== null && !event.startsWith('gone')) throw new Error(`${event} after gone`);
    this.events.push(`${Math.round(now / MILLISECOND)} ${event}`);
  }
}

/** A connection from left to a listener of right on port 2000, both ends with their sinks; not yet run. */
export function connectPair(pair: Pair, port = 2000) {
  const clientSink = new RecordingSink();
  const serverSink = new RecordingSink();
  const accepted: TcpSocket[] = [];
  const listener = pair.right.listen(port, (_now, socket) => {
    accepted.push(socket);
    return serverSink;
  })!;
  const remote: Endpoint = { address: RIGHT_ADDRESS, port };
  const client = pair.left.connect(pair.now, remote, clientSink);
  return { client, clientSink, serverSink, listener, server: () => accepted[0]!, accepted };
}
