/**
 * Time as every room of the project sees it.
 *
 * Instants and durations are integer microseconds (smoltcp and avr8js count the same way: exact, sortable, no
 * rounding between runs). The zero of an `Instant` is the power-on of the world, not of the phone, and never 1970:
 * calendar time is `WallClock`.
 */

/** Microseconds since the world was switched on. */
export type Instant = number;

/** A span in microseconds. */
export type Duration = number;

export const MICROSECOND: Duration = 1;
export const MILLISECOND: Duration = 1_000;
export const SECOND: Duration = 1_000_000;
export const MINUTE: Duration = 60 * SECOND;

/** The instant that does not come: what `pollAt()` answers when a machine has nothing to wait for. */
export const NEVER: Instant = Number.POSITIVE_INFINITY;

/** The earlier of two instants. `Math.min` without its variadic call. */
export function earlier(a: Instant, b: Instant): Instant {
  return a < b ? a : b;
}

/** The board's one alarm. `EntryPoints.onAlarm` is called once at, or soon after, the armed instant. */
export interface Timer {
  now(): Instant;
  /** Replaces whatever was armed. `NEVER` disarms; an instant in the past fires as soon as the entry point returns. */
  arm(at: Instant): void;
}

/** The battery-backed clock of the board: calendar time, which the phone learns from its call manager. */
export interface WallClock {
  /** Whole milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  set(milliseconds: number): void;
}
