import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Instant, MILLISECOND, NEVER, SECOND } from '../hal/timer.ts';

export interface RampOptions {
  readonly timeline: Timeline;
  /** Phones a second. */
  readonly rate: number;
  readonly count: number;
  /** Those before this one are on already. */
  readonly first?: number;
  /** Switches on the phone with this index. */
  readonly start: (index: number) => void;
}

/**
 * What a late timer may make up for. It is the depth of the bucket: a host that stood still for longer starts the phones of this span at once, and is
 * behind with the others, rather than flooding the network it is to measure.
 */
const LONGEST_DEBT = 50 * MILLISECOND;

/** Switches phones on evenly: a bucket that fills at the rate, a phone a token, each at its own instant. */
export class Ramp {
  readonly #options: RampOptions;
  readonly #alarm: Alarm;
  /** When the next phone is due. */
  #dueAt: Instant = NEVER;
  #started: number;

  constructor(options: RampOptions) {
    if (!(options.rate > 0)) throw new RangeError(`a ramp of ${options.rate} phones a second`);
    this.#options = options;
    this.#started = options.first ?? 0;
    this.#alarm = options.timeline.createAlarm(() => this.#run());
  }

  get started(): number {
    return this.#started;
  }

  get complete(): boolean {
    return this.#started === this.#options.count;
  }

  /** The first phone is switched on by the next alarm. Called again after `stop`, it goes on with the next phone. */
  begin(): void {
    this.#dueAt = this.#options.timeline.now();
    this.#alarm.arm(this.#dueAt);
  }

  /** No further phone is switched on. */
  stop(): void {
    this.#dueAt = NEVER;
    this.#alarm.arm(NEVER);
  }

  #run(): void {
    const { timeline, rate, count, start } = this.#options;
    const now = timeline.now();
    if (now - this.#dueAt > LONGEST_DEBT) this.#dueAt = now - LONGEST_DEBT;
    while (this.#started < count && this.#dueAt <= now) {
      this.#dueAt += SECOND / rate;
      start(this.#started++);
    }
    // An instant is a whole number of microseconds; what is due is not, so that no rate is rounded.
    this.#alarm.arm(this.complete ? NEVER : Math.ceil(this.#dueAt));
  }
}
