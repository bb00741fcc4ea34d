import { describe, expect, it } from 'vitest';
import type { Key } from '../../hal/panel.ts';
import { flashInfo } from '../../images/public.ts';
import { builtImages } from '../support/built-images.ts';
import { TestWorld } from '../support/test-world.ts';

const FACTORY = 'SCCP75.9-4-2SR3-1S';

/** A phone with settings that was registered once, and is switched on again with # held. */
function stoppedWorld(): TestWorld {
  const world = new TestWorld({
    settings: { ringVolume: '3', adminVlan: '100' },
    lab: { files: ({ name }) => (name === `${FACTORY}.img` ? builtImages()(FACTORY) : null) },
  });
  world.powerOn(0);
  world.runUntil('registration.accepted');
  world.phone.powerOff();
  world.phone.hold('#');
  world.phone.powerOn();
  world.run(1);
  world.phone.release('#');
  world.events.length = 0;
  return world;
}

function enter(world: TestWorld, keys: string): void {
  for (const key of keys) {
    world.run(0.2);
    world.phone.press(key as Key);
  }
}

const names = (world: TestWorld): { settings: unknown; files: unknown; slots: unknown } => {
  const { settings, files, slots } = flashInfo(world.flash(0));
  return { settings, files: files.map(([name]) => name), slots: slots.slice(0, 2).map(({ state }) => state) };
};

describe('# held at power-on', () => {
  it('runs the lamps and waits a minute', () => {
    const world = stoppedWorld();
    world.run(2);
    const lit = world.all('panel').map(({ leds }) => Object.keys(leds).filter((led) => leds[led] === 'on'));
    expect(lit.slice(0, 3)).toEqual([['headset'], ['mute'], ['speaker']]);
    expect(world.all('boot.handoff')).toEqual([]);
    world.run(60);
    expect(world.all('boot.handoff')).toHaveLength(1);
    expect(world.all('registration.accepted')).toHaveLength(1);
  });

  it('goes on to a normal boot after a wrong key', () => {
    const world = stoppedWorld();
    enter(world, '1235');
    world.run(30);
    expect(world.all('registration.accepted')).toHaveLength(1);
    expect(names(world).settings).toHaveLength(2);
  });

  it('123456789*0# forgets settings, trust lists and configuration, and keeps the load', () => {
    const world = stoppedWorld();
    enter(world, '123456789*0#');
    expect(world.all('power.reset')).toEqual([{ reason: 'factory-reset' }]);
    expect(names(world)).toEqual({ settings: [], files: [], slots: ['confirmed', 'empty'] });
    world.run(60);
    expect(world.all('boot.handoff')).toMatchObject([{ slot: 'A', load: FACTORY }]);
    expect(world.all('registration.accepted')).toHaveLength(1);
  });

  it('3491672850*# forgets the loads too: recovery fetches the default one', () => {
    const world = stoppedWorld();
    enter(world, '3491672850*#');
    expect(names(world)).toEqual({ settings: [], files: [], slots: ['empty', 'empty'] });
    world.run(120);
    expect(world.all('boot.handoff')).toMatchObject([{ slot: 'recovery' }, { slot: 'A', trial: true }]);
    expect(world.screen().join()).toContain('2001');
  });

  it('*7412369#085 does so and keeps how the network is found', () => {
    const world = stoppedWorld();
    enter(world, '*7412369#085');
    expect(names(world)).toEqual({ settings: [['adminVlan', '100']], files: [], slots: ['empty', 'empty'] });
    world.run(120);
    expect(world.all('boot.handoff')).toHaveLength(2);
  });

  it('does nothing once the phone runs, nor at a reset', () => {
    const world = new TestWorld();
    world.powerOn(0);
    world.runUntil('registration.accepted');
    world.phone.hold('#');
    world.phone.reset('keypad');
    world.run(60);
    expect(world.all('registration.accepted')).toHaveLength(2);
  });
});
