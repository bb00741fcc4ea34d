import { BootState } from '../storage/boot-state.ts';
import type { Slot } from '../storage/flash-map.ts';
import { FLASH_MAP, imageCapacity } from '../storage/flash-map.ts';
import { markConfirmed } from '../storage/slot-trailer.ts';
import { checkSize, SlotInstaller } from './install.ts';
import { raiseCounter } from './services.ts';
import { isRefusal, type VerifyHal, type VerifyPolicy, verifySlot } from './verify.ts';

/** What the factory and the workbench do to a board that is not running. */

/** Puts an image into a slot. `confirmed` spares it the trial. Null, or one clause saying why the slot is empty now. */
export function installImage(
  hal: VerifyHal,
  slot: Slot,
  image: Uint8Array,
  options: { readonly confirmed: boolean; readonly allowUnsigned: boolean },
): string | null {
  const tooLarge = checkSize(slot, image.length);
  if (tooLarge !== null) return tooLarge;
  const policy = currentPolicy(hal, options.allowUnsigned);
  const installer = new SlotInstaller(hal, slot, image.length, policy);
  const error = installer.write(image) ?? installer.finish();
  if (error !== null || !options.confirmed) return error;
  markConfirmed(hal.flash, slot);
  const verdict = verifySlot(hal, slot, policy);
  if (!isRefusal(verdict)) raiseCounter(new BootState(hal.flash), verdict);
  return null;
}

/** Programs the recovery region, which has to be erased. No image can write there later. */
export function installRecovery(hal: VerifyHal, image: Uint8Array): string | null {
  const capacity = imageCapacity('recovery');
  if (image.length > capacity) return `a recovery image of ${image.length} octets does not fit ${capacity}`;
  hal.flash.program(FLASH_MAP.recovery.offset, image);
  const verdict = verifySlot(hal, 'recovery', currentPolicy(hal, false));
  return isRefusal(verdict) ? verdict.refused : null;
}

export function currentPolicy(hal: Pick<VerifyHal, 'flash'>, allowUnsigned: boolean): VerifyPolicy {
  return { securityCounter: new BootState(hal.flash).securityCounter(), allowUnsigned };
}
