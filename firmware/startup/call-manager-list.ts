import type { Rng } from '../../hal/rng.ts';
import { type Duration, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { AppliedConfiguration, CallManagerMember } from './configuration-memory.ts';

/** "Up to five": what CUCM writes into a configuration file. */
const MAX_MEMBERS = 5;

/** Waits that several phones begin together are spread by this share either way (sccp 3.2). */
const JITTER = 0.2;

/** Doublings after which the wait between rounds grows no more, whatever its ceiling. */
const MAX_DOUBLINGS = 10;

/** The call managers of a configuration by priority, and behind them what it names for the case that none of them is left (SRST). */
export function membersOf(configuration: AppliedConfiguration): readonly CallManagerMember[] {
  const { callManagers, srst = [] } = configuration;
  return [...callManagers.slice(0, MAX_MEMBERS), ...srst];
}

/**
 * Whose turn it is: one round asks every member once, and begins with the first, or behind the one that has just been lost or has refused. Rounds in
 * vain are further and further apart.
 */
export class CallManagerList {
  readonly #tunables: TunableValues;
  readonly #rng: Rng;
  /** Members still to be asked in this round, by index. */
  #queue: number[] = [];
  /** Member to begin the next round with. */
  #first = 0;
  /** Rounds in vain since the last registration. */
  #rounds = 0;
  /** How long the members of this round want to be left alone. */
  #waitSeconds = 0;

  constructor(tunables: TunableValues, rng: Rng) {
    this.#tunables = tunables;
    this.#rng = rng;
  }

  /** Begins a round of `count` members. @param preferred asked before all others */
  begin(count: number, preferred: number | null): void {
    const first = this.#first < count ? this.#first : 0;
    const order = Array.from({ length: count }, (_, step) => (first + step) % count);
    this.#queue = preferred === null ? order : [preferred, ...order.filter((index) => index !== preferred)];
    this.#first = 0;
  }

  /** The next to be asked; null at the end of the round. */
  next(): number | null {
    return this.#queue.shift() ?? null;
  }

  registered(): void {
    this.#rounds = 0;
    this.#waitSeconds = 0;
  }

  /** The next round asks this one last. */
  beginBehind(index: number): void {
    this.#first = index + 1;
  }

  wantsWait(seconds: number): void {
    this.#waitSeconds = Math.max(this.#waitSeconds, seconds);
  }

  /** How long to wait after a round in vain, which this ends. */
  endRound(): Duration {
    const { 'callmanager.roundWait': shortest, 'callmanager.roundWaitMax': longest } = this.#tunables;
    const seconds = Math.min(shortest * 2 ** Math.min(this.#rounds, MAX_DOUBLINGS), longest);
    const wait = Math.max(seconds, this.#waitSeconds) * SECOND;
    this.#rounds++;
    this.#waitSeconds = 0;
    return this.spread(wait);
  }

  spread(duration: Duration): Duration {
    const half = Math.floor(duration * JITTER);
    return duration - half + this.#rng.below(2 * half + 1);
  }
}
