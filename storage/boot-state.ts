/**
 * What the bootloader remembers beside the slots: the security counter below which no image runs, and how often each slot's image has
 * faulted since it last registered. The counter stands twice and the higher one counts, so that one rotten record lowers nothing.
 */

import type { Flash } from '../hal/flash.ts';
import { octetsOf, textOf } from './ascii.ts';
import { FLASH_MAP, type Slot } from './flash-map.ts';
import { RecordStore } from './record-store.ts';

const COUNTER_KEYS = ['counter/0', 'counter/1'] as const;

export class BootState {
  readonly #store: RecordStore;

  constructor(flash: Flash) {
    this.#store = RecordStore.open(flash, FLASH_MAP.boot);
  }

  securityCounter(): number {
    let counter = 0;
    for (const key of COUNTER_KEYS) counter = Math.max(counter, this.#number(key));
    return counter;
  }

  /** Never lowers it. */
  raiseSecurityCounter(counter: number): void {
    for (const key of COUNTER_KEYS) {
      if (this.#number(key) < counter) this.#store.set(key, octetsOf(String(counter)));
    }
  }

  /** Faults of the image in this slot since it was installed or last registered. */
  faults(slot: Slot): number {
    return this.#number(`faults/${slot}`);
  }

  countFault(slot: Slot): void {
    this.#store.set(`faults/${slot}`, octetsOf(String(this.faults(slot) + 1)));
  }

  clearFaults(slot: Slot): void {
    this.#store.delete(`faults/${slot}`);
  }

  #number(key: string): number {
    const octets = this.#store.get(key);
    return octets === null ? 0 : Number(textOf(octets));
  }
}
