import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import type { Alarm, Timeline } from '../timeline.ts';
import { type Duration, type Instant, MILLISECOND, NEVER } from '../timer.ts';
import { AlarmHeap } from '../virtual/alarm-heap.ts';

/** Alarms run for this long before the event loop, and with it the NIC, has its turn. */
const SLICE: Duration = 2 * MILLISECOND;

/** The longest wait that `setTimeout` takes (2^31 - 1 ms). */
const LONGEST_WAIT_MILLISECONDS = 2_147_483_647;

/** How late alarms fired, in microseconds: whether the machine keeps up with the phones on it. */
export interface Lag {
  readonly alarms: number;
  readonly mean: Duration;
  readonly p50: Duration;
  readonly p95: Duration;
  readonly p99: Duration;
  readonly max: Duration;
}

export interface HostTimelineOptions {
  /** Runs a slice, and may stop it, as the watchdog of a CPU does. */
  readonly guard?: (slice: () => void) => void;
}

/** Time as it passes: the same heap as in a virtual world, on one timer of Node. A hold means nothing here, since this time cannot stand still. */
export class HostTimeline implements Timeline {
  readonly #start = performance.now();
  readonly #heap = new AlarmHeap(
    () => this.now(),
    () => this.#schedule(),
  );
  #lags: RecordableHistogram = createHistogram();
  #timeout: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;
  /** What the timeout waits for. */
  #waitingFor: Instant = NEVER;
  #firing = false;
  #closed = false;
  readonly #guard: (slice: () => void) => void;

  constructor(options: HostTimelineOptions = {}) {
    this.#guard = options.guard ?? ((slice) => slice());
  }

  /** Zero is when the timeline was made. */
  now(): Instant {
    return Math.floor((performance.now() - this.#start) * MILLISECOND);
  }

  createAlarm(callback: () => void): Alarm {
    return this.#heap.createAlarm(callback);
  }

  hold(): void {}

  release(): void {}

  /** Nothing fires any more; the process is free to end. */
  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  /** Since the timeline was made, or since `clearLag`. */
  lag(): Lag {
    const lags = this.#lags;
    if (lags.count === 0) return { alarms: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
    return {
      alarms: lags.count,
      mean: Math.round(lags.mean),
      p50: lags.percentile(50),
      p95: lags.percentile(95),
      p99: lags.percentile(99),
      max: lags.max,
    };
  }

  clearLag(): void {
    this.#lags.reset();
  }

  #cancel(): void {
    if (this.#timeout !== null) clearTimeout(this.#timeout);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#timeout = null;
    this.#immediate = null;
    this.#waitingFor = NEVER;
  }

  /** Sees to it that somebody wakes up for the first alarm. A timeout that comes too early does no harm, and stays. */
  #schedule(): void {
    if (this.#firing || this.#closed || this.#immediate !== null) return;
    const at = this.#heap.nextAt();
    if (at >= this.#waitingFor) return;
    this.#cancel();
    const wait = at - this.now();
    if (wait <= 0) {
      this.#immediate = setImmediate(() => this.#run());
    } else {
      this.#waitingFor = at;
      this.#timeout = setTimeout(() => this.#run(), Math.min(Math.ceil(wait / MILLISECOND), LONGEST_WAIT_MILLISECONDS));
    }
  }

  #run(): void {
    this.#timeout = null;
    this.#immediate = null;
    this.#waitingFor = NEVER;
    this.#firing = true;
    let finished = false;
    try {
      this.#guard(() => {
        this.#fireDue();
        finished = true;
      });
    } finally {
      if (!finished) this.#heap.repair();
      this.#firing = false;
      this.#schedule();
    }
  }

  #fireDue(): void {
    let now = this.now();
    const end = now + SLICE;
    while (!this.#closed && now < end) {
      const at = this.#heap.nextAt();
      if (at > now) break;
      // The histogram begins at 1.
      this.#lags.record(Math.max(1, now - at));
      this.#heap.pop()!.callback();
      now = this.now();
    }
  }
}
