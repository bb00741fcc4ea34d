/**
 * The soft keys of CallManager 4.1, as captured: note that from the sixth place on the place is not the event.
 * Sets name places, counted from 1.
 */

import { code } from '../../firmware/wire/sccp/labels.ts';
import type { Outgoing } from '../../firmware/wire/sccp/message.ts';

/** [label code, event] by place. */
const KEYS: readonly (readonly [number, number])[] = [
  [0x01, 1],
  [0x02, 2],
  [0x03, 3],
  [0x04, 4],
  [0x05, 5],
  [0x08, 8],
  [0x09, 9],
  [0x0a, 10],
  [0x0b, 11],
  [0x0d, 13],
  [0x0e, 14],
  [0x0f, 15],
  [0x10, 16],
  [0x11, 17],
  [0x12, 18],
  [0x43, 21],
  [0x4d, 28],
  [0x4e, 29],
  [0x4f, 30],
  [0x58, 33],
];

/** By set index: OnHook, Connected, OnHold, RingIn, OffHook, ConnTransfer, DigitsFollowing, ConnConference, RingOut, OffHookFeature, InUseHint. */
const SETS: readonly (readonly number[])[] = [
  [1, 2, 5],
  [3, 7, 4, 11, 10, 19, 18, 12, 17, 20],
  [8, 2, 17, 18, 12],
  [9],
  [1, 7, 5, 14, 15, 13],
  [7, 4],
  [6, 7],
  [7, 10],
  [7],
  [1, 7],
  [],
];

const PLACES_IN_SET = 16;
/** `infoIndex` is this and the event. */
const INFO_BASE = 300;

export function softKeyTemplate(): Outgoing {
  return {
    type: 'SoftKeyTemplateRes',
    totalCount: KEYS.length,
    keys: KEYS.map(([label, event]) => ({ label: code(label), event })),
  };
}

export function softKeySets(): Outgoing {
  const sets = SETS.map((places) => {
    const templateIndex = new Uint8Array(PLACES_IN_SET);
    templateIndex.set(places);
    const infoIndex = places.map((place) => INFO_BASE + KEYS[place - 1]![1]);
    return { templateIndex, infoIndex };
  });
  return { type: 'SoftKeySetRes', totalCount: SETS.length, sets };
}
