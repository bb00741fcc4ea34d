import { type Instant, SECOND } from '../hal/timer.ts';

/** Lets so many through in each second, and a second's worth at once. */
export class Throttle {
  /** Null lets everybody through. */
  #perSecond: number | null = null;
  #left = 0;
  #filledAt: Instant = 0;

  get perSecond(): number | null {
    return this.#perSecond;
  }

  set perSecond(perSecond: number | null) {
    this.#perSecond = perSecond;
    this.#left = perSecond ?? 0;
  }

  admits(now: Instant): boolean {
    if (this.#perSecond === null) return true;
    const earned = ((now - this.#filledAt) / SECOND) * this.#perSecond;
    this.#left = Math.min(this.#perSecond, this.#left + earned);
    this.#filledAt = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
