import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { SECOND } from '../timer.ts';
import { VirtualTimeline } from '../virtual/timeline.ts';
import { driveVirtual, followRealTime } from './drive.ts';

function ticking(every: number): { timeline: VirtualTimeline; ticks: number[] } {
  const timeline = new VirtualTimeline();
  const ticks: number[] = [];
  const tick = timeline.createAlarm(() => {
    ticks.push(timeline.now());
    tick.arm(timeline.now() + every);
  });
  tick.arm(every);
  return { timeline, ticks };
}

describe('driveVirtual', () => {
  it('stops at the alarm after which the goal is reached, however the slices fall', async () => {
    for (const sliceMilliseconds of [0, 5]) {
      const { timeline, ticks } = ticking(SECOND);
      expect(await driveVirtual(timeline, { until: () => ticks.length === 1_234, sliceMilliseconds })).toBe('reached');
      expect([ticks.length, timeline.now()]).toEqual([1_234, 1_234 * SECOND]);
    }
  });

  it('is idle when nothing is armed', async () => {
    const timeline = new VirtualTimeline();
    timeline.createAlarm(() => {}).arm(7);
    expect(await driveVirtual(timeline, { until: () => false })).toBe('idle');
    expect(timeline.now()).toBe(7);
    expect(await driveVirtual(timeline, { until: () => true })).toBe('reached');
  });

  it('waits for a release, and does not count turns', async () => {
    const { timeline, ticks } = ticking(10);
    timeline.hold();
    setTimeout(() => {
      expect(ticks).toEqual([]);
      timeline.release();
    }, 5);
    expect(await driveVirtual(timeline, { until: () => ticks.length === 3 })).toBe('reached');
    expect(timeline.now()).toBe(30);
  });

  it('lets others run, and ends when the signal is raised, also during a hold', async () => {
    const { timeline } = ticking(10);
    const first = new AbortController();
    setTimeout(() => first.abort(), 5);
    expect(await driveVirtual(timeline, { until: () => false, signal: first.signal })).toBe('aborted');
    timeline.hold();
    const second = new AbortController();
    setTimeout(() => second.abort(), 1);
    expect(await driveVirtual(timeline, { until: () => false, signal: second.signal })).toBe('aborted');
  });

  it('runs its slices within a guard, and goes on when the guard stops one', async () => {
    const { timeline, ticks } = ticking(10);
    let guarded = 0;
    const guard = (slice: () => void) => {
      guarded++;
      if (guarded !== 2) slice();
      return guarded !== 2;
    };
    const options = { until: () => ticks.length === 100, guard, sliceMilliseconds: 0 };
    expect(await driveVirtual(timeline, options)).toBe('reached');
    expect([timeline.now(), guarded]).toEqual([1_000, 8]);
  });

  it('passes on what an alarm throws', async () => {
    const timeline = new VirtualTimeline();
    const alarm = timeline.createAlarm(() => {
      throw new Error('a bug');
    });
    alarm.arm(1);
    await expect(driveVirtual(timeline, { until: () => false })).rejects.toThrow('a bug');
  });
});

describe('followRealTime', () => {
  it('goes on from where the timeline is, at the pace of the wall clock', async () => {
    const { timeline, ticks } = ticking(SECOND / 100);
    await driveVirtual(timeline, { until: () => ticks.length === 1_000 });
    const start = performance.now();
    expect(await followRealTime(timeline, { until: () => ticks.length === 1_010 })).toBe('reached');
    const elapsed = performance.now() - start;
    expect(elapsed).toBeGreaterThan(99);
    expect(timeline.now()).toBe(10.1 * SECOND);
  });

  it('ends when the signal is raised, also in a sleep or a hold, and moves time while idle', async () => {
    const timeline = new VirtualTimeline();
    const first = new AbortController();
    setTimeout(() => first.abort(), 30);
    expect(await followRealTime(timeline, { signal: first.signal })).toBe('aborted');
    expect(timeline.now()).toBeGreaterThan(0);
    timeline.hold();
    const held = timeline.now();
    const second = new AbortController();
    setTimeout(() => second.abort(), 5);
    expect(await followRealTime(timeline, { signal: second.signal })).toBe('aborted');
    expect(timeline.now()).toBe(held);
  });
});
