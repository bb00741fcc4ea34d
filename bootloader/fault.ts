import type { SlotName } from '../hal/entry-points.ts';
import type { Flash } from '../hal/flash.ts';
import { BootState } from '../storage/boot-state.ts';
import { writeFault } from '../storage/crash-log.ts';

export interface Fault {
  /** What was running. */
  readonly slot: SlotName;
  readonly load: string;
  /** Microseconds since the world was switched on. */
  readonly at: number;
  /** Stable slug: `exception`, `watchdog`. */
  readonly reason: string;
  /** The message and the stack, mapped to sources where possible. */
  readonly detail: string;
}

/** The CPU's fault handler: crash log, and one fault more for the slot. The board calls it, then resets. */
export function recordFault(flash: Flash, fault: Fault): void {
  if (fault.slot !== 'recovery') new BootState(flash).countFault(fault.slot);
  writeFault(flash, fault);
}
