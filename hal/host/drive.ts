import { performance } from 'node:perf_hooks';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { MILLISECOND } from '../timer.ts';
import type { VirtualTimeline } from '../virtual/timeline.ts';

/** Alarms run for this long before the event loop has its turn. */
const SLICE_MILLISECONDS = 5;

/** Between two looks at the clock while following real time: a key pressed by a person is noticed within this. */
const LONGEST_SLEEP_MILLISECONDS = 20;

/** Reading the clock costs as much as a small alarm. */
const STEPS_BETWEEN_CLOCK_READINGS = 16;

export interface DriveOptions {
  /** Asked after every alarm, so that a run ends at the same alarm however fast the host is. It should cost next to nothing. */
  readonly until: () => boolean;
  readonly signal?: AbortSignal;
  readonly sliceMilliseconds?: number;
}

/** `idle`: no alarm is armed, and `until` is not reached. */
export type DriveOutcome = 'reached' | 'idle' | 'aborted';

/** Runs a world as fast as the host can, skipping idle time. While the timeline is held it waits for the release. */
export async function driveVirtual(timeline: VirtualTimeline, options: DriveOptions): Promise<DriveOutcome> {
  const { until, signal } = options;
  const slice = options.sliceMilliseconds ?? SLICE_MILLISECONDS;
  while (!until()) {
    if (signal?.aborted) return 'aborted';
    if (timeline.held) {
      await released(timeline, signal);
    } else if (runSlice(timeline, slice, Number.POSITIVE_INFINITY, until) === 'nothing due') {
      if (!timeline.held) return until() ? 'reached' : 'idle';
    } else {
      await turn();
    }
  }
  return 'reached';
}

export interface FollowOptions {
  /** Without it the world goes on until the signal says stop. */
  readonly until?: () => boolean;
  readonly signal?: AbortSignal;
  readonly sliceMilliseconds?: number;
}

/**
 * Lets a world go on at the pace of the wall clock from now on: a second of its time a second. Where the host does not keep up, it runs
 * late and catches up when it can.
 */
export async function followRealTime(
  timeline: VirtualTimeline,
  options: FollowOptions = {},
): Promise<'reached' | 'aborted'> {
  const { signal } = options;
  const until = options.until ?? (() => false);
  const slice = options.sliceMilliseconds ?? SLICE_MILLISECONDS;
  const offset = timeline.now() - performance.now() * MILLISECOND;
  while (!until()) {
    if (signal?.aborted) return 'aborted';
    if (timeline.held) {
      await released(timeline, signal);
      continue;
    }
    const target = Math.floor(performance.now() * MILLISECOND + offset);
    if (runSlice(timeline, slice, target, until) === 'nothing due') {
      if (!timeline.runUntil(target)) continue;
      const wait = Math.ceil((timeline.nextAt() - target) / MILLISECOND);
      await pause(Math.min(Math.max(wait, 1), LONGEST_SLEEP_MILLISECONDS), signal);
    } else {
      await turn();
    }
  }
  return 'reached';
}

function runSlice(
  timeline: VirtualTimeline,
  milliseconds: number,
  last: number,
  until: () => boolean,
): 'reached' | 'nothing due' | 'time is up' {
  const end = performance.now() + milliseconds;
  do {
    for (let steps = 0; steps < STEPS_BETWEEN_CLOCK_READINGS; steps++) {
      if (timeline.nextAt() > last || !timeline.step()) return 'nothing due';
      if (until()) return 'reached';
    }
  } while (performance.now() < end);
  return 'time is up';
}

/** Resolves when the timeline is free, or when the signal is raised. */
function released(timeline: VirtualTimeline, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal?.removeEventListener('abort', done);
      resolve();
    };
    signal?.addEventListener('abort', done);
    timeline.onRelease(done);
  });
}

/** Ends early when the signal is raised. */
async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}
