import { describe, expect, it } from 'vitest';
import { DARK_PANEL, type PanelState } from '../panel.ts';
import { BoardPanel } from './panel.ts';
import { BoardPower } from './power.ts';

describe('BoardPower', () => {
  it('begins with what the supply reserves', () => {
    const available = (source: 'poe' | 'external', powerClass: number | null) =>
      new BoardPower({ source, class: powerClass }).availableMilliwatts();
    expect([0, 1, 2, 3, 4].map((powerClass) => available('poe', powerClass))).toEqual([
      15_400, 4_000, 7_000, 15_400, 30_000,
    ]);
    expect(available('poe', null)).toBe(6_300);
    expect(available('external', null)).toBe(48_000);
    expect(new BoardPower({ source: 'poe', class: 3, availableMilliwatts: 7_000 }).availableMilliwatts()).toBe(7_000);
    expect(() => new BoardPower({ source: 'poe', class: 5 })).toThrow(RangeError);
  });

  it('keeps the first reset asked for until it is taken, and what is drawn and allocated', () => {
    const power = new BoardPower({ source: 'poe', class: 2 });
    expect(power.takeRequestedReset()).toBeNull();
    power.reset('load-update');
    power.reset('fault');
    expect(power.requestedReset).toBe('load-update');
    expect([power.takeRequestedReset(), power.takeRequestedReset()]).toEqual(['load-update', null]);
    power.draw(6_300);
    expect(power.drawnMilliwatts).toBe(6_300);
    expect([power.allocate(6_300), power.allocate(6_300), power.availableMilliwatts()]).toEqual([true, false, 6_300]);
  });
});

describe('BoardPanel', () => {
  it('tells of changes only, and keeps its own copy', () => {
    const seen: PanelState[] = [];
    const panel = new BoardPanel((state) => seen.push(state));
    panel.show(DARK_PANEL);
    const text = ['Registering'];
    panel.show({ ...DARK_PANEL, text });
    panel.show({ ...DARK_PANEL, text: ['Registering'] });
    text[0] = 'changed behind its back';
    expect(seen).toEqual([{ ...DARK_PANEL, text: ['Registering'] }]);
    panel.show({ ...DARK_PANEL, text: ['Registering'], softKeys: ['Redial'] });
    panel.show({
      ...DARK_PANEL,
      text: ['Registering'],
      softKeys: ['Redial'],
      leds: { ...DARK_PANEL.leds, mute: 'on' },
    });
    expect(seen.length).toBe(3);
    expect(panel.state.leds.mute).toBe('on');
  });
});
