import type { LinkState, ReceiveFilter } from '../nic.ts';
import type { Rng } from '../rng.ts';
import type { Timeline } from '../timeline.ts';
import type { Duration, Instant } from '../timer.ts';
import type { WireEnd, WireReceiver } from '../wire-end.ts';
import { DeliveryQueue } from './delivery-queue.ts';

/** What a bad line does to frames. Chances are 0 to 1; all default to nothing. */
export interface Impairment {
  /** Chance that a frame is lost. */
  readonly loss?: number;
  /** Added to every frame, in microseconds. */
  readonly delay?: Duration;
  /** Up to this much more, evenly spread. Frames stay in order. */
  readonly jitter?: Duration;
  /** Chance that a frame is kept back for `reorderDelay` while others overtake it. */
  readonly reorder?: number;
  readonly reorderDelay?: Duration;
  /** Chance that a frame arrives twice. */
  readonly duplicate?: number;
  /** Chance that one bit of a frame is flipped. */
  readonly corrupt?: number;
  /** Bottleneck in megabits a second; 0 is none. */
  readonly rate?: number;
  /** Frames that a direction holds before it drops the next one, as netem's `limit`. */
  readonly limit?: number;
}

export interface ImpairOptions extends Impairment {
  readonly timeline: Timeline;
  readonly rng: Rng;
  /** `out` is what is sent through this end, `in` what is received by it. */
  readonly direction?: 'both' | 'in' | 'out';
}

export interface ImpairedWire extends WireEnd {
  /** Another impairment from now on, in place of the present one. Frames on their way keep their time. */
  set(impairment: Impairment): void;
}

const NONE: Required<Impairment> = {
  loss: 0,
  delay: 0,
  jitter: 0,
  reorder: 0,
  reorderDelay: 5_000,
  duplicate: 0,
  corrupt: 0,
  rate: 0,
  limit: 1_000,
};

/** A wire end behind which the line is bad: same shape, other luck. The same rng and the same frames give the same result. */
export function impair(wire: WireEnd, options: ImpairOptions): ImpairedWire {
  return new ImpairedWireEnd(wire, options);
}

class ImpairedWireEnd implements ImpairedWire {
  readonly #wire: WireEnd;
  #impairment: Required<Impairment>;
  readonly #out: ImpairedDirection | null;
  readonly #in: ImpairedDirection | null;
  #receiver: WireReceiver | null = null;

  constructor(wire: WireEnd, options: ImpairOptions) {
    this.#wire = wire;
    this.#impairment = checked(options);
    const direction = options.direction ?? 'both';
    const { timeline, rng } = options;
    const settings = () => this.#impairment;
    this.#out =
      direction === 'in'
        ? null
        : new ImpairedDirection(timeline, rng, settings, (bytes, length) => wire.transmit(bytes, length));
    this.#in =
      direction === 'out'
        ? null
        : new ImpairedDirection(timeline, rng, settings, (bytes, length) => this.#receiver?.frame(bytes, length));
  }

  set(impairment: Impairment): void {
    this.#impairment = checked(impairment);
  }

  link(): LinkState {
    return this.#wire.link();
  }

  phy(on: boolean): void {
    this.#wire.phy?.(on);
  }

  filter(filter: ReceiveFilter): void {
    this.#wire.filter?.(filter);
  }

  transmit(bytes: Uint8Array, length: number): void {
    if (!this.#wire.link().up) return;
    if (this.#out === null) this.#wire.transmit(bytes, length);
    else this.#out.pass(bytes, length);
  }

  attach(receiver: WireReceiver): void {
    this.#receiver = receiver;
    this.#wire.attach({
      frame: (bytes, length) => {
        if (this.#in === null) receiver.frame(bytes, length);
        else this.#in.pass(bytes, length);
      },
      link: (state) => {
        if (!state.up) {
          this.#out?.clear();
          this.#in?.clear();
        }
        receiver.link(state);
      },
    });
  }
}

class ImpairedDirection {
  readonly #timeline: Timeline;
  readonly #rng: Rng;
  readonly #settings: () => Required<Impairment>;
  readonly #deliver: (bytes: Uint8Array, length: number) => void;
  readonly #queue: DeliveryQueue;
  /** When the bottleneck is free again; not rounded. */
  #freeAt: Instant = 0;
  /** The last frame in order arrives then; none in order arrives before it. */
  #lastAt: Instant = 0;

  constructor(
    timeline: Timeline,
    rng: Rng,
    settings: () => Required<Impairment>,
    deliver: (bytes: Uint8Array, length: number) => void,
  ) {
    this.#timeline = timeline;
    this.#rng = rng;
    this.#settings = settings;
    this.#deliver = deliver;
    this.#queue = new DeliveryQueue(timeline, deliver);
  }

  pass(bytes: Uint8Array, length: number): void {
    const { loss, duplicate } = this.#settings();
    if (this.#happens(loss)) return;
    this.#send(bytes, length);
    if (this.#happens(duplicate)) this.#send(bytes, length);
  }

  clear(): void {
    this.#queue.clear();
    this.#freeAt = 0;
    this.#lastAt = 0;
  }

  #send(bytes: Uint8Array, length: number): void {
    const { corrupt, limit } = this.#settings();
    if (this.#queue.count >= limit) return;
    const at = this.#arrival(length);
    let frame = bytes;
    if (this.#happens(corrupt)) {
      frame = bytes.slice(0, length);
      const bit = this.#rng.below(length * 8);
      frame[bit >> 3]! ^= 1 << (bit & 7);
    }
    if (at <= this.#timeline.now() && this.#queue.count === 0) this.#deliver(frame, length);
    else this.#queue.add(frame, length, at);
  }

  #arrival(length: number): Instant {
    const { delay, jitter, reorder, reorderDelay, rate } = this.#settings();
    const now = this.#timeline.now();
    let at = now + delay;
    if (rate > 0) {
      this.#freeAt = Math.max(this.#freeAt, now) + (length * 8) / rate;
      at = Math.ceil(this.#freeAt) + delay;
    }
    if (jitter > 0) at += this.#rng.below(jitter + 1);
    if (this.#happens(reorder)) return Math.max(at, this.#lastAt) + reorderDelay;
    this.#lastAt = Math.max(at, this.#lastAt);
    return this.#lastAt;
  }

  /** Draws only when there is a question, so that a perfect line uses up no chance. */
  #happens(chance: number): boolean {
    return chance > 0 && this.#rng.u32() < chance * 2 ** 32;
  }
}

function checked(given: Impairment): Required<Impairment> {
  const { loss, delay, jitter, reorder, reorderDelay, duplicate, corrupt, rate, limit } = { ...NONE, ...given };
  for (const chance of [loss, reorder, duplicate, corrupt]) {
    if (!(chance >= 0 && chance <= 1)) throw new RangeError(`a chance is 0 to 1, not ${chance}`);
  }
  for (const duration of [delay, jitter, reorderDelay]) {
    if (!(Number.isInteger(duration) && duration >= 0)) {
      throw new RangeError(`a delay is a whole number of microseconds, not ${duration}`);
    }
  }
  if (!(rate >= 0 && limit >= 1)) throw new RangeError('a rate is 0 or more, a limit 1 or more');
  return { loss, delay, jitter, reorder, reorderDelay, duplicate, corrupt, rate, limit };
}
