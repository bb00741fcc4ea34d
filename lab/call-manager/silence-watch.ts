import type { Alarm, Timeline } from '../../hal/timeline.ts';
import { type Duration, type Instant, NEVER } from '../../hal/timer.ts';

/** What can be watched: it carries its own place in the list, so that watching 40,000 costs no memory and no search. */
export interface Watched {
  heardAt: Instant;
  watch: SilenceWatch | null;
  before: Watched | null;
  after: Watched | null;
}

/**
 * Calls back for each item that was not touched for `patience`. Since all have the same patience, the list in the order of the last touch is
 * the list in the order of falling due: one alarm serves all.
 */
export class SilenceWatch {
  readonly #timeline: Timeline;
  readonly #alarm: Alarm;
  readonly #patience: Duration;
  readonly #silent: (item: Watched, now: Instant) => void;
  #first: Watched | null = null;
  #last: Watched | null = null;

  /** `silent` is called once, after the item was taken out of the watch. */
  constructor(timeline: Timeline, patience: Duration, silent: (item: Watched, now: Instant) => void) {
    this.#timeline = timeline;
    this.#patience = patience;
    this.#silent = silent;
    this.#alarm = timeline.createAlarm(() => this.#fire());
  }

  /** The item was heard now. Takes it out of any other watch. */
  touch(item: Watched): void {
    item.watch?.drop(item);
    item.heardAt = this.#timeline.now();
    item.watch = this;
    item.before = this.#last;
    if (this.#last === null) {
      this.#first = item;
      this.#alarm.arm(item.heardAt + this.#patience);
    } else {
      this.#last.after = item;
    }
    this.#last = item;
  }

  drop(item: Watched): void {
    if (item.watch !== this) return;
    if (item.before === null) this.#first = item.after;
    else item.before.after = item.after;
    if (item.after === null) this.#last = item.before;
    else item.after.before = item.before;
    item.watch = null;
    item.before = null;
    item.after = null;
  }

  /** The alarm is left where it is when the first item is touched, and fires in vain then: cheaper than to set it anew each time. */
  #fire(): void {
    const now = this.#timeline.now();
    while (this.#first !== null && this.#first.heardAt + this.#patience <= now) {
      const item = this.#first;
      this.drop(item);
      this.#silent(item, now);
    }
    this.#alarm.arm(this.#first === null ? NEVER : this.#first.heardAt + this.#patience);
  }
}
