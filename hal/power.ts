import type { Instant } from './timer.ts';

/** Where the phone draws its power from, as far as the board can tell. */
export type PowerSource = 'poe' | 'external';

/**
 * Why the phone last started, in the words of Cisco's ReasonForOutOfService enumeration (`protocols/sccp.md` 3.6).
 * The reset reason survives the reset in the boot record, and is what the next boot's alarm reports.
 */
export type ResetReason =
  | 'power-on' // Initialized
  | 'reset' // Reset-Reset, asked for by the call manager
  | 'restart' // Reset-Restart
  | 'keypad' // Phone-Keypad, the user's or the operator's wish
  | 'load-update' // a new load stands in the other slot
  | 'factory-reset'
  | 'fault' // a payload exception; the crash log has the rest
  | 'watchdog'
  | 'recovery'; // the recovery payload has installed a load

/** What the board reports about its supply through `EntryPoints.onPower`. */
export interface PowerEvent {
  readonly source: PowerSource;
  /** What the supply allows now, in milliwatts; the class reserve until CDP or LLDP has negotiated another value. */
  readonly availableMilliwatts: number;
}

export interface Power {
  readonly source: PowerSource;
  /** 802.3af/at class, 0 to 4; null on external supply and for pre-standard phones. */
  readonly class: number | null;
  /** When the supply came; a reset does not interrupt it. */
  readonly onSince: Instant;
  availableMilliwatts(): number;
  /** Tells the board what the phone now draws. */
  draw(milliwatts: number): void;
  /**
   * Asks for a reset. It happens when the running entry point returns; nothing else is delivered before it.
   * @param reason survives in the next boot record.
   */
  reset(reason: ResetReason): void;
  /** Answers `EntryPoints.onShutdown`: the network has been left in order, the supply may go when the running entry point returns. */
  off(): void;
}
