import type { BootRecord, SlotName } from '../hal/entry-points.ts';
import type { Hal } from '../hal/hal.ts';
import type { ResetReason } from '../hal/power.ts';
import { type Duration, MINUTE } from '../hal/timer.ts';
import { hexOf } from '../storage/ascii.ts';
import { BootState } from '../storage/boot-state.ts';
import { lastFault } from '../storage/crash-log.ts';
import { FLASH_MAP, SLOTS, type Slot } from '../storage/flash-map.ts';
import { type Compression, versionText } from '../storage/image-format.ts';
import { MAX_TRIALS, markReverted, markTrial, readTrailer, type SlotTrailer } from '../storage/slot-trailer.ts';
import { bootServices, isRecoveryEmpty, raiseCounter } from './services.ts';
import { isRefusal, UNSIGNED, type VerifiedImage, type VerifyHal, type VerifyPolicy, verifySlot } from './verify.ts';

/** What the bootloader needs of the board. */
export type BootHal = VerifyHal & Pick<Hal, 'trace' | 'console'>;

export interface BootOptions {
  /** Runs what is unsigned or signed by an unknown key, and says so at every boot. */
  readonly allowUnsigned?: boolean;
  /** Boots that a new image has to prove itself in, 1 to 4. */
  readonly trialBoots?: number;
  /** Microseconds within which a new image has to confirm itself on its trial boot, else the board's watchdog resets it. */
  readonly trialTime?: Duration;
  /** Faults without a registration in between after which a confirmed image gives way. */
  readonly maxFaults?: number;
}

const DEFAULT_TRIAL_BOOTS = 1;
const DEFAULT_MAX_FAULTS = 3;
/** Time for DHCP, files and a few fruitless rounds through the call managers; a real phone is registered within two or three minutes. */
export const DEFAULT_TRIAL_TIME: Duration = 15 * MINUTE;

/** What the board has to do: the bootloader itself never jumps. */
export type BootDecision =
  | {
      readonly kind: 'run';
      readonly slot: SlotName;
      readonly record: BootRecord;
      /** Where the payload's text lies in flash. */
      readonly bodyOffset: number;
      readonly bodyLength: number;
      readonly compression: Compression;
      /** SHA-256 of the body, hexadecimal: images of several loads can have one body, and then share its compiled form. */
      readonly bodyDigest: string;
    }
  | { readonly kind: 'halt'; readonly reason: string };

/** A slot that may be run, and what running it means. */
interface Candidate {
  readonly slot: SlotName;
  readonly trial: boolean;
  readonly confirmed: boolean;
}

/**
 * Chooses and verifies what to run. In this order: a new image that still has a trial boot; the newest confirmed one that does not keep
 * faulting; recovery; and before the phone stays dark, any other image that verifies.
 */
export function boot(hal: BootHal, resetReason: ResetReason, options: BootOptions = {}): BootDecision {
  const state = new BootState(hal.flash);
  const policy: VerifyPolicy = {
    securityCounter: state.securityCounter(),
    allowUnsigned: options.allowUnsigned ?? false,
  };
  if (resetReason === 'fault' || resetReason === 'watchdog') countFault(hal, state);
  const refusals: string[] = [];
  for (const candidate of candidates(hal, state, options)) {
    const verdict = verifySlot(hal, candidate.slot, policy);
    if (!isRefusal(verdict)) return handOff(hal, state, candidate, verdict, resetReason, policy);
    reject(hal, candidate.slot, verdict.refused);
    refusals.push(`${candidate.slot}: ${verdict.refused}`);
  }
  const reason = refusals.length === 0 ? 'no image in flash' : refusals.join('; ');
  hal.console.write(`Boot: halted, ${reason}`);
  return { kind: 'halt', reason };
}

/** The board has written the crash log before it reset; whose fault it was stands there. */
function countFault(hal: BootHal, state: BootState): void {
  const slot = lastFault(hal.flash)?.slot;
  if (slot === 'A' || slot === 'B') state.countFault(slot);
}

function candidates(hal: BootHal, state: BootState, options: BootOptions): Candidate[] {
  const trialBoots = Math.min(options.trialBoots ?? DEFAULT_TRIAL_BOOTS, MAX_TRIALS);
  const maxFaults = options.maxFaults ?? DEFAULT_MAX_FAULTS;
  const untried: Slot[] = [];
  const good: Slot[] = [];
  const lastResort: Slot[] = [];
  for (const [slot, trailer] of newestFirst(hal)) {
    if (!trailer.installed) continue;
    if (trailer.confirmed) (state.faults(slot) < maxFaults ? good : lastResort).push(slot);
    else if (!trailer.reverted && trailer.trials < trialBoots) untried.push(slot);
    else {
      if (!trailer.reverted) revert(hal, slot);
      lastResort.push(slot);
    }
  }
  const recovery: SlotName[] = isRecoveryEmpty(hal) ? [] : ['recovery'];
  return [
    ...untried.map((slot) => ({ slot, trial: true, confirmed: false })),
    ...good.map((slot) => ({ slot, trial: false, confirmed: true })),
    ...recovery.map((slot) => ({ slot, trial: false, confirmed: false })),
    ...lastResort.map((slot) => ({ slot, trial: false, confirmed: false })),
  ];
}

function newestFirst(hal: BootHal): [Slot, SlotTrailer][] {
  return SLOTS.map((slot): [Slot, SlotTrailer] => [slot, readTrailer(hal.flash, slot)]).sort(
    ([, a], [, b]) => b.sequence - a.sequence,
  );
}

function revert(hal: BootHal, slot: Slot): void {
  markReverted(hal.flash, slot);
  reject(hal, slot, 'it was not confirmed on its trial boot');
}

function reject(hal: BootHal, slot: SlotName, reason: string): void {
  hal.trace.event('boot.rejected', { slot, reason });
  hal.console.write(`Boot: slot ${slot} refused: ${reason}`);
}

function handOff(
  hal: BootHal,
  state: BootState,
  candidate: Candidate,
  verified: VerifiedImage,
  resetReason: ResetReason,
  policy: VerifyPolicy,
): BootDecision {
  const { slot, trial } = candidate;
  const { image, digest, keyId } = verified;
  if (trial && slot !== 'recovery') markTrial(hal.flash, slot);
  // The power may have gone between the confirmation and the counter.
  if (candidate.confirmed) raiseCounter(state, verified);

  const version = versionText(image.version);
  const bodyOffset = FLASH_MAP[slot].offset + image.bodyOffset;
  hal.console.write(
    keyId === UNSIGNED
      ? `Boot: WARNING: slot ${slot} runs ${image.load}, which no boot key vouches for (unsigned images are allowed)`
      : `Boot: slot ${slot} runs ${image.load} ${version}${trial ? ' on trial' : ''}, verified by key "${keyId}"`,
  );
  hal.trace.event('boot.handoff', { slot, load: image.load, version, digest, signature: keyId, trial });
  const services = bootServices(hal, slot, verified, policy);
  const record = { slot, load: image.load, version, digest, keyId, trial, resetReason, services };
  return {
    kind: 'run',
    slot,
    record: image.protocol === null ? record : { protocol: image.protocol, ...record },
    bodyOffset,
    bodyLength: image.bodyLength,
    compression: image.compression,
    bodyDigest: hexOf(hal.flash.sha256(bodyOffset, image.bodyLength)),
  };
}
