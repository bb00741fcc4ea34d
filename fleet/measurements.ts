import { build, type Histogram } from 'hdr-histogram-js';
import { type Instant, SECOND } from '../hal/timer.ts';
import { type EventType, STAGE_NAMES, type StageName, type TraceEvents } from '../hal/trace.ts';
import type { Journey } from './journey.ts';

/** Seconds. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Microseconds up to eleven days, three digits exact. */
const HIGHEST = 1e12;
const DIGITS = 3;

/** What is measured while phones start: how long each step took, and how long all of them. Times are the world's own. */
export class Measurements {
  readonly #stages = new Map<StageName, Histogram>();
  readonly #toRegistered = newHistogram();
  readonly #failures = new Map<string, number>();
  #starts = 0;
  #firstStart: Instant | null = null;
  #lastStart: Instant = 0;
  #registrations = 0;
  #ratedRegistrations = 0;
  #firstRegistration: Instant | null = null;
  #lastRegistration: Instant = 0;
  #rejections = 0;

  /** What came before is no part of the rates: the ramp begins now. */
  rampBegins(): void {
    this.#starts = 0;
    this.#firstStart = null;
    this.#ratedRegistrations = 0;
    this.#firstRegistration = null;
  }

  started(at: Instant): void {
    this.#starts++;
    this.#firstStart ??= at;
    this.#lastStart = at;
  }

  /** To be told before the journey is. */
  hear(at: Instant, journey: Journey, type: EventType, fields: TraceEvents[EventType]): void {
    if (type === 'stage.leave') this.#left(at, journey, fields as TraceEvents['stage.leave']);
    else if (type === 'registration.rejected') this.#rejections++;
    else if (type === 'registration.accepted' && journey.registeredAt === null) {
      this.#registrations++;
      this.#ratedRegistrations++;
      this.#firstRegistration ??= at;
      this.#lastRegistration = at;
      this.#toRegistered.recordValue(at - (journey.poweredAt ?? at));
    }
  }

  get rejections(): number {
    return this.#rejections;
  }

  /** Phones that have registered at least once. */
  get registrations(): number {
    return this.#registrations;
  }

  /** By stage: from entering it to leaving it done, or skipped. */
  stages(): Partial<Record<StageName, Distribution>> {
    const known = STAGE_NAMES.filter((stage) => this.#stages.has(stage));
    return Object.fromEntries(known.map((stage) => [stage, distribution(this.#stages.get(stage)!)]));
  }

  /** From power-on to the first registration. */
  powerToRegistered(): Distribution {
    return distribution(this.#toRegistered);
  }

  /** Failed tries by their reason, also those that a later try made good. */
  failedTries(): Record<string, number> {
    return Object.fromEntries([...this.#failures].sort(([, a], [, b]) => b - a));
  }

  /** Phones a second, as switched on and as registered, each between the first and the last; null where there are not two. */
  rates(): { readonly offered: number | null; readonly achieved: number | null } {
    return {
      offered: rateOf(this.#starts, this.#firstStart, this.#lastStart),
      achieved: rateOf(this.#ratedRegistrations, this.#firstRegistration, this.#lastRegistration),
    };
  }

  #left(at: Instant, journey: Journey, { stage, outcome, reason }: TraceEvents['stage.leave']): void {
    if (outcome === 'failed') {
      const cause = reason ?? stage;
      this.#failures.set(cause, (this.#failures.get(cause) ?? 0) + 1);
      return;
    }
    let histogram = this.#stages.get(stage);
    if (histogram === undefined) {
      histogram = newHistogram();
      this.#stages.set(stage, histogram);
    }
    histogram.recordValue(at - journey.enteredAt);
  }
}

/** Three decimals are more than anybody's timer gives. */
export function rateOf(count: number, first: Instant | null, last: Instant): number | null {
  if (first === null || count < 2 || last <= first) return null;
  return Math.round(((count - 1) * SECOND * 1000) / (last - first)) / 1000;
}

export function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST,
    numberOfSignificantValueDigits: DIGITS,
    bitBucketSize: 32,
    useWebAssembly: false,
  });
}

export function distribution(histogram: Histogram): Distribution {
  const some = histogram.totalCount > 0;
  // A bucket is named by its upper end, which may lie above all that is in it.
  const at = (percentile: number): number =>
    Math.min(histogram.getValueAtPercentile(percentile), histogram.maxValue) / SECOND;
  return {
    count: histogram.totalCount,
    mean: some ? Math.round(histogram.mean) / SECOND : 0,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    max: some ? histogram.maxValue / SECOND : 0,
  };
}
