/**
 * Where things lie in the flash part. One table: the bootloader, the firmware, the tools and `docs/image-format.md` use it.
 */

import { SECTOR_SIZE } from '../hal/flash.ts';

export interface Region {
  /** Octets from the beginning of the part, a multiple of the sector size. */
  readonly offset: number;
  /** Octets, a multiple of the sector size. */
  readonly size: number;
  readonly about: string;
}

export type RegionName = 'board' | 'boot' | 'recovery' | 'A' | 'B' | 'settings' | 'trust' | 'crash';

/** Octets of the part that the map needs. */
export const FLASH_SIZE = 0x40_0000;

/**
 * A slot holds an image of 1,276 KiB, nearly twice the payload of today; the trust store holds, twice over, lists and a configuration that
 * come to 256 KiB. What is left above the crash log is spare.
 */
export const FLASH_MAP: Readonly<Record<RegionName, Region>> = Object.freeze({
  board: { offset: 0x00_0000, size: 0x2000, about: 'identity and boot keys, written when the board is made' },
  boot: { offset: 0x00_2000, size: 0x2000, about: 'security counter and fault counts' },
  recovery: { offset: 0x01_0000, size: 0x7_0000, about: 'recovery image, read-only' },
  A: { offset: 0x08_0000, size: 0x14_0000, about: 'slot A: image, and its trailer in the last sector' },
  B: { offset: 0x1c_0000, size: 0x14_0000, about: 'slot B: image, and its trailer in the last sector' },
  settings: { offset: 0x30_0000, size: 0x8000, about: 'settings, preferences, stored lease' },
  trust: { offset: 0x31_0000, size: 0x8_0000, about: 'CTL, ITL and the last good configuration' },
  crash: { offset: 0x39_0000, size: 0x1_0000, about: 'crash log' },
});

/** Slots that can be written, in the order in which equals are preferred. */
export const SLOTS = ['A', 'B'] as const;

export type Slot = (typeof SLOTS)[number];

/** Where the trailer of a slot begins: its last sector. */
export function trailerOffset(slot: Slot): number {
  const region = FLASH_MAP[slot];
  return region.offset + region.size - SECTOR_SIZE;
}

/** The largest image that a slot, or the recovery region, holds, in octets. */
export function imageCapacity(slot: Slot | 'recovery'): number {
  return slot === 'recovery' ? FLASH_MAP.recovery.size : FLASH_MAP[slot].size - SECTOR_SIZE;
}
