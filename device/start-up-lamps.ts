import type { ModelRow } from '../hal/board.ts';
import { DARK_PANEL, type Led, type PanelState } from '../hal/panel.ts';

/** How often the buttons of a classic phone scroll while its bootstrap tests the hardware [?]; one that hangs there scrolls for ever. */
const ROUNDS = 3;

const SCROLL: readonly (readonly Led[])[] = [['headset'], ['mute'], ['speaker']];
const TURNS: readonly (readonly Led[])[] = [['message'], ['speaker']];
const FLASH_ONCE: readonly (readonly Led[])[] = [['message', 'mute', 'speaker']];

/** What the lamps show, step by step, before the first instruction of the bootloader: one face for each `boot.ledStep`. */
export function startUpLamps(model: ModelRow): readonly PanelState[] {
  const steps = /^(78|88|89|99)/.test(model.name) ? FLASH_ONCE : repeated(isBasic(model) ? TURNS : SCROLL);
  return steps.map(face);
}

/** The 6901 and 6911 have neither headset nor mute lamps. */
function isBasic({ name }: ModelRow): boolean {
  return name === '6901' || name === '6911';
}

function repeated(steps: readonly (readonly Led[])[]): readonly (readonly Led[])[] {
  return Array.from({ length: ROUNDS }, () => steps).flat();
}

function face(lit: readonly Led[]): PanelState {
  const leds = { ...DARK_PANEL.leds };
  for (const led of lit) leds[led] = 'on';
  return { ...DARK_PANEL, leds };
}
