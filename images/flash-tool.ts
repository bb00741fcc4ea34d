import { currentPolicy, installImage, installRecovery } from '../bootloader/factory.ts';
import { reportRecovery, reportSlot } from '../bootloader/services.ts';
import type { VerifyHal } from '../bootloader/verify.ts';
import type { SlotReport } from '../hal/entry-points.ts';
import { type Flash, SECTOR_SIZE } from '../hal/flash.ts';
import type { BootKey } from '../hal/secure.ts';
import { type BoardIdentity, readBoard, readBootKeys, revokeBootKey, writeBoard } from '../storage/board-record.ts';
import { BootState } from '../storage/boot-state.ts';
import { type FaultRecord, readFaults } from '../storage/crash-log.ts';
import { eraseRegionOf, eraseSector, isSectorErased } from '../storage/erase-region.ts';
import { FLASH_MAP, FLASH_SIZE, type RegionName, SLOTS, type Slot } from '../storage/flash-map.ts';
import { isMalformed } from '../storage/malformed-image.ts';
import { RecordStore } from '../storage/record-store.ts';
import { type SettingName, Settings } from '../storage/settings.ts';
import { readTrailer } from '../storage/slot-trailer.ts';
import { verifySignature } from './key.ts';

/** Something that cannot be done to this flash. The message is one sentence. */
export class FlashToolError extends Error {
  override readonly name = 'FlashToolError';
}

export interface CreateOptions {
  readonly identity: BoardIdentity;
  readonly bootKeys: readonly BootKey[];
  readonly recovery?: Uint8Array;
  /** Goes into slot A, confirmed, as from the factory. */
  readonly image?: Uint8Array;
  readonly allowUnsigned?: boolean;
}

/** Makes an erased part into a phone's. Throws FlashToolError. */
export function createFlash(flash: Flash, options: CreateOptions): void {
  if (flash.size < FLASH_SIZE)
    throw new FlashToolError(`The part has ${flash.size} octets; the map needs ${FLASH_SIZE}.`);
  try {
    writeBoard(flash, options.identity, options.bootKeys);
  } catch (error) {
    if (error instanceof RangeError) throw new FlashToolError(`The board record cannot be written: ${error.message}.`);
    throw error;
  }
  const hal = toolHal(flash);
  if (options.recovery) refuse('The recovery image is refused', installRecovery(hal, options.recovery));
  const { allowUnsigned = false } = options;
  if (options.image) {
    refuse('The image is refused', installImage(hal, 'A', options.image, { confirmed: true, allowUnsigned }));
  }
}

export interface SlotInfo extends SlotReport {
  /** Order of installation; 0 when nothing is installed. */
  readonly sequence: number;
  /** Faults since installation or the last registration. */
  readonly faults: number;
}

export interface FlashInfo {
  readonly size: number;
  readonly identity: BoardIdentity;
  readonly bootKeys: readonly BootKey[];
  readonly securityCounter: number;
  readonly slots: readonly SlotInfo[];
  readonly settings: readonly (readonly [SettingName, string])[];
  /** Keys in the trust store, with the octets of each value. */
  readonly files: readonly (readonly [string, number])[];
  readonly faults: readonly FaultRecord[];
  readonly map: readonly RegionInfo[];
}

export interface RegionInfo {
  readonly name: RegionName;
  readonly offset: number;
  readonly size: number;
  readonly about: string;
  /** Sectors that are not erased. */
  readonly usedSectors: number;
  /** The most that one of its sectors was erased; null where the part does not count. */
  readonly wear: number | null;
}

/** A part that counts erases, as the simulated one does. */
export interface WearCount {
  wear(offset: number): number;
}

/** All there is to know about a phone's flash. Throws FlashToolError for a part without a board record. */
export function flashInfo(flash: Flash & Partial<WearCount>, allowUnsigned = false): FlashInfo {
  const identity = identityOf(flash);
  const hal = toolHal(flash);
  const policy = currentPolicy(hal, allowUnsigned);
  const state = new BootState(flash);
  const trust = RecordStore.open(flash, FLASH_MAP.trust);
  const slots = SLOTS.map((slot): SlotInfo => {
    const { sequence } = readTrailer(flash, slot);
    return { ...reportSlot(hal, slot, null, policy), sequence, faults: state.faults(slot) };
  });
  return {
    size: flash.size,
    identity,
    bootKeys: readBootKeys(flash),
    securityCounter: state.securityCounter(),
    slots: [...slots, { ...reportRecovery(hal, null, policy), sequence: 0, faults: 0 }],
    settings: settingsOf(flash).list(),
    files: trust.keys().map((key) => [key, trust.get(key)?.length ?? 0] as const),
    faults: readFaults(flash),
    map: (Object.keys(FLASH_MAP) as RegionName[]).map((name) => regionInfo(flash, name)),
  };
}

export interface InstallOptions {
  /** Without it the slot that the next boot would not run. */
  readonly slot?: Slot;
  /** Spares the image its trial boot. */
  readonly confirmed?: boolean;
  readonly allowUnsigned?: boolean;
}

/** Puts an image into a slot and returns which. Throws FlashToolError when the image is refused; the slot is empty then. */
export function installInto(flash: Flash, image: Uint8Array, options: InstallOptions = {}): Slot {
  identityOf(flash);
  const slot = options.slot ?? olderSlot(flash);
  const { confirmed = false, allowUnsigned = false } = options;
  refuse('The image is refused', installImage(toolHal(flash), slot, image, { confirmed, allowUnsigned }));
  return slot;
}

/** Sets an administrator's setting or a preference; an empty text takes it back. Throws FlashToolError. */
export function setSetting(flash: Flash, name: string, text: string): void {
  identityOf(flash);
  const error = settingsOf(flash).set(name, text);
  if (error !== null) throw new FlashToolError(error);
}

/** Burns the revocation of a boot key: nothing signed by it boots any more. Throws FlashToolError when there is no such key. */
export function revokeKey(flash: Flash, id: string): void {
  if (!revokeBootKey(flash, id)) throw new FlashToolError(`The fuses hold no key "${id}".`);
}

/** The raw octets of the whole part. */
export function dumpFlash(flash: Flash): Uint8Array {
  return flash.read(0, flash.size);
}

/** Writes raw octets back over all that is there. Throws FlashToolError when they are not of the part's size. */
export function restoreFlash(flash: Flash, octets: Uint8Array): void {
  if (octets.length !== flash.size)
    throw new FlashToolError(`The dump has ${octets.length} octets, the part ${flash.size}.`);
  for (let offset = 0; offset < flash.size; offset += SECTOR_SIZE) {
    eraseSector(flash, offset);
    flash.program(offset, octets.subarray(offset, offset + SECTOR_SIZE));
  }
}

/** Erases one region: a slot, the settings, the trust store, the crash log. The factory's regions stay. Throws FlashToolError. */
export function eraseRegion(flash: Flash, name: string): void {
  if (!isErasable(name)) {
    throw new FlashToolError(`"${name}" cannot be erased; ${ERASABLE.join(', ')} can.`);
  }
  eraseRegionOf(flash, name);
}

/** The security counter's region is not among them: erasing it would be a way below the counter. */
const ERASABLE = ['A', 'B', 'settings', 'trust', 'crash'] as const;

function isErasable(name: string): name is (typeof ERASABLE)[number] {
  return (ERASABLE as readonly string[]).includes(name);
}

function identityOf(flash: Flash): BoardIdentity {
  if (flash.size < FLASH_SIZE)
    throw new FlashToolError(`The part has ${flash.size} octets; a phone's has ${FLASH_SIZE}.`);
  const identity = readBoard(flash);
  if (isMalformed(identity)) throw new FlashToolError(`This is not a phone's flash: ${identity.malformed}.`);
  return identity;
}

/** What the bootloader's checks need, made from the board record instead of a board. */
function toolHal(flash: Flash): VerifyHal {
  const identity = identityOf(flash);
  return {
    flash,
    board: { model: { name: identity.model }, hardwareRevision: identity.hardwareRevision },
    secure: { bootKeys: readBootKeys(flash), verify: verifySignature },
  };
}

function settingsOf(flash: Flash): Settings {
  return new Settings(RecordStore.open(flash, FLASH_MAP.settings));
}

function olderSlot(flash: Flash): Slot {
  const a = readTrailer(flash, 'A');
  const b = readTrailer(flash, 'B');
  if (a.installed !== b.installed) return a.installed ? 'B' : 'A';
  return a.sequence <= b.sequence ? 'A' : 'B';
}

function regionInfo(flash: Flash & Partial<WearCount>, name: RegionName): RegionInfo {
  const { offset, size, about } = FLASH_MAP[name];
  let usedSectors = 0;
  let wear: number | null = flash.wear ? 0 : null;
  for (let at = offset; at < offset + size; at += SECTOR_SIZE) {
    if (!isSectorErased(flash, at)) usedSectors++;
    if (flash.wear && wear !== null) wear = Math.max(wear, flash.wear(at));
  }
  return { name, offset, size, about, usedSectors, wear };
}

function refuse(what: string, reason: string | null): void {
  if (reason !== null) throw new FlashToolError(`${what}: ${reason}.`);
}
