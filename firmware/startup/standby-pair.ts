import { earlier, type Instant, NEVER } from '../../hal/timer.ts';
import type { Registration } from './registration.ts';
import { Standby, type StandbyOptions, type StandbyReturn } from './standby.ts';

export interface StandbyPairOptions extends StandbyOptions {
  /** From the better one. */
  readonly return: StandbyReturn;
}

/** The standby connections of a registered phone: to one of the call managers better than its own, if there is any, and to one of those behind. */
export class StandbyPair {
  readonly #options: StandbyPairOptions;
  /** None before the first registration with a lesser one. */
  #better: Standby | null = null;
  readonly #next: Standby;

  constructor(options: StandbyPairOptions) {
    this.#options = options;
    this.#next = new Standby(options, null);
  }

  /** @param index of the member with which the phone is registered. @param count of members */
  watch(now: Instant, index: number, count: number): void {
    const all = Array.from({ length: count }, (_, member) => member);
    if (index > 0) this.#better ??= new Standby(this.#options, this.#options.return);
    this.#better?.watch(now, all.slice(0, index));
    this.#next.watch(now, all.slice(index + 1));
  }

  /** The best member that a connection leads to; null while there is none. */
  get openTo(): number | null {
    return this.betterOpenTo ?? this.#next.openTo;
  }

  /** The member to which the phone may go back; null while that connection does not stand. */
  get betterOpenTo(): number | null {
    return this.#better?.openTo ?? null;
  }

  /** Hands over the connection to that member, if there is one. */
  take(now: Instant, index: number): Registration | null {
    if (this.#better?.openTo === index) return this.#better.take(now);
    return this.#next.openTo === index ? this.#next.take(now) : null;
  }

  /** The leave that a better call manager gave was not used. */
  askAgain(now: Instant): void {
    this.#better?.askAgain(now);
  }

  close(now: Instant): void {
    this.#better?.close(now);
    this.#next.close(now);
  }

  abort(now: Instant): void {
    this.#better?.abort(now);
    this.#next.abort(now);
  }

  dispatch(now: Instant): void {
    const better = this.#better;
    if (better !== null && better.pollAt() <= now) better.dispatch(now);
    if (this.#next.pollAt() <= now) this.#next.dispatch(now);
  }

  pollAt(): Instant {
    return earlier(this.#better?.pollAt() ?? NEVER, this.#next.pollAt());
  }
}
