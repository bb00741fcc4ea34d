import { performance } from 'node:perf_hooks';
import { afterEach, describe, expect, it } from 'vitest';
import { MILLISECOND, NEVER, SECOND } from '../timer.ts';
import { HostTimeline } from './timeline.ts';

const open: HostTimeline[] = [];

function timeline(): HostTimeline {
  const made = new HostTimeline();
  open.push(made);
  return made;
}

afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

/** Resolves when `count` alarms have fired, each at most once. */
function fires(on: HostTimeline, instants: readonly number[], then: (index: number) => void): Promise<void> {
  return new Promise((resolve) => {
    let left = instants.length;
    for (const [index, at] of instants.entries()) {
      const alarm = on.createAlarm(() => {
        then(index);
        left--;
        if (left === 0) resolve();
      });
      alarm.arm(at);
    }
  });
}

describe('HostTimeline', () => {
  it('fires in order, never early, and counts how late', async () => {
    const time = timeline();
    const instants = [30, 10, 20, 0, 10].map((milliseconds) => milliseconds * MILLISECOND);
    const order: number[] = [];
    await fires(time, instants, (index) => {
      expect(time.now()).toBeGreaterThanOrEqual(instants[index]!);
      order.push(index);
    });
    expect(order).toEqual([3, 1, 4, 2, 0]);
    const lag = time.lag();
    expect(lag.alarms).toBe(5);
    expect(lag.max).toBeGreaterThanOrEqual(lag.p99);
    expect(lag.p99).toBeGreaterThanOrEqual(lag.p50);
    time.clearLag();
    expect(time.lag()).toEqual({ alarms: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 });
  });

  it('wakes up earlier when an earlier alarm is armed, and not at all for one that is cleared', async () => {
    const time = timeline();
    const late = time.createAlarm(() => expect.unreachable('the alarm was cleared'));
    late.arm(time.now() + 3_600 * SECOND);
    await fires(time, [5 * MILLISECOND], () => {});
    expect(time.now()).toBeLessThan(20 * SECOND);
    late.arm(time.now() + 1 * MILLISECOND);
    late.arm(NEVER);
    await fires(time, [time.now() + 5 * MILLISECOND], () => {});
  });

  it('lets the event loop have its turn while alarms never end', async () => {
    const time = timeline();
    let fired = 0;
    const busy = time.createAlarm(() => {
      fired++;
      busy.arm(time.now());
    });
    busy.arm(0);
    const start = performance.now();
    for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(fired).toBeGreaterThan(10);
  });

  it('does not stand still for a hold', async () => {
    const time = timeline();
    time.hold();
    await fires(time, [MILLISECOND], () => {});
    time.release();
  });

  it('goes on when a guard stops a slice in the middle', async () => {
    let slices = 0;
    const time = new HostTimeline({
      guard: (slice) => {
        slices++;
        if (slices === 1) return;
        slice();
      },
    });
    open.push(time);
    await fires(time, [0, MILLISECOND], () => {});
    expect(slices).toBeGreaterThan(1);
  });

  it('fires nothing after close', async () => {
    const time = timeline();
    const alarm = time.createAlarm(() => expect.unreachable('the timeline was closed'));
    alarm.arm(0);
    time.close();
    alarm.arm(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
});
