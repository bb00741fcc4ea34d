/**
 * A call whose call manager dies goes on: the audio stays until the user hangs up, the screen says `CM Down, Features Disabled`, and only then does the phone
 * register with the next call manager.
 */
import { describe, expect, it } from 'vitest';
import type { Key } from '../../hal/panel.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const NODES = ['10.100.0.11', '10.100.0.12'] as const;

/** Two phones that talk to each other. */
function talking(protocol: 'sccp' | 'sip', options: TestWorldOptions = {}): TestWorld {
  const made = new TestWorld({ model: protocol === 'sip' ? '8861' : '7975', protocol, count: 2, ...options });
  for (const index of [0, 1]) made.powerOn(index);
  for (const _ of [0, 1]) made.runUntil('registration.accepted');
  made.run(5);
  for (const key of ['hookOff', '2', '0', '0', '2', '#'] as Key[]) {
    made.phones[0]!.press(key);
    made.run(0.2);
  }
  made.run(2);
  if (lastState(made, 1) === 'ring-in') made.phones[1]!.press('hookOff');
  made.run(5);
  expect(lastState(made, 0)).toBe('connected');
  expect(lastState(made, 1)).toBe('connected');
  return made;
}

function of(made: TestWorld, index: number, type: string): Record<string, unknown>[] {
  const name = made.phones[index]!.board.deviceName;
  return made.events.filter((event) => event.type === type && event.phone === name).map(({ fields }) => fields);
}

function lastState(made: TestWorld, index: number): unknown {
  return of(made, index, 'call.state').at(-1)?.state;
}

function managers(made: TestWorld, protocol: 'sccp' | 'sip') {
  return protocol === 'sip' ? made.lab.sipCallManagers : made.lab.callManagers;
}

describe.each(['sccp', 'sip'] as const)('a call over %s whose call manager dies', (protocol) => {
  it('goes on until the user hangs up, and the phone registers with the next call manager then', () => {
    const made = talking(protocol);
    managers(made, protocol)[0]!.stop('rst');
    made.run(60);
    for (const index of [0, 1]) {
      expect(lastState(made, index)).toBe('connected');
      expect(made.phones[index]!.panel.text).toContain('CM Down, Features Disabled');
      expect(made.phones[index]!.panel.softKeys).toEqual(['EndCall']);
      expect(of(made, index, 'call.preserved')).toHaveLength(1);
      expect(of(made, index, 'registration.lost')).toMatchObject([{ host: NODES[0], reason: 'reset' }]);
    }
    // Only its end is left to such a call.
    made.phones[0]!.press('5');
    expect(made.all('registration.accepted')).toHaveLength(2);
    expect(made.all('media.stop')).toEqual([]);

    made.phones[0]!.press('hookOn');
    made.run(2);
    expect(lastState(made, 0)).toBe('ended');
    expect(of(made, 0, 'registration.accepted').at(-1)).toMatchObject({ host: NODES[1] });
    const [failover] = of(made, 0, 'failover');
    expect(failover).toMatchObject({ from: NODES[0], to: NODES[1], cause: 'reset' });
    expect(failover!.seconds).toBeGreaterThanOrEqual(60);
    const [stopped] = of(made, 0, 'media.stop');
    // A minute and more of both voices, though nobody led the call.
    expect(stopped!.packetsSent).toBeGreaterThan(60 * 50);
    expect(stopped!.packetsReceived).toBeGreaterThan(60 * 50);
    expect(stopped!.lost).toBe(0);

    expect(lastState(made, 1)).toBe('connected');
    made.phones[1]!.press('softKey1');
    made.run(2);
    expect(of(made, 1, 'registration.accepted').at(-1)).toMatchObject({ host: NODES[1] });
    expect(managers(made, protocol)[1]!.counters).toMatchObject({ registered: 2, connections: 2 });
  });

  it('is ended by a phone that answers by itself when it hears nothing any more', () => {
    const made = talking(protocol, { tunables: { 'call.autoAnswer': 1 } });
    managers(made, protocol)[0]!.stop('rst');
    made.run(30);
    expect(lastState(made, 1)).toBe('connected');
    made.phones[0]!.press('hookOn');
    made.run(12);
    expect(lastState(made, 1)).toBe('ended');
    expect(made.all('registration.accepted')).toHaveLength(4);
  });

  it('ends at once where it is not to be preserved', () => {
    const made = talking(protocol, { tunables: { 'call.preservation': 'off' } });
    managers(made, protocol)[0]!.stop('fin');
    made.run(2);
    expect([lastState(made, 0), lastState(made, 1)]).toEqual(['ended', 'ended']);
    expect(made.all('call.preserved')).toEqual([]);
    expect(made.all('registration.accepted')).toHaveLength(4);
  });

  it('ends with the phone’s link, and the phone starts again', () => {
    const made = talking(protocol);
    managers(made, protocol)[0]!.stop('rst');
    made.run(5);
    made.lab.unplug(0);
    made.run(5);
    expect(lastState(made, 0)).toBe('ended');
    made.lab.plug(0);
    made.run(60);
    expect(of(made, 0, 'registration.accepted').at(-1)).toMatchObject({ host: NODES[1] });
  });
});

it('a call that only rings ends with its call manager', () => {
  const made = new TestWorld({ count: 2 });
  for (const index of [0, 1]) made.powerOn(index);
  for (const _ of [0, 1]) made.runUntil('registration.accepted');
  for (const key of ['2', '0', '0', '2', 'hookOff'] as Key[]) {
    made.phones[0]!.press(key);
    made.run(0.2);
  }
  expect(lastState(made, 1)).toBe('ring-in');
  made.lab.callManagers[0]!.stop('rst');
  made.run(2);
  expect([lastState(made, 0), lastState(made, 1)]).toEqual(['ended', 'ended']);
  expect(made.all('registration.accepted')).toHaveLength(4);
});
