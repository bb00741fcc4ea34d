import type { BootRecord, EntryPoints } from '../hal/entry-points.ts';
import type { Hal } from '../hal/hal.ts';
import { Kernel } from './kernel.ts';

/** The payload: what the board calls at hand-off, once per phone and boot. */
export function entry(hal: Hal, boot: BootRecord): EntryPoints {
  return new Kernel(hal, boot);
}
