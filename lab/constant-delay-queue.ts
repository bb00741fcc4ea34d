/**
 * Things that each fall due the same time after they were put in: first in, first out, so that tens of thousands of periodic
 * deadlines share one alarm and no heap. What has lost its interest meanwhile the owner recognises when it comes out.
 */
import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Duration, type Instant, NEVER } from '../hal/timer.ts';

export class ConstantDelayQueue<T> {
  readonly #timeline: Timeline;
  readonly #alarm: Alarm;
  readonly #delay: Duration;
  readonly #due: (item: T, at: Instant) => void;
  #items: T[] = [];
  #instants: Instant[] = [];
  #head = 0;

  /** `due` gets the instant for which the item was due, which on a real timeline may be a little past. */
  constructor(timeline: Timeline, delay: Duration, due: (item: T, at: Instant) => void) {
    this.#timeline = timeline;
    this.#delay = delay;
    this.#due = due;
    this.#alarm = timeline.createAlarm(() => this.#fire());
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** Returns the instant at which the item will be due. */
  add(item: T): Instant {
    const at = this.#timeline.now() + this.#delay;
    this.#items.push(item);
    this.#instants.push(at);
    if (this.size === 1) this.#alarm.arm(at);
    return at;
  }

  clear(): void {
    this.#items = [];
    this.#instants = [];
    this.#head = 0;
    this.#alarm.arm(NEVER);
  }

  #fire(): void {
    const now = this.#timeline.now();
    while (this.#head < this.#items.length && this.#instants[this.#head]! <= now) {
      const item = this.#items[this.#head]!;
      const at = this.#instants[this.#head]!;
      this.#head += 1;
      this.#due(item, at);
    }
    if (this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#instants.splice(0, this.#head);
      this.#head = 0;
    }
    this.#alarm.arm(this.#head < this.#items.length ? this.#instants[this.#head]! : NEVER);
  }
}
