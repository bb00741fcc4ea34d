import { performance } from 'node:perf_hooks';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { type Instant, MILLISECOND, NEVER } from '../timer.ts';
import type { VirtualTimeline } from '../virtual/timeline.ts';

/** Alarms run for this long before the event loop has its turn. */
const SLICE_MILLISECONDS = 5;

/** Between two looks at the clock while following real time: a key pressed by a person is noticed within this. */
const LONGEST_SLEEP_MILLISECONDS = 20;

/** Reading the clock costs as much as a small alarm. */
const STEPS_BETWEEN_CLOCK_READINGS = 16;

interface SliceOptions {
  /** Ends the run between two alarms. */
  readonly signal?: AbortSignal;
  readonly sliceMilliseconds?: number;
  /** Runs a slice, and may stop it, as the watchdog of a CPU does; false when it did. */
  readonly guard?: (slice: () => void) => boolean;
}

export interface DriveOptions extends SliceOptions {
  /** Asked after every alarm, so that a run ends at the same alarm however fast the host is. It should cost next to nothing. */
  readonly until: () => boolean;
}

/** `idle`: no alarm is armed, and `until` is not reached. */
export type DriveOutcome = 'reached' | 'idle' | 'aborted';

/** Runs a world as fast as the host can, skipping idle time. While the timeline is held it waits for the release. */
export async function driveVirtual(timeline: VirtualTimeline, options: DriveOptions): Promise<DriveOutcome> {
  const { until, signal } = options;
  while (!until()) {
    if (signal?.aborted) return 'aborted';
    if (timeline.held) {
      await released(timeline, signal);
    } else if (runSlice(timeline, NEVER, until, options) === 'nothing due') {
      if (!timeline.held) return until() ? 'reached' : 'idle';
    } else {
      await turn();
    }
  }
  return 'reached';
}

export interface FollowOptions extends SliceOptions {
  /** Without it the world goes on until the signal says stop. */
  readonly until?: () => boolean;
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
  const offset = timeline.now() - performance.now() * MILLISECOND;
  while (!until()) {
    if (signal?.aborted) return 'aborted';
    if (timeline.held) {
      await released(timeline, signal);
      continue;
    }
    const target = Math.floor(performance.now() * MILLISECOND + offset);
    if (runSlice(timeline, target, until, options) === 'nothing due') {
      if (!timeline.runUntil(target)) continue;
      const wait = Math.ceil((timeline.nextAt() - target) / MILLISECOND);
      await pause(Math.min(Math.max(wait, 1), LONGEST_SLEEP_MILLISECONDS), signal);
    } else {
      await turn();
    }
  }
  return 'reached';
}

type SliceOutcome = 'reached' | 'nothing due' | 'time is up';

function runSlice(
  timeline: VirtualTimeline,
  last: Instant,
  until: () => boolean,
  { guard, sliceMilliseconds = SLICE_MILLISECONDS }: SliceOptions,
): SliceOutcome {
  // A guard costs more than a look at the heap.
  if (timeline.nextAt() > last) return 'nothing due';
  let outcome: SliceOutcome = 'time is up';
  const slice = () => {
    outcome = runSteps(timeline, last, until, performance.now() + sliceMilliseconds);
  };
  if (guard === undefined) slice();
  else if (!guard(slice)) timeline.interrupted();
  return outcome;
}

function runSteps(timeline: VirtualTimeline, last: Instant, until: () => boolean, end: number): SliceOutcome {
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
