import type { BootRecord, EntryPoints } from '../../hal/entry-points.ts';
import type { Hal } from '../../hal/hal.ts';
import { RecoveryKernel } from './recovery-kernel.ts';

/** The payload of the recovery region: runs when no slot does. */
export function entry(hal: Hal, boot: BootRecord): EntryPoints {
  return new RecoveryKernel(hal, boot);
}
