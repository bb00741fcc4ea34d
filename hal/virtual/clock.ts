import type { Timeline } from '../timeline.ts';
import { MILLISECOND, type WallClock } from '../timer.ts';

/** A calendar that goes with a timeline, on any board of the world. */
export class VirtualWallClock implements WallClock {
  readonly #timeline: Timeline;
  /** Calendar time at the zero of the timeline, in milliseconds since 1970. */
  #epoch: number;

  constructor(timeline: Timeline, epoch: number) {
    this.#timeline = timeline;
    this.#epoch = epoch;
  }

  now(): number {
    return this.#epoch + this.#elapsed();
  }

  set(milliseconds: number): void {
    this.#epoch = milliseconds - this.#elapsed();
  }

  #elapsed(): number {
    return Math.floor(this.#timeline.now() / MILLISECOND);
  }
}
