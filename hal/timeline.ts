import type { Instant } from './timer.ts';

/** One reusable entry of a timeline. */
export interface Alarm {
  /** Replaces the instant for which this alarm is set. `NEVER` clears it; the past means as soon as possible. */
  arm(at: Instant): void;
}

/**
 * The one order of things in a world: everything that happens later is an alarm on it. Alarms due at the same instant fire in the order in
 * which they were armed. `hal/virtual` runs it synchronously and skips idle time; `hal/host` maps it to one timer of the machine.
 */
export interface Timeline {
  now(): Instant;
  /** `callback` runs once each time the armed instant comes; it may arm its own or any other alarm. */
  createAlarm(callback: () => void): Alarm;
  /** Virtual time does not move while holds are outstanding: a started operation is being computed by the host. */
  hold(): void;
  release(): void;
}
