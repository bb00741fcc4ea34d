import type { Alarm, Timeline } from '../timeline.ts';
import type { Instant, Timer } from '../timer.ts';

/** The board's one alarm on a timeline. */
export class BoardTimer implements Timer {
  readonly #timeline: Timeline;
  readonly #alarm: Alarm;

  constructor(timeline: Timeline, onAlarm: () => void) {
    this.#timeline = timeline;
    this.#alarm = timeline.createAlarm(onAlarm);
  }

  now(): Instant {
    return this.#timeline.now();
  }

  arm(at: Instant): void {
    this.#alarm.arm(at);
  }
}
