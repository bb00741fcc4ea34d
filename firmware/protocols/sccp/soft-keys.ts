import { shown } from '../../wire/sccp/labels.ts';
import type { MessageOf } from '../../wire/sccp/message.ts';

/** Soft key as the screen shows it, and the event that the server wants to hear when it is pressed. */
export interface SoftKey {
  readonly label: string;
  readonly event: number;
}

/** Keys in one set. */
const SET_SIZE = 16;
/** Sets believed; servers send 11 to 14. */
const MAX_SETS = 32;
const NO_KEYS: readonly SoftKey[] = Object.freeze([]);

/**
 * The server's soft keys. A set names *places* in the template, counted from 1; the event at that place is what SoftKeyEvent has to carry,
 * and it is not always the place (on CallManager 4.1 place 16 is event 21, Barge).
 *
 * Kept small, since every phone has one: the labels of the built-in table are shared strings, events and sets are strings of character codes.
 */
export class SoftKeyTemplate {
  readonly #labels: readonly string[];
  readonly #events: string;
  #sets = '';

  constructor({ keys }: MessageOf<'SoftKeyTemplateRes'>) {
    this.#labels = keys.map((key) => shown(key.label));
    this.#events = String.fromCharCode(...keys.map((key) => key.event));
  }

  takeSets({ offset, sets }: MessageOf<'SoftKeySetRes'>): void {
    const places: number[] = [];
    for (const { templateIndex } of sets) {
      // An empty set comes as no octets at all.
      for (let k = 0; k < SET_SIZE; k++) places.push(templateIndex[k] ?? 0);
    }
    this.#sets = this.#sets.slice(0, offset * SET_SIZE).padEnd(Math.min(offset, MAX_SETS) * SET_SIZE, '\0');
    this.#sets += String.fromCharCode(...places);
  }

  /** The keys of a set whose bit in `mask` is set (bit k for the k-th key of the set), from left to right. */
  visible(setIndex: number, mask: number): readonly SoftKey[] {
    if (setIndex >= MAX_SETS) return NO_KEYS;
    const keys: SoftKey[] = [];
    for (let k = 0; k < SET_SIZE; k++) {
      const place = this.#sets.charCodeAt(setIndex * SET_SIZE + k);
      const label = this.#labels[place - 1];
      if (label === undefined || ((mask >>> k) & 1) === 0) continue;
      keys.push({ label, event: this.#events.charCodeAt(place - 1) });
    }
    return keys.slice(); // Kept for as long as they are shown, without the room that a list which grew has behind it.
  }
}
