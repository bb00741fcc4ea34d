import type { LinkState } from '../nic.ts';
import type { Timeline } from '../timeline.ts';
import type { Duration, Instant } from '../timer.ts';
import type { WireEnd, WireReceiver } from '../wire-end.ts';
import { DeliveryQueue } from './delivery-queue.ts';

export interface CableOptions {
  /** Propagation, one way, in microseconds. 100 m of copper are half of one. */
  readonly delay?: Duration;
  /** Megabits a second. */
  readonly speed?: number;
  /** Frames that wait or travel in one direction; one more is dropped, and counted by the end that sent it. */
  readonly limit?: number;
}

export interface Cable {
  readonly a: CableEnd;
  readonly b: CableEnd;
  plug(): void;
  /** Frames on their way are lost. */
  unplug(): void;
}

export interface CableEnd extends WireEnd {
  /** Frames sent through this end that the cable had no room for. */
  readonly drops: number;
  phy(on: boolean): void;
}

const DEFAULT_SPEED = 100;
const DEFAULT_DELAY: Duration = 1;

/** Room for a broadcast of each of 40,000 phones at once on the way to a server, but not for software that sends in an endless loop. */
const DEFAULT_LIMIT = 65_536;

/** Preamble and start delimiter (8), FCS (4) and interpacket gap (12): IEEE 802.3, 4A.4.2. */
const OVERHEAD_OCTETS = 24;

/** A shorter frame keeps the line busy as long as this one, without FCS. */
const MINIMUM_FRAME_OCTETS = 60;

const LINK_DOWN: LinkState = { up: false, speed: 0, fullDuplex: false };

/**
 * A full-duplex cable, plugged in. What one end sends arrives at the other in order, after its serialisation and the delay, always from an
 * alarm and never within the sender's `transmit`.
 */
export function createCable(timeline: Timeline, options: CableOptions = {}): Cable {
  return new VirtualCable(timeline, options);
}

class VirtualCable implements Cable {
  readonly a: VirtualCableEnd;
  readonly b: VirtualCableEnd;
  readonly timeline: Timeline;
  readonly delay: Duration;
  readonly speed: number;
  readonly limit: number;
  linkState: LinkState;
  readonly #linkUp: LinkState;
  #plugged = true;

  constructor(
    timeline: Timeline,
    { delay = DEFAULT_DELAY, speed = DEFAULT_SPEED, limit = DEFAULT_LIMIT }: CableOptions,
  ) {
    if (!(speed > 0)) throw new RangeError(`a cable has a speed above 0, not ${speed}`);
    this.timeline = timeline;
    this.delay = delay;
    this.speed = speed;
    this.limit = limit;
    this.#linkUp = { up: true, speed, fullDuplex: true };
    this.linkState = this.#linkUp;
    this.a = new VirtualCableEnd(this);
    this.b = new VirtualCableEnd(this);
  }

  plug(): void {
    this.#plugged = true;
    this.update();
  }

  unplug(): void {
    this.#plugged = false;
    this.update();
  }

  peerOf(end: VirtualCableEnd): VirtualCableEnd {
    return end === this.a ? this.b : this.a;
  }

  update(): void {
    const state = this.#plugged && this.a.powered && this.b.powered ? this.#linkUp : LINK_DOWN;
    if (state === this.linkState) return;
    this.linkState = state;
    if (!state.up) {
      this.a.loseArriving();
      this.b.loseArriving();
    }
    this.a.receiver?.link(state);
    this.b.receiver?.link(state);
  }
}

class VirtualCableEnd implements CableEnd {
  receiver: WireReceiver | null = null;
  powered = true;
  drops = 0;
  readonly #cable: VirtualCable;
  readonly arriving: DeliveryQueue;
  /** When the line from this end is free again. Not rounded: at a gigabit a small frame takes less than a microsecond. */
  #freeAt: Instant = 0;

  constructor(cable: VirtualCable) {
    this.#cable = cable;
    this.arriving = new DeliveryQueue(cable.timeline, (bytes, length) => this.receiver?.frame(bytes, length));
  }

  link(): LinkState {
    return this.#cable.linkState;
  }

  attach(receiver: WireReceiver): void {
    if (this.receiver !== null) throw new Error('this end of the cable is plugged in already');
    this.receiver = receiver;
    receiver.link(this.link());
  }

  phy(on: boolean): void {
    this.powered = on;
    this.#cable.update();
  }

  transmit(bytes: Uint8Array, length: number): void {
    const cable = this.#cable;
    if (!cable.linkState.up) return;
    const { arriving } = cable.peerOf(this);
    if (arriving.count >= cable.limit) {
      this.drops++;
      return;
    }
    const octets = Math.max(length, MINIMUM_FRAME_OCTETS) + OVERHEAD_OCTETS;
    this.#freeAt = Math.max(this.#freeAt, cable.timeline.now()) + (octets * 8) / cable.speed;
    arriving.add(bytes, length, Math.ceil(this.#freeAt + cable.delay));
  }

  loseArriving(): void {
    this.arriving.clear();
    this.#freeAt = 0;
  }
}
