import type { Alarm, Timeline } from '../timeline.ts';
import { type Instant, NEVER } from '../timer.ts';
import { AlarmHeap } from './alarm-heap.ts';

/**
 * A world's time, run by whoever calls `step`: it jumps from alarm to alarm, so idle time costs nothing. While holds are outstanding
 * nothing fires, not even what is due now; the driver waits for `onRelease`.
 */
export class VirtualTimeline implements Timeline {
  #now: Instant = 0;
  readonly #heap = new AlarmHeap(() => this.#now);
  #holds = 0;
  #awaitingRelease: (() => void)[] = [];
  #firing = false;

  now(): Instant {
    return this.#now;
  }

  createAlarm(callback: () => void): Alarm {
    return this.#heap.createAlarm(callback);
  }

  get held(): boolean {
    return this.#holds > 0;
  }

  hold(): void {
    this.#holds++;
  }

  release(): void {
    if (this.#holds === 0) throw new Error('released a timeline that is not held');
    this.#holds--;
    if (this.#holds > 0) return;
    const waiting = this.#awaitingRelease;
    this.#awaitingRelease = [];
    for (const callback of waiting) callback();
  }

  /** Calls back once, when the last hold is released; at once when there is none. */
  onRelease(callback: () => void): void {
    if (this.held) this.#awaitingRelease.push(callback);
    else callback();
  }

  /** The instant of the first alarm, `NEVER` when there is none. Holds make no difference to it. */
  nextAt(): Instant {
    return this.#heap.nextAt();
  }

  /** Number of armed alarms. */
  get armed(): number {
    return this.#heap.size;
  }

  /** Moves time to the first alarm and fires it. False when there is none or the timeline is held. */
  step(): boolean {
    if (this.#firing) throw new Error('a timeline cannot be stepped from within an alarm');
    const at = this.#heap.nextAt();
    if (at === NEVER || this.held) return false;
    const alarm = this.#heap.pop()!;
    this.#now = at;
    this.#firing = true;
    try {
      alarm.callback();
    } finally {
      this.#firing = false;
    }
    return true;
  }

  /** The watchdog has stopped the alarm that was firing from outside: it will not return. */
  interrupted(): void {
    this.#firing = false;
    this.#heap.repair();
  }

  /** Fires all that is due until and at `at`, and moves time there. False when a hold stopped it on the way. */
  runUntil(at: Instant): boolean {
    while (this.#heap.nextAt() <= at) if (!this.step()) return false;
    if (this.held) return false;
    if (at > this.#now) this.#now = at;
    return true;
  }

  /** Fires alarms until none is armed for `limit` or before; time stays at the last one. True when none is armed at all. */
  runUntilIdle(limit: Instant): boolean {
    while (this.#heap.nextAt() <= limit && this.step());
    return this.#heap.size === 0;
  }
}
