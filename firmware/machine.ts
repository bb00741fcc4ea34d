import type { Instant } from '../hal/timer.ts';

/**
 * A protocol as three verbs, and nothing else: no sockets, no timers, no clock of its own.
 *
 * The drain rule: after any `process`, call `dispatch` until it emits nothing more before the next `process`.
 * What the owner has to act on ("lease bound", "VLAN learned") is an output too, so that a test sees one ordered list of all
 * that a machine did. Deadlines are fields of the state (`retryAt`), never handles.
 */
export interface Machine<In, Out> {
  /** Takes one message or command. Changes state; sends nothing. */
  process(now: Instant, input: In): void;
  /** Emits everything that is due now. Early or repeated calls are harmless. */
  dispatch(now: Instant, emit: (out: Out) => void): void;
  /** The earliest instant at which `dispatch` has work; `NEVER` if there is none. Soft: late hurts quality, early harms nothing. */
  pollAt(): Instant;
}
