import type { Phone } from '../device/phone.ts';
import type { Timeline } from '../hal/timeline.ts';

export interface GoOptions {
  /** Asked often; it should cost next to nothing. */
  readonly until: () => boolean;
  readonly signal: AbortSignal;
  /** Idle time is skipped, where time is simulated. Otherwise a second of the world's time is a second. */
  readonly skipIdle: boolean;
}

/** `idle`: nothing will ever happen any more, and `until` is not reached. */
export type GoOutcome = 'reached' | 'idle' | 'aborted';

/** Phones on a wire, and the time in which they live. */
export interface World {
  readonly timeline: Timeline;
  readonly phones: readonly Phone[];
  /** Before the first phone speaks: hears whether somebody else has its address. Resolves early when the signal is raised. */
  listen(signal: AbortSignal): Promise<void>;
  /** Plugs a phone in. */
  powerOn(index: number): void;
  go(options: GoOptions): Promise<GoOutcome>;
  /** Different keys in the phones' MIC slots. */
  readonly identityKeys: number;
  /** Frames that were lost because this program was too slow. */
  ringDrops(): number;
  /** Falls silent at once and lets go of everything. */
  close(): Promise<void>;
}
