import { describe, expect, it } from 'vitest';
import type { PanelState } from '../hal/panel.ts';
import { SECOND } from '../hal/timer.ts';
import { tunableValues } from '../hal/tunables.ts';
import { TestBoards, testFlash } from '../test/support/test-board.ts';
import { modelNamed } from './models.ts';
import { RESET_TIME } from './phone.ts';
import { startUpLamps } from './start-up-lamps.ts';

const BODY = '() => ({ onFrame() {}, onAlarm() {}, onLink() {}, onPower() {}, onInput() {}, onCompletion() {} })';

/** What lamps were lit when, and when the software was handed the board; seconds since power-on. */
function startUp(realistic: boolean, model = '7975', ledStep = 0.5) {
  const boards = new TestBoards();
  const phone = boards.add(testFlash({ A: BODY }), {
    realistic,
    model: modelNamed(model)!,
    tunables: tunableValues({ 'boot.ledStep': ledStep }),
  });
  const lamps = () =>
    boards.events
      .filter(({ type }) => type === 'panel')
      .map(({ at, fields }) => [at / SECOND, lit(fields as PanelState)]);
  const handOffs = () => boards.events.filter(({ type }) => type === 'boot.handoff').map(({ at }) => at / SECOND);
  phone.powerOn();
  boards.timeline.runUntil(20 * SECOND);
  return { boards, phone, lamps, handOffs };
}

function lit({ leds }: PanelState): string {
  return Object.entries(leds)
    .filter(([, state]) => state !== 'off')
    .map(([led]) => led)
    .join(' ');
}

describe("at a real phone's pace", () => {
  it('headset, mute and speaker light one after the other, three times, before the bootloader runs', () => {
    const { lamps, handOffs } = startUp(true);
    const scroll = ['headset', 'mute', 'speaker'];
    const expected = [...scroll, ...scroll, ...scroll, ''].map((led, index) => [index * 0.5, led]);
    expect(lamps()).toEqual(expected);
    expect(handOffs()).toEqual([4.5]);
  });

  it('a reset tests them again', () => {
    const { boards, phone, lamps, handOffs } = startUp(true, '7975', 1);
    boards.events.length = 0;
    phone.reset('keypad');
    boards.timeline.runUntil(60 * SECOND);
    expect(lamps()[0]).toEqual([20 + RESET_TIME / SECOND, 'headset']);
    expect(handOffs()).toEqual([20 + RESET_TIME / SECOND + 9]);
  });

  it('power that goes away during the test leaves them dark', () => {
    const boards = new TestBoards();
    const phone = boards.add(testFlash({ A: BODY }), { realistic: true });
    phone.powerOn();
    boards.timeline.runUntil(SECOND);
    phone.powerOff();
    expect(lit(phone.panel)).toBe('');
    boards.timeline.runUntil(20 * SECOND);
    expect(boards.types()).not.toContain('boot.handoff');
  });
});

describe('otherwise', () => {
  it.each([
    ['at any other pace', false, 0.5],
    ['with boot.ledStep 0', true, 0],
  ])('%s nothing is shown and no time passes', (_name, realistic, ledStep) => {
    const { lamps, handOffs } = startUp(realistic, '7975', ledStep);
    expect(lamps()).toEqual([]);
    expect(handOffs()).toEqual([0]);
  });
});

describe('other models', () => {
  it.each([
    ['8861', ['mute speaker message']],
    ['6901', ['speaker message']],
  ])('%s has its own lamps', (name, all) => {
    const lamps = startUpLamps(modelNamed(name)!);
    const union = new Set(lamps.flatMap((face) => lit(face).split(' ')));
    expect([...union].sort()).toEqual(all.join(' ').split(' ').sort());
  });
});
