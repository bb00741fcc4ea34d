import type { Installer, InstallRefusal } from '../hal/entry-points.ts';
import { SECTOR_SIZE } from '../hal/flash.ts';
import { BootState } from '../storage/boot-state.ts';
import { eraseSector } from '../storage/erase-region.ts';
import { FLASH_MAP, imageCapacity, SLOTS, type Slot } from '../storage/flash-map.ts';
import { parseHeader } from '../storage/image-format.ts';
import { isMalformed } from '../storage/malformed-image.ts';
import { eraseTrailer, markInstalled, readTrailer } from '../storage/slot-trailer.ts';
import { isRefusal, type VerifyHal, type VerifyPolicy, verifySlot } from './verify.ts';

/**
 * Writes one image into a slot. The trailer is erased before anything else and written after everything else, so that a slot cut off in between
 * is empty, whatever stands in it. Octets go to flash by whole sectors, as the part shares those between phones.
 */
export class SlotInstaller implements Installer {
  readonly #hal: VerifyHal;
  readonly #slot: Slot;
  readonly #size: number | null;
  readonly #load: string | null;
  readonly #policy: VerifyPolicy;
  readonly #sector = new Uint8Array(SECTOR_SIZE);
  #written = 0;
  #state: 'writing' | 'failed' | 'done' = 'writing';
  #refusal: InstallRefusal | null = null;

  /**
   * @param size the whole image in octets, at most the slot's capacity; null when it is not known yet.
   * @param load the load name that the image has to have; null for any.
   */
  constructor(hal: VerifyHal, slot: Slot, size: number | null, policy: VerifyPolicy, load: string | null = null) {
    this.#hal = hal;
    this.#slot = slot;
    this.#size = size;
    this.#policy = policy;
    this.#load = load;
    eraseTrailer(hal.flash, slot);
  }

  get refusal(): InstallRefusal | null {
    return this.#refusal;
  }

  write(octets: Uint8Array): string | null {
    this.#mustBeWriting();
    const limit = this.#size ?? imageCapacity(this.#slot);
    if (this.#written + octets.length > limit) {
      const what = this.#size === null ? 'slot holds' : 'octets announced';
      return this.#fail('size', `the image is larger than the ${limit} ${what}`);
    }
    for (let done = 0; done < octets.length; ) {
      const at = this.#written % SECTOR_SIZE;
      const count = Math.min(SECTOR_SIZE - at, octets.length - done);
      this.#sector.set(octets.subarray(done, done + count), at);
      this.#written += count;
      done += count;
      if (this.#written % SECTOR_SIZE === 0) {
        const error = this.#flush();
        if (error !== null) return error;
      }
    }
    return null;
  }

  finish(): string | null {
    this.#mustBeWriting();
    if (this.#written !== (this.#size ?? this.#written))
      return this.#fail('malformed', `the image ended after ${this.#written} of ${this.#size} octets`);
    if (this.#written % SECTOR_SIZE !== 0) {
      const error = this.#flush();
      if (error !== null) return error;
    }
    const state = new BootState(this.#hal.flash);
    const securityCounter = Math.max(state.securityCounter(), this.#policy.securityCounter);
    const verdict = verifySlot(this.#hal, this.#slot, { ...this.#policy, securityCounter });
    if (isRefusal(verdict)) return this.#fail(verdict.kind, verdict.refused);
    const { length, load } = verdict.image;
    if (length !== this.#written) return this.#fail('malformed', `${this.#written - length} octets follow the image`);
    if (load !== (this.#load ?? load)) return this.#fail('load', `it is load ${load}, not ${this.#load}`);
    state.clearFaults(this.#slot);
    markInstalled(this.#hal.flash, this.#slot, nextSequence(this.#hal));
    this.#state = 'done';
    return null;
  }

  abort(): void {
    if (this.#state === 'writing') this.#fail(null, 'aborted');
  }

  /** Writes the sector that has been collected. */
  #flush(): string | null {
    const length = this.#written % SECTOR_SIZE || SECTOR_SIZE;
    const start = this.#written - length;
    if (start === 0) {
      const header = parseHeader({ size: length, read: (at, count) => this.#sector.slice(at, at + count) });
      if (isMalformed(header)) return this.#fail('malformed', header.malformed);
    }
    const offset = FLASH_MAP[this.#slot].offset + start;
    const { flash } = this.#hal;
    eraseSector(flash, offset);
    flash.program(offset, length === SECTOR_SIZE ? this.#sector : this.#sector.subarray(0, length));
    return null;
  }

  /** Leaves the slot without even the beginning of an image. */
  #fail(refusal: InstallRefusal | null, reason: string): string {
    this.#state = 'failed';
    this.#refusal = refusal;
    this.#hal.flash.erase(FLASH_MAP[this.#slot].offset);
    return reason;
  }

  #mustBeWriting(): void {
    if (this.#state !== 'writing') throw new Error(`the installation is ${this.#state}`);
  }
}

/** Null, or why an image of this size cannot go into the slot. */
export function checkSize(slot: Slot, size: number): string | null {
  const capacity = imageCapacity(slot);
  if (Number.isInteger(size) && size > 0 && size <= capacity) return null;
  return `an image of ${size} octets does not fit slot ${slot}, which holds ${capacity}`;
}

function nextSequence(hal: VerifyHal): number {
  return 1 + Math.max(...SLOTS.map((slot) => readTrailer(hal.flash, slot).sequence));
}
