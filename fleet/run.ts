import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { type Instant, MINUTE, SECOND } from '../hal/timer.ts';
import type { Census } from './census.ts';
import { Ramp } from './ramp.ts';
import type { GoOutcome, World } from './world.ts';

/** What ends a run: all phones registered, a verdict on each, or the operator alone. */
export const EXIT_CONDITIONS = ['registered', 'decided', 'never'] as const;
export type ExitWhen = (typeof EXIT_CONDITIONS)[number];

export interface RunOptions {
  readonly world: World;
  readonly census: Census;
  /** Phones a second. */
  readonly rate: number;
  readonly exitWhen: ExitWhen;
  /** Real seconds; null waits for ever. */
  readonly timeoutSeconds: number | null;
  /** Skip idle time until all phones are registered, where time is simulated. */
  readonly warp: boolean;
  /** Raised when the operator wants an end: phones leave in order. */
  readonly stop: AbortSignal;
  /** Raised when the operator wants it now. */
  readonly silence: AbortSignal;
  /** Whether the network is left in order at every end; otherwise at the operator's wish only. */
  readonly alwaysLeave: boolean;
  /** The first phone has to register before any other is switched on. */
  readonly canary: boolean;
  /** What the exit condition waits for besides. */
  readonly until?: () => boolean;
  /** Called for each phone that is plugged in, by its place in the plan. */
  readonly whenStarted?: (index: number, at: Instant) => void;
  /** Called once, when all are registered for the first time. */
  readonly whenAllRegistered?: () => void;
  /** Why the run has to stop now; asked often. Null while it may go on. */
  readonly stopReason?: () => StopReason | null;
}

export type RunOutcome =
  | { readonly kind: 'reached' }
  | { readonly kind: 'timed-out' }
  /** By the operator. */
  | { readonly kind: 'stopped' }
  | ({ readonly kind: 'given-up' } & StopReason);

/** Why a run stops by itself. */
export interface StopReason {
  /** One sentence. */
  readonly text: string;
  /** For the safety of others, rather than for its own trouble. */
  readonly refused: boolean;
}

export interface GeneratorHealth {
  readonly realSeconds: number;
  /** How late the event loop was, milliseconds. */
  readonly eventLoopLag: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly ringDrops: number;
  /** Different keys in the phones' MIC slots: phones of a fleet share them. */
  readonly identityKeys: number;
}

/** What is under way, over one world or several. */
export interface Running {
  /** The latest instant of the world. */
  now(): Instant;
  /** Resolves when the exit condition is decided; the phones are as they are then. */
  watch(): Promise<RunOutcome>;
  /** Takes the phones off the network: in order, then all at once what is left. */
  leave(outcome: RunOutcome): Promise<void>;
  health(): GeneratorHealth;
}

/** How long phones have to unregister and to give their leases back. */
const LEAVE_TIME = 10 * SECOND;

/** A phone that has not registered after so long is not going to without somebody's help, who would rather see the world go at its own pace. */
const LONGEST_WARP = 30 * MINUTE;

const LAG_RESOLUTION_MILLISECONDS = 10;
const NANOSECONDS_A_MILLISECOND = 1e6;

/** One run: phones are switched on by the ramp, and watched until the exit condition, the timeout or the operator ends it. */
export class Run implements Running {
  readonly ramp: Ramp;
  readonly #options: RunOptions;
  readonly #lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MILLISECONDS });
  readonly #startedAt = performance.now();

  constructor(options: RunOptions) {
    this.#options = options;
    const { world, rate } = options;
    this.ramp = new Ramp({
      timeline: world.timeline,
      rate,
      count: world.phones.length,
      ...(options.canary ? { first: 1 } : {}),
      start: (index) => this.#start(index),
    });
  }

  now(): Instant {
    return this.#options.world.timeline.now();
  }

  async watch(): Promise<RunOutcome> {
    const { world, census, exitWhen, stop, silence, timeoutSeconds, warp, stopReason } = this.#options;
    this.#lag.enable();
    const timeout = timeoutSeconds === null ? [] : [AbortSignal.timeout(timeoutSeconds * 1000)];
    const signal = AbortSignal.any([stop, silence, ...timeout]);
    const own: { reason: StopReason | null } = { reason: null };
    const isGiven = (): boolean => {
      own.reason ??= stopReason?.() ?? null;
      return own.reason !== null;
    };
    const isThere = exitWhen === 'decided' ? () => census.allDecided : () => census.allRegistered;
    const { until } = this.#options;
    const isMet = exitWhen === 'never' || until === undefined ? isThere : () => isThere() && until();
    const isLate = (): boolean => exitWhen === 'never' && warp && world.timeline.now() >= LONGEST_WARP;
    await world.listen(signal);
    let outcome = this.#options.canary ? await this.#sendCanary(own, isGiven, signal, warp) : 'reached';
    if (outcome === 'reached' && own.reason === null) {
      census.measurements.rampBegins();
      this.ramp.begin();
      outcome = await world.go({ until: () => isGiven() || isMet() || isLate(), signal, skipIdle: warp });
      if (outcome === 'reached' && own.reason === null && census.allRegistered) this.#options.whenAllRegistered?.();
      if (exitWhen === 'never' && outcome !== 'aborted' && own.reason === null) {
        outcome = await world.go({ until: isGiven, signal, skipIdle: false });
      }
    }
    if (own.reason !== null) return { kind: 'given-up', ...own.reason };
    if (outcome === 'reached') return { kind: 'reached' };
    if (stop.aborted || silence.aborted) return { kind: 'stopped' };
    // A run without an end of its own has lasted as long as it should.
    return exitWhen === 'never' && census.allRegistered ? { kind: 'reached' } : { kind: 'timed-out' };
  }

  /** One phone first: whatever is wrong with the network, it is wrong with one phone then. */
  async #sendCanary(
    own: { reason: StopReason | null },
    isGiven: () => boolean,
    signal: AbortSignal,
    skipIdle: boolean,
  ): Promise<GoOutcome> {
    const { world, census } = this.#options;
    this.#start(0);
    const outcome = await world.go({ until: () => isGiven() || census.decided > 0, signal, skipIdle });
    if (outcome !== 'reached' || own.reason !== null || census.registered > 0) return outcome;
    const { phone, cause } = census.verdicts()[0]!;
    own.reason = {
      text: `The first phone, ${phone}, did not register (${cause}); no other was started.`,
      refused: false,
    };
    return outcome;
  }

  #start(index: number): void {
    const { world, census, whenStarted } = this.#options;
    const now = world.timeline.now();
    census.begin(index, now);
    whenStarted?.(index, now);
    world.powerOn(index);
  }

  async leave(outcome: RunOutcome): Promise<void> {
    const { world, silence, alwaysLeave } = this.#options;
    this.ramp.stop();
    if ((alwaysLeave || outcome.kind === 'stopped') && !silence.aborted) {
      for (const phone of world.phones) phone.shutdown(LEAVE_TIME);
      const limit = world.timeline.now() + LEAVE_TIME + SECOND;
      // Those before this one are off, and stay it.
      let next = 0;
      const areGone = (): boolean => {
        while (world.phones[next]?.state === 'off') next++;
        return next === world.phones.length || world.timeline.now() >= limit;
      };
      await world.go({ until: areGone, signal: silence, skipIdle: true });
    }
    await world.close();
    this.#lag.disable();
  }

  health(): GeneratorHealth {
    // Node records the whole span between two looks.
    const milliseconds = (nanoseconds: number): number =>
      Math.max(0, Math.round(nanoseconds / NANOSECONDS_A_MILLISECOND - LAG_RESOLUTION_MILLISECONDS));
    return {
      realSeconds: Math.round(performance.now() - this.#startedAt) / 1000,
      eventLoopLag: {
        p50: milliseconds(this.#lag.percentile(50)),
        p99: milliseconds(this.#lag.percentile(99)),
        max: milliseconds(this.#lag.max),
      },
      ringDrops: this.#options.world.ringDrops(),
      identityKeys: this.#options.world.identityKeys,
    };
  }
}
