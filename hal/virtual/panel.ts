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
    this.#state = { leds: { ...state.leds }, text: state.text.slice(), softKeys: state.softKeys.slice() };
    this.#onChange(this.#state);
  }
}

const LEDS: readonly Led[] = ['headset', 'mute', 'speaker', 'message'];

function isSameFace(a: PanelState, b: PanelState): boolean {
  return (
    LEDS.every((led) => a.leds[led] === b.leds[led]) && isSameList(a.text, b.text) && isSameList(a.softKeys, b.softKeys)
  );
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((entry, index) => entry === b[index]);
}
