import { DARK_PANEL, type LedState, type Panel, type PanelState } from '../../hal/panel.ts';

/** What the phone shows once it is registered. */
export interface HomeScreen {
  /** Date and time, or null until the call manager has told them. */
  readonly clock: string | null;
  readonly lines: readonly { readonly number: string; readonly label: string }[];
  /** The prompt line above the soft keys; empty when the call manager cleared it. */
  readonly prompt: string;
  readonly softKeys: readonly string[];
  readonly messageWaiting: boolean;
  /** The lamp in the handset flashes. */
  readonly ringing: boolean;
  readonly speaker: boolean;
  /** As the panel has them; absent while all are dark. */
  readonly lineLamps?: readonly LedState[] | undefined;
}

const SOFT_KEYS_SHOWN = 4;

/** The phone's face. It knows two pictures, a line of text while starting and the home screen, and a menu that may lie over them. */
export class Screen {
  readonly #panel: Panel;
  readonly #title: string;
  /** What is there, or will be when the menu is closed. */
  #below: PanelState = DARK_PANEL;
  #idle = false;
  #menu: { readonly text: readonly string[]; readonly softKeys: readonly string[] } | null = null;

  constructor(panel: Panel, title: string) {
    this.#panel = panel;
    this.#title = title;
  }

  /** While starting: the product's name and what the phone is doing, in the words of the real phone. */
  starting(text: string): void {
    this.#idle = false;
    this.#show([this.#title, text], [], 'off', 'off');
  }

  /** Nothing at all, as some phones show that a call manager does not want. */
  blank(): void {
    this.#idle = false;
    this.#show([], [], 'off', 'off');
  }

  home(home: HomeScreen): void {
    const first = home.lines[0];
    const header = [home.clock, first?.number].filter((part) => part !== null && part !== undefined).join('  ');
    const labels = home.lines.map((line) => (line.label === '' ? line.number : line.label));
    const text = [header, ...labels, ...(home.prompt === '' ? [] : [home.prompt])];
    const message = home.ringing ? 'flash' : home.messageWaiting ? 'on' : 'off';
    const softKeys = home.softKeys.slice(0, SOFT_KEYS_SHOWN);
    this.#show(text, softKeys, message, home.speaker ? 'on' : 'off', home.lineLamps);
    this.#idle = home.clock !== null && first !== undefined;
  }

  /** Lays a menu over what is shown, or takes it away. */
  menu(picture: { readonly text: readonly string[]; readonly softKeys: readonly string[] } | null): void {
    this.#menu = picture;
    this.#draw();
  }

  /** The idle screen is there with all that belongs on it: date, time and a line. */
  get idle(): boolean {
    return this.#idle;
  }

  /** What is shown when no menu lies over it. */
  get shown(): PanelState {
    return this.#below;
  }

  #show(
    text: readonly string[],
    softKeys: readonly string[],
    message: LedState,
    speaker: LedState,
    lineLamps?: readonly LedState[],
  ): void {
    const lamps = lineLamps === undefined ? {} : { lineLamps };
    // `slice`: it is kept for as long as it is shown, and a list that was put together has room behind it.
    this.#below = { leds: { headset: 'off', mute: 'off', speaker, message }, ...lamps, text: text.slice(), softKeys };
    this.#draw();
  }

  #draw(): void {
    this.#panel.show(this.#menu === null ? this.#below : { ...this.#below, ...this.#menu });
  }
}
