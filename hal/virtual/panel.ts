import { DARK_PANEL, type Led, type Panel, type PanelState } from '../panel.ts';

/** Keeps what the software last showed, and tells when it changed; software may show the same face as often as it likes. */
export class BoardPanel implements Panel {
  #state: PanelState = DARK_PANEL;
  readonly #onChange: (state: PanelState) => void;

  constructor(onChange: (state: PanelState) => void = () => {}) {
    this.#onChange = onChange;
  }

  get state(): PanelState {
    return this.#state;
  }

  show(state: PanelState): void {
    if (isSameFace(state, this.#state)) return;
    // A copy: the software goes on with its own arrays.
    const { leds, lineLamps, text, softKeys } = state;
    const lamps = lineLamps === undefined ? {} : { lineLamps: lineLamps.slice() };
    this.#state = { leds: { ...leds }, ...lamps, text: text.slice(), softKeys: softKeys.slice() };
    this.#onChange(this.#state);
  }
}

/** No line lamp is lit. */
const DARK: readonly string[] = [];

const LEDS: readonly Led[] = ['headset', 'mute', 'speaker', 'message'];

function isSameFace(a: PanelState, b: PanelState): boolean {
  return (
    LEDS.every((led) => a.leds[led] === b.leds[led]) &&
    isSameList(a.lineLamps ?? DARK, b.lineLamps ?? DARK) &&
    isSameList(a.text, b.text) &&
    isSameList(a.softKeys, b.softKeys)
  );
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}
