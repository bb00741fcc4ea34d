import type { Led, LedState, PanelState } from '../hal/panel.ts';
import type { Style } from './style.ts';

const LEDS: readonly Led[] = ['headset', 'mute', 'speaker', 'message'];

/** A lamp that is not simply on or off blinks with the terminal standing still, so it gets a sign of its own. */
const SIGNS: Readonly<Record<LedState, string>> = { off: '○', on: '●', flash: '◐', blink: '◐', wink: '◐' };

const NARROWEST = 28;

/** The phone as one sees it: screen, soft keys, lamps; lines of text, always of the same number while the screen has the same number. */
export function faceLines(panel: PanelState, style: Style): readonly string[] {
  const text = panel.text.map(printable);
  const keys = panel.softKeys.map(printable).join('  ');
  const width = Math.max(NARROWEST, keys.length, ...text.map((line) => line.length));
  const row = (line: string): string => `  │ ${line.padEnd(width)} │`;
  return [
    `  ┌${'─'.repeat(width + 2)}┐`,
    ...text.map(row),
    ...(keys === '' ? [] : [row(keys)]),
    `  └${'─'.repeat(width + 2)}┘`,
    `   ${[...LEDS.map((led) => lamp(led, panel.leds[led], style)), ...lineLamps(panel)].join('   ')}`,
  ];
}

function lineLamps({ lineLamps: states = [] }: PanelState): string[] {
  return states.length === 0 ? [] : [`${states.map((state) => SIGNS[state]).join('')} lines`];
}

function lamp(led: Led, state: LedState, style: Style): string {
  const text = `${SIGNS[state]} ${led}`;
  return state === 'off' ? style.dim(text) : style.bright(text);
}

/** The screen shows what a call manager sent, which may be anything. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}
