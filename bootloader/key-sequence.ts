import type { EntryPoints } from '../hal/entry-points.ts';
import type { Hal } from '../hal/hal.ts';
import { DARK_PANEL, type Key, type Led } from '../hal/panel.ts';
import { type Instant, MILLISECOND, SECOND } from '../hal/timer.ts';
import { eraseRegionOf } from '../storage/erase-region.ts';
import { FLASH_MAP, SLOTS } from '../storage/flash-map.ts';
import { RecordStore } from '../storage/record-store.ts';
import { STATE, USER } from '../storage/settings.ts';

/** Held while the power comes, it stops the boot and lets a sequence be entered (7900 administration guide, 8800 likewise). */
export const STOP_KEY: Key = '#';

type Wipe = 'factory-reset' | 'full' | 'keep-network';

/**
 * What is entered, and what it does. `factory-reset` of a real 79xx also forgets its load and fetches the default one; here the loads stay, since a
 * call manager's TFTP server has no image in Sepia's format. The two long ones forget the loads, so that recovery has to find one.
 */
const SEQUENCES: readonly (readonly [keys: string, wipe: Wipe])[] = [
  ['123456789*0#', 'factory-reset'],
  ['3491672850*#', 'full'],
  ['*7412369#085', 'keep-network'],
];

/** From the first lamp on. */
const TIME_TO_ENTER = 60 * SECOND;
const LAMP_STEP = 500 * MILLISECOND;
const LAMPS: readonly Led[] = ['headset', 'mute', 'speaker'];

export type KeySequenceHal = Pick<Hal, 'flash' | 'timer' | 'panel' | 'power' | 'console'>;

/**
 * The bootloader itself at the keys: lamps run in sequence until a sequence is complete. A wrong key, or none for a minute, goes on to a normal boot.
 */
export class KeySequence implements EntryPoints {
  readonly #hal: KeySequenceHal;
  readonly #giveUpAt: Instant;
  #entered = '';
  #lamp = 0;

  constructor(hal: KeySequenceHal) {
    this.#hal = hal;
    this.#giveUpAt = hal.timer.now() + TIME_TO_ENTER;
    hal.console.write('Boot: # is held, waiting for a key sequence');
    this.#light();
  }

  onInput(key: Key): void {
    this.#entered += key;
    const possible = SEQUENCES.filter(([keys]) => keys.startsWith(this.#entered));
    const found = possible.find(([keys]) => keys === this.#entered);
    if (found !== undefined) this.#wipe(found[1]);
    else if (possible.length === 0) this.#goOn('a wrong key');
  }

  onAlarm(): void {
    if (this.#hal.timer.now() >= this.#giveUpAt) this.#goOn('no key sequence');
    else this.#light();
  }

  onFrame(): void {}

  onLink(): void {}

  onPower(): void {}

  onCompletion(): void {}

  #light(): void {
    const { panel, timer } = this.#hal;
    const lamp = LAMPS[this.#lamp % LAMPS.length]!;
    this.#lamp++;
    panel.show({ ...DARK_PANEL, leds: { ...DARK_PANEL.leds, [lamp]: 'on' } });
    timer.arm(Math.min(timer.now() + LAMP_STEP, this.#giveUpAt));
  }

  #goOn(why: string): void {
    this.#hal.console.write(`Boot: ${why}, booting as usual`);
    this.#hal.power.reset('power-on');
  }

  /** The board record, the security counter and recovery are nobody's to wipe. A cut on the way leaves a phone that boots with less wiped. */
  #wipe(wipe: Wipe): void {
    const { flash, console, power } = this.#hal;
    console.write(`Boot: key sequence for ${wipe === 'factory-reset' ? 'a factory reset' : `a wipe, ${wipe}`}`);
    RecordStore.open(flash, FLASH_MAP.trust).clear('');
    const settings = RecordStore.open(flash, FLASH_MAP.settings);
    for (const prefix of wipe === 'keep-network' ? [USER, STATE] : ['']) settings.clear(prefix);
    if (wipe !== 'factory-reset') for (const slot of SLOTS) eraseRegionOf(flash, slot);
    power.reset('factory-reset');
  }
}
