import type { Power, PowerSource, ResetReason } from '../power.ts';
import type { Instant } from '../timer.ts';

/** What power sourcing equipment reserves by class, in milliwatts (IEEE 802.3-2018, table 33-3); pre-standard inline power starts with 6.3 W. */
const CLASS_RESERVE_MILLIWATTS = [15_400, 4_000, 7_000, 15_400, 30_000] as const;
const PRE_STANDARD_MILLIWATTS = 6_300;

/** A wall adapter (48 V) gives more than any phone takes. */
const ADAPTER_MILLIWATTS = 48_000;

export interface BoardPowerOptions {
  readonly source: PowerSource;
  /** 802.3af/at class; null on an external supply and for pre-standard phones. */
  readonly class: number | null;
  /** What the supply allows at first; without it the reserve of the class. */
  readonly availableMilliwatts?: number;
}

/** The supply of one board. It carries out no reset: the board looks at `requestedReset` when an entry point has returned. */
export class BoardPower implements Power {
  readonly source: PowerSource;
  readonly class: number | null;
  #availableMilliwatts: number;
  #drawnMilliwatts = 0;
  #requestedReset: ResetReason | null = null;
  #offRequested = false;
  /** Set by the board at power-on. */
  onSince: Instant = 0;

  constructor(options: BoardPowerOptions) {
    this.source = options.source;
    this.class = options.class;
    this.#availableMilliwatts = options.availableMilliwatts ?? reserve(options.source, options.class);
  }

  availableMilliwatts(): number {
    return this.#availableMilliwatts;
  }

  draw(milliwatts: number): void {
    this.#drawnMilliwatts = milliwatts;
  }

  /** The first reason asked for stays: what comes after it is said by software that is already going down. */
  reset(reason: ResetReason): void {
    this.#requestedReset ??= reason;
  }

  off(): void {
    this.#offRequested = true;
  }

  /** Whether the software is done with the supply; asked once. */
  takeOff(): boolean {
    const requested = this.#offRequested;
    this.#offRequested = false;
    return requested;
  }

  /** What the phone said it draws. */
  get drawnMilliwatts(): number {
    return this.#drawnMilliwatts;
  }

  get requestedReset(): ResetReason | null {
    return this.#requestedReset;
  }

  /** The requested reset, which is then no longer requested. */
  takeRequestedReset(): ResetReason | null {
    const reason = this.#requestedReset;
    this.#requestedReset = null;
    return reason;
  }

  /** The supply allows another value; the board then tells the software by `onPower`. True when it is another. */
  allocate(milliwatts: number): boolean {
    const changed = milliwatts !== this.#availableMilliwatts;
    this.#availableMilliwatts = milliwatts;
    return changed;
  }
}

function reserve(source: PowerSource, powerClass: number | null): number {
  if (source === 'external') return ADAPTER_MILLIWATTS;
  if (powerClass === null) return PRE_STANDARD_MILLIWATTS;
  const milliwatts = CLASS_RESERVE_MILLIWATTS[powerClass];
  if (milliwatts === undefined) throw new RangeError(`there is no 802.3at class ${powerClass}`);
  return milliwatts;
}
