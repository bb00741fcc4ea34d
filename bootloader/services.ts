import type { BootServices, SlotName, SlotReport } from '../hal/entry-points.ts';
import type { Hal } from '../hal/hal.ts';
import { BootState } from '../storage/boot-state.ts';
import { FLASH_MAP, SLOTS, type Slot } from '../storage/flash-map.ts';
import { HEADER_SIZE, versionText } from '../storage/image-format.ts';
import { markConfirmed, readTrailer, stateOf } from '../storage/slot-trailer.ts';
import { checkSize, SlotInstaller } from './install.ts';
import { isRefusal, UNSIGNED, type VerifiedImage, type VerifyHal, type VerifyPolicy, verifySlot } from './verify.ts';

export type ServicesHal = VerifyHal & Pick<Hal, 'trace'>;

/**
 * The bootloader's functions for the software it starts, handed over at hand-off as UEFI does.
 *
 * @param verified what `boot` verified and now runs. Kept of it is only what a confirmation needs: the phone holds on to this for as long as it runs.
 */
export function bootServices(
  hal: ServicesHal,
  slot: SlotName,
  verified: VerifiedImage,
  policy: VerifyPolicy,
): BootServices {
  const running = runningImage(verified);
  return {
    confirm: () => {
      if (slot !== 'recovery') confirm(hal, slot, running);
    },
    slots: () => [...SLOTS.map((name) => reportSlot(hal, name, slot, policy)), reportRecovery(hal, slot, policy)],
    beginInstall: (size, load) => {
      const target = installTarget(hal, slot);
      const tooLarge = size === null ? null : checkSize(target, size);
      return tooLarge ?? new SlotInstaller(hal, target, size, policy, load);
    },
  };
}

interface RunningImage {
  readonly load: string;
  /** Null for an image that nobody vouches for: it raises nothing. */
  readonly securityCounter: number | null;
}

function runningImage({ image, keyId }: VerifiedImage): RunningImage {
  return { load: image.load, securityCounter: keyId === UNSIGNED ? null : image.securityCounter };
}

/** Counter after mark: an image that was cut off in between is confirmed, and the next boot raises the counter. */
function confirm(hal: ServicesHal, slot: Slot, running: RunningImage): void {
  const isNew = !readTrailer(hal.flash, slot).confirmed;
  if (isNew) markConfirmed(hal.flash, slot);
  const state = new BootState(hal.flash);
  if (running.securityCounter !== null) state.raiseSecurityCounter(running.securityCounter);
  if (isNew) {
    hal.trace.event('boot.confirmed', {
      slot,
      load: running.load,
      securityCounter: state.securityCounter(),
    });
  }
  if (state.faults(slot) > 0) state.clearFaults(slot);
}

export function raiseCounter(state: BootState, verified: VerifiedImage): void {
  const { securityCounter } = runningImage(verified);
  if (securityCounter !== null) state.raiseSecurityCounter(securityCounter);
}

/** The slot that is not running; from recovery the one that is least of a loss. */
function installTarget(hal: VerifyHal, running: SlotName): Slot {
  if (running === 'A') return 'B';
  if (running === 'B') return 'A';
  const a = readTrailer(hal.flash, 'A');
  const b = readTrailer(hal.flash, 'B');
  if (a.confirmed !== b.confirmed) return a.confirmed ? 'B' : 'A';
  return a.sequence <= b.sequence ? 'A' : 'B';
}

export function reportSlot(hal: VerifyHal, slot: Slot, running: SlotName | null, policy: VerifyPolicy): SlotReport {
  const state = stateOf(readTrailer(hal.flash, slot));
  const nothing = { slot, load: null, version: null, digest: null, running: false };
  if (state === 'empty') return { ...nothing, state };
  const verdict = verifySlot(hal, slot, policy);
  if (isRefusal(verdict)) return { ...nothing, state: 'invalid' };
  const { load, version } = verdict.image;
  return { slot, state, load, version: versionText(version), digest: verdict.digest, running: slot === running };
}

/** The recovery region has no trailer: what verifies is there for good. */
export function reportRecovery(hal: VerifyHal, running: SlotName | null, policy: VerifyPolicy): SlotReport {
  const slot = 'recovery';
  const verdict = verifySlot(hal, slot, policy);
  if (isRefusal(verdict)) {
    const state = isRecoveryEmpty(hal) ? 'empty' : 'invalid';
    return { slot, state, load: null, version: null, digest: null, running: false };
  }
  const { load, version } = verdict.image;
  const { digest } = verdict;
  return { slot, state: 'confirmed', load, version: versionText(version), digest, running: running === slot };
}

/** No image was ever put there. */
export function isRecoveryEmpty(hal: Pick<VerifyHal, 'flash'>): boolean {
  return hal.flash.isErased(FLASH_MAP.recovery.offset, HEADER_SIZE);
}
