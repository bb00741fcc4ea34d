import { describe, expect, it } from 'vitest';
import type { Key } from '../../hal/panel.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

/** Two phones that are registered. */
function world(options: TestWorldOptions = {}): TestWorld {
  const made = new TestWorld({ model: '8861', protocol: 'sip', count: 2, ...options });
  made.powerOn(0);
  made.powerOn(1);
  made.runUntil('registration.accepted');
  made.runUntil('registration.accepted');
  made.run(1);
  return made;
}

/** Number of the second phone, as the first one dials it. */
const OTHER = '2002#';

function press(world: TestWorld, index: number, keys: string | readonly Key[]): void {
  for (const key of typeof keys === 'string' ? ([...keys] as Key[]) : keys) world.phones[index]!.press(key);
}

function states(world: TestWorld, index: number): string[] {
  const name = world.phones[index]!.board.deviceName;
  const said = world.events.filter(({ type, phone }) => type === 'call.state' && phone === name);
  return said.map(({ fields }) => String(fields.state)).filter((state, at, all) => state !== all[at - 1]);
}

function connected(options: TestWorldOptions = {}): TestWorld {
  const made = world(options);
  press(made, 0, ['hookOff']);
  press(made, 0, OTHER);
  made.run(1);
  press(made, 1, ['hookOff']);
  made.run(1);
  return made;
}

describe('two phones with SIP loads', () => {
  it.each(['4', '2'])('call each other through the lab, transport %s, and hear all of it', (transportLayerProtocol) => {
    const made = connected({ lab: { configuration: { transportLayerProtocol } } });
    expect(states(made, 0)).toEqual(['off-hook', 'proceeding', 'ring-out', 'connected']);
    expect(states(made, 1)).toEqual(['ring-in', 'connected']);
    expect(made.phones[0]!.panel.softKeys).toEqual(['Hold', 'EndCall', 'Trnsfer']);
    made.run(10);
    press(made, 0, ['hookOn']);
    made.run(1);
    expect([states(made, 0).at(-1), states(made, 1).at(-1)]).toEqual(['ended', 'ended']);
    const reports = made.all('media.stop');
    expect(reports.length).toBe(2);
    for (const { packetsSent, packetsReceived, lost } of reports) {
      expect(packetsSent).toBeGreaterThan(500);
      expect(packetsReceived).toBeGreaterThan(500);
      expect(lost).toBe(0);
    }
    expect(made.lab.sipCallManagers[0]!.switchboard.counters).toMatchObject({ calls: 1, answered: 1 });
    expect(made.lab.sipCallManagers[0]!.counters).toMatchObject({ bad: 0, garbled: 0 });
  });

  it('hold each other: nothing is sent meanwhile', () => {
    const made = connected();
    press(made, 0, ['softKey1']);
    made.run(1);
    expect([states(made, 0).at(-1), states(made, 1).at(-1)]).toEqual(['hold', 'remote-hold']);
    press(made, 0, ['softKey1']);
    made.run(1);
    expect([states(made, 0).at(-1), states(made, 1).at(-1)]).toEqual(['connected', 'connected']);
  });
});
