/** Emergency numbers are never dialled, whatever the protocol, the way of dialling, and what `--set` says. */
import { describe, expect, it } from 'vitest';
import type { Key } from '../../hal/panel.ts';
import { TestWorld } from '../support/test-world.ts';

describe.each([
  ['sccp', '7975'],
  ['sip', '8861'],
] as const)('a phone over %s', (protocol, model) => {
  function world(tunables = {}): TestWorld {
    const made = new TestWorld({ model, protocol, count: 2, tunables });
    made.powerOn(0);
    made.powerOn(1);
    made.run(60);
    expect(made.all('registration.accepted')).toHaveLength(2);
    return made;
  }

  it.each([
    ['digit by digit', ['hookOff'], '112'],
    ['with the pound key', ['hookOff'], '911#'],
    ['for an outside line', ['hookOff'], '9911'],
    ['by another prefix, which the plan names', ['hookOff'], '77110'],
    ['on the loudspeaker', ['speaker'], '999'],
  ] as const)('%s: nothing of it reaches the call manager', (_name, before, number) => {
    const made = world({ 'call.outsidePrefix': 77 });
    for (const key of [...before, ...number] as Key[]) made.phones[0]!.press(key);
    made.run(20);
    const dialled = number.replace('#', '');
    expect(made.all('call.refused')).toEqual([{ line: 1, number: dialled, reason: 'emergency-number' }]);
    expect(made.all('status').map(({ message }) => message)).toContain(`Emergency number not dialled: ${dialled}`);
    const states = made.all('call.state').map(({ state }) => state);
    expect(states).toContain('reorder');
    // A call that is placed, and be it to nobody, is said to proceed.
    expect(states).not.toContain('proceeding');
    expect(made.phones[1]!.panel.text.join()).not.toContain('From');
    // The phone is none the worse for it.
    made.phones[0]!.press(before[0] === 'speaker' ? 'speaker' : 'hookOn');
    made.run(1);
    for (const key of ['hookOff', '2', '0', '0', '2', '#'] as const) made.phones[0]!.press(key);
    made.run(2);
    expect(made.all('call.state').at(-1)).toMatchObject({ state: 'ring-out' });
  });
});
