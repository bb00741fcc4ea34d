/** Lamps, screen and keys: what a person in front of the phone sees and touches. */

export type LedState = 'off' | 'on' | 'flash' | 'blink' | 'wink';

export type Led = 'headset' | 'mute' | 'speaker' | 'message';

/** The whole face. A value, so that two faces can be compared and one can be printed. */
export interface PanelState {
  readonly leds: Readonly<Record<Led, LedState>>;
  /** Lamps of the line keys from line 1 on, up to the last one that is lit; absent while all are dark. */
  readonly lineLamps?: readonly LedState[];
  /** Lines of text from top to bottom. */
  readonly text: readonly string[];
  /** Soft key labels from left to right. */
  readonly softKeys: readonly string[];
}

export const DARK_PANEL: PanelState = {
  leds: { headset: 'off', mute: 'off', speaker: 'off', message: 'off' },
  text: [],
  softKeys: [],
};

export interface Panel {
  show(state: PanelState): void;
}

/** Keys as they are engraved; the soft keys and line keys are counted from 1. */
export type Key =
  | '0'
  | '1'
  | '2'
  | '3'
  | '4'
  | '5'
  | '6'
  | '7'
  | '8'
  | '9'
  | '*'
  | '#'
  | 'settings'
  | 'up'
  | 'down'
  | 'select'
  | 'back'
  | 'speaker'
  | 'headset'
  | 'mute'
  | 'hookOff'
  | 'hookOn'
  | `softKey${1 | 2 | 3 | 4 | 5}`
  | `line${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8}`;

/** The serial console: what an engineer sees on the phone's AUX port. */
export interface Console {
  write(line: string): void;
}
