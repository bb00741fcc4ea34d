import type { EntryPoints } from '../../hal/entry-points.ts';

/** The smallest software: it does nothing. */
export function entry(): EntryPoints {
  return { onFrame() {}, onAlarm() {}, onLink() {}, onPower() {}, onInput() {}, onCompletion() {} };
}
