/** The lamps of a phone whose hardware is being tested, before anything stands on its screen. Which lamps in which order is [?] by model. */
import { DARK_PANEL, type Led, type PanelState } from '../../hal/panel.ts';

/** Families by model name, first match: what lights up together, step by step. */
const SEQUENCES: readonly (readonly [models: RegExp, steps: readonly (readonly Led[])[]])[] = [
  // "Headset, Mute and Speaker light one after the other" (7900 guides).
  [/^79/, [['headset'], ['mute'], ['speaker']]],
  [/^69/, [['message'], ['speaker']]],
  [/./, [['message', 'mute', 'speaker']]],
];

/** What the panel shows in turn; dark at the end. */
export function bootLights(model: string): readonly PanelState[] {
  const steps = SEQUENCES.find(([models]) => models.test(model))?.[1] ?? [];
  const lit = steps.map((leds): PanelState => {
    const on = Object.fromEntries(leds.map((led) => [led, 'on'])) as Partial<PanelState['leds']>;
    return { ...DARK_PANEL, leds: { ...DARK_PANEL.leds, ...on } };
  });
  return [...lit, DARK_PANEL];
}
