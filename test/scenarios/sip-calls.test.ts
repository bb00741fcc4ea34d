import { describe, expect, it } from 'vitest';
import type { Key } from '../../hal/panel.ts';
import { tap } from '../../hal/virtual/tap.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

/** Two phones that are registered. */
function world(options: TestWorldOptions = {}): TestWorld {
  const made = new TestWorld({ model: '8861', protocol: 'sip', count: 2, ...options });
  register(made);
  return made;
}

function register(made: TestWorld): void {
  made.powerOn(0);
  made.powerOn(1);
  made.runUntil('registration.accepted');
  made.runUntil('registration.accepted');
  made.run(1);
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
  call(made);
  return made;
}

/** The first phone calls the second, which answers. */
function call(made: TestWorld): void {
  press(made, 0, ['hookOff']);
  press(made, 0, OTHER);
  made.run(1);
  press(made, 1, ['hookOff']);
  made.run(1);
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

  it('take the ports that the configuration names, and say what is spoken into them', () => {
    const sound = Uint8Array.from({ length: 400 }, (_, k) => k & 0xff);
    const said: number[] = [];
    let made: TestWorld | null = null;
    const files: NonNullable<TestWorldOptions['lab']>['files'] = ({ name }) => {
      const octets = made?.lab.configurationFiles.read(name) ?? null;
      if (octets === null) return null;
      const text = new TextDecoder().decode(octets);
      const ports = text.replace('>16384</startMediaPort>', '>20001</startMediaPort>');
      return new TextEncoder().encode(ports.replace('>32766</stopMediaPort>', '>20003</stopMediaPort>'));
    };
    made = new TestWorld({
      model: '8861',
      protocol: 'sip',
      count: 2,
      microphone: sound,
      lab: { files },
      wire: (wire, { mac }, timeline) =>
        tap(wire, timeline, ({ direction, bytes }) => {
          // A tagged frame: UDP from octet 38 on, the payload of RTP from 58 on.
          const isVoice = direction === 'out' && mac % 2 === 0 && bytes.length === 58 + 160;
          if (isVoice && bytes[38]! * 256 + bytes[39]! === 20_002) said.push(...bytes.slice(58));
        }),
    });
    register(made);
    call(made);
    made.run(2);
    expect(made.all('media.start').map(({ local }) => String(local).split(':')[1])).toEqual(['20002', '20002']);
    expect(said.slice(0, 800)).toEqual([...sound, ...sound]);
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
