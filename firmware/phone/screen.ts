import type { LedState, Panel } from '../../hal/panel.ts';
import type { StatusLog } from './status-log.ts';

/** What the phone shows once it is registered. */
export interface HomeScreen {
  /** Date and time, or null until the call manager has told them. */
  readonly clock: string | null;
  readonly lines: readonly { readonly number: string; readonly label: string }[];
  /** The prompt line above the soft keys; empty when the call manager cleared it. */
  readonly prompt: string;
  readonly softKeys: readonly string[];
  readonly messageWaiting: boolean;
}

const SOFT_KEYS_SHOWN = 4;

/** The phone's face. It knows two pictures: a line of text while starting, and the home screen. */
export class Screen {
  readonly #panel: Panel;
  readonly #title: string;

  constructor(panel: Panel, title: string) {
    this.#panel = panel;
    this.#title = title;
  }

  /** While starting: the product's name and what the phone is doing, in the words of the real phone. */
  starting(text: string): void {
    this.#show([this.#title, text], [], 'off');
  }

  home(home: HomeScreen): void {
    const first = home.lines[0];
    const header = [home.clock, first?.number].filter((part) => part !== null && part !== undefined).join('  ');
    const labels = home.lines.map((line) => (line.label === '' ? line.number : line.label));
    const text = [header, ...labels, ...(home.prompt === '' ? [] : [home.prompt])];
    this.#show(text, home.softKeys.slice(0, SOFT_KEYS_SHOWN), home.messageWaiting ? 'on' : 'off');
  }

  /** The status menu: newest first, as the phone lists them. */
  statusMessages(log: StatusLog): void {
    this.#show(['Status Messages', ...[...log.messages].reverse()], ['Exit', 'Clear'], 'off');
  }

  #show(text: readonly string[], softKeys: readonly string[], message: LedState): void {
    this.#panel.show({ leds: { headset: 'off', mute: 'off', speaker: 'off', message }, text, softKeys });
  }
}
