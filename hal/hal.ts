/**
 * The HAL line: everything that `firmware/`, `bootloader/` and `storage/` can reach, and all they can reach.
 * Above it code is synchronous and runs to completion; there are no promises, no Node, no host globals.
 */

import type { Board } from './board.ts';
import type { Flash } from './flash.ts';
import type { Nic } from './nic.ts';
import type { Console, Panel } from './panel.ts';
import type { Power } from './power.ts';
import type { Rng } from './rng.ts';
import type { SecureElement } from './secure.ts';
import type { Timer, WallClock } from './timer.ts';
import type { Tls } from './tls.ts';
import type { Trace } from './trace.ts';
import type { TunableValues } from './tunables.ts';

/** Version of these contracts. An image names the one it was built for; the bootloader refuses another. */
export const HAL_ABI = 1;

export interface Hal {
  readonly abi: number;
  readonly board: Board;
  readonly timer: Timer;
  readonly wallClock: WallClock;
  readonly nic: Nic;
  readonly flash: Flash;
  readonly power: Power;
  readonly rng: Rng;
  readonly secure: SecureElement;
  readonly tls: Tls;
  readonly panel: Panel;
  readonly console: Console;
  /** What is spoken into the phone: mu-law octets at 8 kHz, again and again. Without it there is what the tunable `media.source` says. */
  readonly microphone?: Uint8Array;
  readonly trace: Trace;
  readonly tunables: TunableValues;
  /** A real phone's pace: lamps are shown for as long as they are, deliberate waits are kept. */
  readonly realistic: boolean;
}
