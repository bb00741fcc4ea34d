import { describe, expect, it } from 'vitest';
import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Instant, MILLISECOND, NEVER, SECOND } from '../hal/timer.ts';
import { SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { Ramp } from './ramp.ts';

/** When each phone was started, microseconds. */
function startsAt(rate: number, count: number, timeline = new VirtualTimeline()): Instant[] {
  const starts: Instant[] = [];
  const ramp = new Ramp({
    timeline,
    rate,
    count,
    start: (index) => {
      expect(index).toBe(starts.length);
      starts.push(timeline.now());
    },
  });
  ramp.begin();
  timeline.runUntilIdle(NEVER);
  return starts;
}

/** A clock whose alarms come late, as those of a machine do. */
class LateTimeline implements Timeline {
  readonly #exact = new VirtualTimeline();
  readonly #late: () => number;

  constructor(late: () => number) {
    this.#late = late;
  }

  now(): Instant {
    return this.#exact.now();
  }

  createAlarm(callback: () => void): Alarm {
    const alarm = this.#exact.createAlarm(callback);
    return { arm: (at) => alarm.arm(at === NEVER ? NEVER : Math.max(at, this.now()) + this.#late()) };
  }

  hold(): void {}
  release(): void {}

  run(): void {
    this.#exact.runUntilIdle(NEVER);
  }
}

describe('a linear ramp', () => {
  it.each([0.5, 1, 3, 10, 97.5, 1000, 33_333])('of %d phones a second is obeyed to 1 %%', (rate) => {
    const count = Math.max(20, Math.min(5000, rate * 10));
    const starts = startsAt(rate, count);
    expect(starts).toHaveLength(Math.ceil(count));
    const measured = ((starts.length - 1) * SECOND) / (starts.at(-1)! - starts[0]!);
    expect(Math.abs(measured / rate - 1)).toBeLessThan(0.01);
  });

  it('has no bursts: in no 10 ms are there more than its share and one', () => {
    const rate = 777;
    const starts = startsAt(rate, 3000);
    const share = Math.ceil((rate * 10) / 1000) + 1;
    for (let first = 0; first + share < starts.length; first++) {
      expect(starts[first + share]! - starts[first]!).toBeGreaterThanOrEqual(10 * MILLISECOND);
    }
  });

  it.each([10, 250])('of %d a second is obeyed to 1 %% where timers are up to 15 ms late', (rate) => {
    const rng = new SeededRng('late timers');
    const timeline = new LateTimeline(() => rng.below(15 * MILLISECOND));
    const starts: Instant[] = [];
    const ramp = new Ramp({ timeline, rate, count: 1000, start: () => starts.push(timeline.now()) });
    ramp.begin();
    timeline.run();
    const measured = ((starts.length - 1) * SECOND) / (starts.at(-1)! - starts[0]!);
    expect(starts).toHaveLength(1000);
    expect(Math.abs(measured / rate - 1)).toBeLessThan(0.01);
  });

  it('after the machine has stood still starts those of 50 ms, not all that it owes', () => {
    let stall = 0;
    const timeline = new LateTimeline(() => {
      const late = stall;
      stall = 0;
      return late;
    });
    const starts: Instant[] = [];
    const ramp = new Ramp({
      timeline,
      rate: 100,
      count: 50,
      start: (index) => {
        starts.push(timeline.now());
        if (index === 9) stall = 10 * SECOND;
      },
    });
    ramp.begin();
    timeline.run();
    const atOnce = starts.filter((at) => at === starts[10]).length;
    expect(starts[10]! - starts[9]!).toBeGreaterThan(9 * SECOND);
    expect(atOnce).toBeLessThanOrEqual(6);
    expect(starts).toHaveLength(50);
  });

  it('stops and starts no further phone', () => {
    const timeline = new VirtualTimeline();
    let started = 0;
    const ramp = new Ramp({ timeline, rate: 10, count: 100, start: () => started++ });
    ramp.begin();
    timeline.runUntil(SECOND);
    ramp.stop();
    timeline.runUntil(10 * SECOND);
    expect(started).toBe(11);
    expect(ramp.complete).toBe(false);
  });
});
