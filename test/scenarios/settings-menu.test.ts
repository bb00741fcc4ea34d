import { describe, expect, it } from 'vitest';
import type { Key } from '../../hal/panel.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

function registered(options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld(options);
  world.powerOn(0);
  world.runUntil('registration.accepted', 300);
  world.run(1);
  world.events.length = 0;
  return world;
}

function press(world: TestWorld, ...keys: Key[]): void {
  for (const key of keys) world.phone.press(key);
}

const UNLOCK: Key[] = ['*', '*', '#'];

/** Moves the cursor to an item of the page that is open, and leaves it there. */
function goTo(world: TestWorld, label: string): void {
  for (let step = 0; step < 50; step++) {
    const line = world.screen().find((text) => text.startsWith('>'));
    if (line?.includes(label)) return;
    press(world, 'down');
  }
  throw new Error(`no ${label} on the page:\n${world.screen().join('\n')}`);
}

/** `10.100.0.4` as it is typed. */
function type(world: TestWorld, text: string): void {
  for (let left = 0; left < 20; left++) press(world, 'softKey2');
  press(world, ...([...text].map((character) => (character === '.' ? '*' : character)) as Key[]), 'softKey1');
}

/** An address as keys. */
function digits(text: string): Key[] {
  return [...text].map((character) => (character === '.' ? '*' : character)) as Key[];
}

const registeredWith = (world: TestWorld): unknown => world.all('registration.accepted').at(-1)?.host;

describe('the settings menu', () => {
  it('shows what the network gave', () => {
    const world = registered();
    press(world, 'settings', '2');
    const shown = (label: string) => {
      goTo(world, label);
      return world
        .screen()
        .find((line) => line.startsWith('>'))!
        .split(': ')[1];
    };
    expect(shown('DHCP Server')).toBe('10.100.0.1');
    expect(shown('IP Address')).toBe('10.100.1.0');
    expect(shown('Subnet Mask')).toBe('255.255.0.0');
    expect(shown('Operational VLAN Id')).toBe('100');
    expect(shown('TFTP Server 1')).toBe('10.100.0.3');
    expect(shown('CallManager 1')).toBe('10.100.0.11');
    expect(shown('Configuration File')).toBe(`${world.phone.board.deviceName}.cnf.xml`);
  });

  it('lies over the idle screen and leaves it as it was', () => {
    const world = registered();
    const idle = world.screen();
    press(world, 'settings');
    expect(world.screen()[0]).toBe('Settings');
    press(world, 'softKey3');
    expect(world.screen()).toEqual(idle);
  });

  it('shows status messages and network statistics, also while the phone starts', () => {
    const world = new TestWorld();
    world.lab.dhcp.stop();
    world.powerOn(0);
    world.run(150);
    press(world, 'settings', '4', '1');
    expect(world.screen()).toContain('>1 Could not acquire an IP address from DHCP');
    press(world, 'back', '2');
    goTo(world, 'DHCP State');
    expect(world.screen().find((line) => line.startsWith('>'))).toContain('DHCP TIMEOUT');
  });

  it('is not there for a phone whose configuration switches it off', () => {
    const world = registered({ lab: { configuration: { vendorConfig: { settingsAccess: '0' } } } });
    const idle = world.screen();
    press(world, 'settings');
    expect(world.screen()).toEqual(idle);
  });
});

describe('what an administrator changes there', () => {
  it('needs **#', () => {
    const world = registered();
    press(world, 'settings', '2');
    goTo(world, 'Alternate TFTP');
    press(world, 'select');
    expect(world.screen().find((line) => line.startsWith('>'))).toContain('No');
  });

  it('TFTP Server 1 with Alternate TFTP: used after the restart that follows, before what DHCP says', () => {
    const world = registered({ lab: { tftpServers: 2 } });
    press(world, 'settings', ...UNLOCK, '2');
    goTo(world, 'Alternate TFTP');
    press(world, 'select');
    goTo(world, 'TFTP Server 1');
    press(world, 'select');
    type(world, '10.100.0.4');
    press(world, 'settings');
    world.runUntil('registration.accepted', 60);
    expect(world.all('power.reset')).toEqual([{ reason: 'keypad' }]);
    expect(world.all('tftp.server')).toEqual([{ servers: ['10.100.0.4'], source: 'alternate' }]);
  });

  it('a static address: the phone is registered with it', () => {
    const world = registered();
    press(world, 'settings', ...UNLOCK, '2');
    for (const [label, text] of [
      ['IP Address', '10.100.9.9'],
      ['Subnet Mask', '255.255.0.0'],
      ['Default Router 1', '10.100.0.1'],
      ['TFTP Server 1', '10.100.0.3'],
    ] as const) {
      press(world, ...Array<Key>(40).fill('up'));
      goTo(world, label);
      press(world, 'select');
      type(world, text);
    }
    press(world, ...Array<Key>(40).fill('up'));
    for (const label of ['DHCP Enabled', 'Alternate TFTP']) {
      goTo(world, label);
      press(world, 'select');
    }
    press(world, 'settings');
    world.runUntil('registration.accepted', 60);
    expect(world.outcomes().address).toBe('done (static)');
    expect(world.all('dhcp.bound')).toHaveLength(0);
  });

  /** What is typed for an item, in a network where it decides; what shows that the phone then goes by it. */
  const STATIC = {
    dhcp: 'off',
    address: '10.100.9.9',
    mask: '255.255.0.0',
    router: '10.100.0.1',
    alternateTftp: 'on',
    tftp1: '10.100.0.3',
  };
  const BY_NAME = { processNodeName: 'name' } as const;
  const DNS = '10.100.0.2';
  it.each<[string, readonly Key[], TestWorldOptions, (world: TestWorld) => unknown, unknown]>([
    ['DNS Server 1', digits(DNS), { settings: STATIC, lab: BY_NAME }, registeredWith, 'cm1.lab.example'],
    [
      'DNS Server 2',
      digits(DNS),
      { settings: { ...STATIC, dns1: '10.100.0.99' }, lab: BY_NAME },
      registeredWith,
      'cm1.lab.example',
    ],
    [
      'TFTP Server 2',
      digits('10.100.0.3'),
      { settings: { alternateTftp: 'on', tftp1: '10.100.0.99' } },
      (world) => world.all('tftp.server').at(-1),
      { servers: ['10.100.0.99', '10.100.0.3'], source: 'alternate' },
    ],
    [
      'Admin. VLAN Id',
      ['1'],
      { lab: { voiceVlan: 'none', dataVlan: 100, vlans: [1] } },
      (world) => world.all('vlan.learned').at(-1),
      expect.objectContaining({ vlan: 1, source: 'admin' }),
    ],
    [
      'Default Router 1',
      digits('10.100.0.1'),
      { settings: { ...STATIC, router: '' } },
      (world) => world.statuses().includes('No default router'),
      false,
    ],
  ])('%s is what the phone goes by after the restart', (label, keys, options, shows, expected) => {
    const world = new TestWorld(options);
    world.powerOn(0);
    world.run(200);
    world.events.length = 0;
    press(world, 'settings', ...UNLOCK, '2');
    goTo(world, label);
    press(world, 'select', ...keys, 'softKey1', 'settings');
    world.run(60);
    expect(shows(world)).toEqual(expected);
  });

  it('Domain Name, letter by letter, is what the phone then has', () => {
    const world = registered({ settings: { ...STATIC, dns1: DNS } });
    press(world, 'settings', ...UNLOCK, '2');
    goTo(world, 'Domain Name');
    // l a b . x
    press(world, 'select', '5', '5', '5', '2', 'down', '2', '2', '*', '9', '9', 'softKey1', 'settings');
    world.runUntil('registration.accepted', 60);
    press(world, 'settings', '2');
    goTo(world, 'Domain Name');
    expect(world.screen().find((line) => line.startsWith('>'))).toContain('lab.x');
  });

  it('DHCP Address Released: RELEASE, no address, and so it stays until the phone is reset', () => {
    const world = registered();
    press(world, 'settings', ...UNLOCK, '2');
    goTo(world, 'DHCP Address Released');
    press(world, 'select');
    world.run(120);
    expect(world.lab.dhcp.counters.release).toBe(1);
    expect(world.statuses()).toContain('IP address released');
    expect(world.all('dhcp.bound')).toHaveLength(0);
    world.phone.reset('keypad');
    world.runUntil('registration.accepted', 60);
  });

  it('Reset Settings, Network: the stored address and settings are gone', () => {
    const world = registered({ settings: { adminVlan: '100' } });
    press(world, 'settings', ...UNLOCK, '5', '1');
    world.runUntil('registration.accepted', 60);
    // No INIT-REBOOT: the lease was forgotten, so the client begins with DISCOVER.
    expect(world.all('dhcp.state')[0]).toEqual({ state: 'DHCP INIT' });
  });
});

describe('key sequences', () => {
  it('**#** in the menu restarts the phone', () => {
    const world = registered();
    press(world, 'settings', '*', '*', '#', '*', '*');
    world.runUntil('registration.accepted', 60);
    expect(world.all('power.reset')).toEqual([{ reason: 'keypad' }]);
  });

  it.each(['123456789*0#', '3491672850*#'])('# while the phone starts and %s: factory reset', (sequence) => {
    const world = registered({ settings: { ringTone: 'Chirp2', alternateTftp: 'on', tftp1: '10.100.0.3' } });
    world.phone.reset('keypad');
    world.run(0.2);
    press(world, '#', ...([...sequence] as Key[]));
    expect(world.all('power.reset').at(-1)).toEqual({ reason: 'factory-reset' });
    world.events.length = 0;
    world.runUntil('registration.accepted', 60);
    expect(world.all('tftp.server')).toMatchObject([{ source: 'option150' }]);
  });

  it('a wrong key: the phone starts as ever', () => {
    const world = registered();
    world.phone.reset('keypad');
    world.run(0.2);
    press(world, '#', ...([...'1235'] as Key[]));
    world.runUntil('registration.accepted', 60);
    expect(world.all('power.reset')).toEqual([{ reason: 'keypad' }]);
  });
});

describe('a good start', () => {
  it('ends with the idle screen: date and time, primary number, lines, soft keys', () => {
    const world = new TestWorld();
    world.powerOn(0);
    const complete = world.runUntil('startup.complete', 120);
    expect(complete.text[0]).toMatch(/\d.*2001/);
    expect(complete.text).toContain('2001');
    expect(complete.softKeys.length).toBeGreaterThan(0);
  });

  it.each([
    ['7975', 'sccp', ['headset', 'mute', 'speaker']],
    ['6945', 'sccp', ['message', 'speaker', '']],
    ['8861', 'sip', ['mute,speaker,message', '', '']],
    ['7841', 'sip', ['mute,speaker,message', '', '']],
  ] as const)(
    'begins with the lamps of the hardware test, as the family of the %s has them',
    (model, protocol, expected) => {
      const world = new TestWorld({ model, protocol });
      world.powerOn(0);
      world.runUntil('registration.accepted');
      const lit = world.all('panel').map(({ leds }) =>
        Object.keys(leds)
          .filter((led) => leds[led] === 'on')
          .join(),
      );
      expect(lit.slice(0, 3)).toEqual(expected);
    },
  );

  it("shows each lamp for its time at a real phone's pace", () => {
    const world = new TestWorld({ realistic: true });
    world.powerOn(0);
    world.runUntil('registration.accepted');
    const at = world.events.filter(({ type }) => type === 'panel').map((event) => event.at);
    expect(at[1]! - at[0]!).toBeCloseTo(0.5);
  });
});
