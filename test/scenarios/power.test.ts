import { describe, expect, it } from 'vitest';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

function booted(options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld(options);
  world.powerOn(0);
  world.runUntil('registration.accepted', 120);
  world.run(5);
  return world;
}

const agreed = (world: TestWorld) => world.all('power.negotiated').at(-1);

describe('power by class', () => {
  it.each([
    ['7960', null, 6_300],
    ['6921', 1, 4_000],
    ['7942', 2, 7_000],
    ['7975', 3, 15_400],
    ['8861', 4, 30_000],
  ] as const)('a %s is class %s and gets %i mW before it has said anything', (model, powerClass, milliwatts) => {
    const protocol = model === '8861' ? 'sip' : 'sccp';
    const world = new TestWorld({ model, protocol });
    world.powerOn(0);
    expect(world.all('power.on')).toEqual([{ source: 'poe', class: powerClass, allocatedMilliwatts: milliwatts }]);
  });

  it('a wall adapter: the step is skipped and nothing is bargained for', () => {
    const world = booted({ powerSource: 'external' });
    expect(world.outcomes().power).toBe('skipped (power.external)');
    expect(world.all('power.negotiated')).toEqual([]);
    expect(world.lab.switchPort(0).power.allocated).toBe(0);
  });
});

describe('the bargain by CDP', () => {
  it('gives the phone what it asks for, and the switch takes the rest of the class back', () => {
    const world = booted({ model: '7942' });
    expect(agreed(world)).toEqual({
      via: 'cdp',
      availableMilliwatts: 6_300,
      drawnMilliwatts: 6_300,
      mode: 'full',
    });
    expect(world.lab.switchPort(0).power.allocated).toBe(6_300);
  });

  it('a 7970 takes the lower of its levels when the port gives no more, and the higher when it does', () => {
    const world = booted({ model: '7970' });
    expect(agreed(world)).toMatchObject({ drawnMilliwatts: 10_250, mode: 'full' });
    const port = world.lab.switchPort(0);
    world.lab.switch.limitPower(port, 7_000);
    world.run(5);
    expect(agreed(world)).toMatchObject({ drawnMilliwatts: 6_300, mode: 'lowered' });
    world.lab.switch.limitPower(port, 15_400);
    world.run(70);
    expect(agreed(world)).toMatchObject({ drawnMilliwatts: 10_250, mode: 'full' });
  });

  it('a port that gives less than the least: low power, and the phone goes on', () => {
    const world = booted({ model: '7970' });
    world.lab.switch.limitPower(world.lab.switchPort(0), 5_000);
    world.run(5);
    expect(agreed(world)).toMatchObject({ availableMilliwatts: 5_000, mode: 'low' });
    expect(world.all('registration.lost')).toHaveLength(0);
  });

  it('the configuration can forbid it', () => {
    const world = booted({ model: '7970', lab: { configuration: { vendorConfig: { powerNegotiation: '0' } } } });
    world.events.length = 0;
    world.lab.switch.limitPower(world.lab.switchPort(0), 7_000);
    world.run(130);
    expect(world.all('power.negotiated')).toEqual([]);
  });
});

describe('no word about power', () => {
  it('a Cisco switch without Power over Ethernet on the port: low power mode, as the console says', () => {
    const world = new TestWorld({ model: '7970', lab: { ports: { poe: false, lldp: false } } });
    // Fed by a midspan injector that speaks no protocol.
    world.phone.powerOn();
    world.runUntil('registration.accepted', 120);
    expect(agreed(world)).toEqual({ via: 'none', availableMilliwatts: null, drawnMilliwatts: 6_300, mode: 'low' });
  });
});

describe('the bargain by LLDP', () => {
  it('LLDP-MED alone: the allocation is what was asked for', () => {
    const world = booted({ lab: { ports: { cdp: false } } });
    expect(agreed(world)).toMatchObject({ via: 'lldp-med', drawnMilliwatts: 12_000, mode: 'full' });
  });

  it('a class 4 phone by 802.3at: no more than it was allocated, and it mirrors that', () => {
    const world = new TestWorld({ model: '8861', protocol: 'sip', lab: { ports: { cdp: false } } });
    world.powerOn(0);
    world.run(20);
    expect(agreed(world)).toMatchObject({ via: '802.3', drawnMilliwatts: 12_900, mode: 'full' });
    world.lab.switch.limitPower(world.lab.switchPort(0), 10_000);
    world.run(10);
    expect(agreed(world)).toMatchObject({ via: '802.3', availableMilliwatts: 10_000, mode: 'low' });
    expect(world.lab.switchPort(0).classification?.allocated).toBe(100);
  });

  it('the first protocol that speaks of power keeps the word: the switch answers CDP first', () => {
    const world = booted();
    world.run(60);
    expect(new Set(world.all('power.negotiated').map(({ via }) => via))).toEqual(new Set(['cdp']));
  });
});

describe('a budget that is spent', () => {
  it('refuses the phone: no power, no lamp, nothing on the screen', () => {
    const world = new TestWorld({ lab: { powerBudget: 10_000 } });
    world.powerOn(0);
    world.run(60);
    expect(world.phone.state).toBe('off');
    expect(world.events).toEqual([]);
    expect(world.lab.switchPort(0).power.state).toBe('denied');
  });

  it('has room for a second phone once the first has said how little it needs', () => {
    const world = new TestWorld({ model: '7942', count: 2, lab: { powerBudget: 13_500 } });
    world.powerOn(0);
    world.run(20);
    world.powerOn(1);
    world.run(20);
    expect(world.phones.map(({ state }) => state)).toEqual(['running', 'running']);
  });
});
