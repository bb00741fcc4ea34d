/**
 * The last sector of a slot: what has become of the image in it. Each mark is a word that is programmed from ones to zeros once and only
 * goes back by an erase, so the states form one way: empty, untried, trial, confirmed or reverted.
 *
 * A power cut can leave a word half programmed and age can flip a bit, so a mark counts as set when more than half of its bits are zero:
 * every value has one meaning, and one bit changes none that was written whole. The order in which slots were installed stands three
 * times, and the majority of each bit counts.
 */

import type { Flash } from '../hal/flash.ts';
import { type Slot, trailerOffset } from './flash-map.ts';
import { putU32le, u32le } from './little-endian.ts';

/** Offsets in the trailer. */
export const TRAILER = {
  sequence: 0, // three copies
  installed: 12,
  trials: 16, // one mark for each trial boot
  confirmed: 32,
  reverted: 36,
} as const;

export const TRAILER_SIZE = 40;
const SEQUENCE_COPIES = 3;
/** More trial boots than this cannot be recorded. */
export const MAX_TRIALS = 4;

const MARK_SIZE = 4;
const SET = new Uint8Array(MARK_SIZE); // zeros; programming it clears a whole word

export interface SlotTrailer {
  /** Counts installations over both slots: the higher one is the newer image. */
  readonly sequence: number;
  readonly installed: boolean;
  /** Boots on trial that have begun. */
  readonly trials: number;
  readonly confirmed: boolean;
  readonly reverted: boolean;
}

export type SlotState = 'empty' | 'untried' | 'trial' | 'confirmed' | 'reverted';

export function readTrailer(flash: Flash, slot: Slot): SlotTrailer {
  const octets = flash.read(trailerOffset(slot), TRAILER_SIZE);
  let trials = 0;
  while (trials < MAX_TRIALS && isSet(octets, TRAILER.trials + trials * MARK_SIZE)) trials++;
  return {
    sequence: majority(octets),
    installed: isSet(octets, TRAILER.installed),
    trials,
    confirmed: isSet(octets, TRAILER.confirmed),
    reverted: isSet(octets, TRAILER.reverted),
  };
}

export function stateOf(trailer: SlotTrailer): SlotState {
  if (!trailer.installed) return 'empty';
  if (trailer.confirmed) return 'confirmed';
  if (trailer.reverted) return 'reverted';
  return trailer.trials > 0 ? 'trial' : 'untried';
}

/** The slot holds nothing from here on. */
export function eraseTrailer(flash: Flash, slot: Slot): void {
  flash.erase(trailerOffset(slot));
}

/** The slot holds a whole, verified image, newer than `sequence - 1`. The trailer has to be erased. */
export function markInstalled(flash: Flash, slot: Slot, sequence: number): void {
  const copies = new Uint8Array(SEQUENCE_COPIES * 4);
  for (let copy = 0; copy < SEQUENCE_COPIES; copy++) putU32le(copies, copy * 4, sequence);
  flash.program(trailerOffset(slot) + TRAILER.sequence, copies);
  mark(flash, slot, TRAILER.installed);
}

/** Burnt before the image gets control: an image that hangs has had its trial. */
export function markTrial(flash: Flash, slot: Slot): void {
  const { trials } = readTrailer(flash, slot);
  if (trials < MAX_TRIALS) mark(flash, slot, TRAILER.trials + trials * MARK_SIZE);
}

export function markConfirmed(flash: Flash, slot: Slot): void {
  mark(flash, slot, TRAILER.confirmed);
}

export function markReverted(flash: Flash, slot: Slot): void {
  mark(flash, slot, TRAILER.reverted);
}

function mark(flash: Flash, slot: Slot, offset: number): void {
  flash.program(trailerOffset(slot) + offset, SET);
}

function isSet(octets: Uint8Array, offset: number): boolean {
  let ones = 0;
  for (let bits = u32le(octets, offset); bits !== 0; bits = (bits & (bits - 1)) >>> 0) ones++;
  return ones < MARK_SIZE * 4;
}

function majority(octets: Uint8Array): number {
  const a = u32le(octets, TRAILER.sequence);
  const b = u32le(octets, TRAILER.sequence + 4);
  const c = u32le(octets, TRAILER.sequence + 8);
  const sequence = ((a & b) | (a & c) | (b & c)) >>> 0;
  return sequence === 0xffff_ffff ? 0 : sequence; // erased
}
