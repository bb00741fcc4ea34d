import type { Alarm, Timeline } from '../timeline.ts';
import { type Instant, NEVER } from '../timer.ts';
import { FrameQueue, giveBack, storeFrame } from './frame-pool.ts';

/** Frames that are delivered when their time has come, with one alarm for all of them, made when it is first needed. */
export class DeliveryQueue {
  readonly #timeline: Timeline;
  readonly #deliver: (bytes: Uint8Array, length: number) => void;
  readonly #frames = new FrameQueue();
  #alarm: Alarm | null = null;
  #armedFor: Instant = NEVER;

  constructor(timeline: Timeline, deliver: (bytes: Uint8Array, length: number) => void) {
    this.#timeline = timeline;
    this.#deliver = deliver;
  }

  get count(): number {
    return this.#frames.count;
  }

  /** Copies the frame. Frames of the same instant are delivered in the order in which they were added. */
  add(bytes: Uint8Array, length: number, at: Instant): void {
    this.#frames.add(storeFrame(bytes, length, at));
    if (at < this.#armedFor) this.#arm(at);
  }

  /** Loses all that is on its way. */
  clear(): void {
    this.#frames.clear();
    this.#arm(NEVER);
  }

  #arm(at: Instant): void {
    this.#alarm ??= this.#timeline.createAlarm(() => this.#run());
    this.#alarm.arm(at);
    this.#armedFor = at;
  }

  /** One frame a firing, and armed again before it is delivered: a watchdog may stop the delivery, and the next frames still come. */
  #run(): void {
    const frame = this.#frames.take();
    const next = this.#frames.first;
    this.#armedFor = NEVER;
    if (next !== null) this.#arm(next.at);
    if (frame === null) return;
    this.#deliver(frame.bytes, frame.length);
    giveBack(frame);
  }
}
