import { earlier, type Instant } from '../../hal/timer.ts';
import type { Registration } from './registration.ts';
import { Standby, type StandbyOptions } from './standby.ts';

export interface StandbyPairOptions extends Omit<StandbyOptions, 'return'> {
  readonly return: NonNullable<StandbyOptions['return']>;
}

/** The standby connections of a registered phone: to one of the call managers better than its own, if there is any, and to one of those behind. */
export class StandbyPair {
  readonly #better: Standby;
  readonly #next: Standby;

  constructor({ return: back, ...options }: StandbyPairOptions) {
    this.#better = new Standby({ ...options, return: back });
    this.#next = new Standby({ ...options, return: null });
  }

  /** @param index of the member with which the phone is registered. @param count of members */
  watch(now: Instant, index: number, count: number): void {
    const all = Array.from({ length: count }, (_, member) => member);
    this.#better.watch(now, all.slice(0, index));
    this.#next.watch(now, all.slice(index + 1));
  }

  /** The best member that a connection leads to; null while there is none. */
  get openTo(): number | null {
    return this.#better.openTo ?? this.#next.openTo;
  }

  /** The member to which the phone may go back; null while that connection does not stand. */
  get betterOpenTo(): number | null {
    return this.#better.openTo;
  }

  /** Hands over the connection to that member, if there is one. */
  take(now: Instant, index: number): Registration | null {
    for (const standby of [this.#better, this.#next]) if (standby.openTo === index) return standby.take(now);
    return null;
  }

  /** The leave that a better call manager gave was not used. */
  askAgain(now: Instant): void {
    this.#better.askAgain(now);
  }

  close(now: Instant): void {
    this.#better.close(now);
    this.#next.close(now);
  }

  abort(now: Instant): void {
    this.#better.abort(now);
    this.#next.abort(now);
  }

  dispatch(now: Instant): void {
    if (this.#better.pollAt() <= now) this.#better.dispatch(now);
    if (this.#next.pollAt() <= now) this.#next.dispatch(now);
  }

  pollAt(): Instant {
    return earlier(this.#better.pollAt(), this.#next.pollAt());
  }
}
