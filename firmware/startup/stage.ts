import type { Instant } from '../../hal/timer.ts';
import type { StageName } from '../../hal/trace.ts';

/**
 * What a stage tells the sequencer.
 *
 * `done`, `skipped` and `failed` answer an `enter`. `lost` comes from a stage that had answered already: its result no longer holds
 * (link down, lease expired, registration lost), so everything after it is undone and it is entered again.
 * Reasons are stable slugs such as `dhcp.no-offer`: the verdict on the phone is made of them.
 */
export type StageOutput =
  | { readonly kind: 'done'; readonly reason?: string }
  | { readonly kind: 'skipped'; readonly reason: string }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      /** When to try again, and from which stage on (this one when absent). Null goes on without: the file was optional. */
      readonly retry: { readonly at: Instant; readonly from?: StageName } | null;
    }
  | { readonly kind: 'lost'; readonly reason: string; readonly backTo?: StageName };

/**
 * One step of the startup process. A stage lives as long as the firmware runs: once entered it keeps being dispatched, since a lease
 * has to be renewed and a registration kept alive long after the step is over.
 */
export interface Stage {
  readonly name: StageName;
  /** What the screen says while the phone is in it; null leaves the text of the step before. */
  readonly screenText: string | null;
  /** Begins, or begins again after a failure; what is still good from the last try is kept. */
  enter(now: Instant): void;
  /** Gives up everything this stage holds. @param back the earlier stage that the phone goes back to, when that is why */
  undo(now: Instant, back?: StageName): void;
  dispatch(now: Instant, emit: (output: StageOutput) => void): void;
  pollAt(): Instant;
}
