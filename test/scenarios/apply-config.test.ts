/** "Apply Config": the phone reads its configuration again and does what has changed, no more. */
import { describe, expect, it } from 'vitest';
import { TestWorld } from '../support/test-world.ts';

const LINE = { directoryNumber: '2999', label: '2999', displayName: 'Two nine' };

describe.each(['sccp', 'sip'] as const)('a phone with %s that is told to apply its configuration', (protocol) => {
  function registered() {
    const world = new TestWorld({ model: protocol === 'sip' ? '8861' : '7975', protocol });
    world.powerOn(0);
    world.runUntil('registration.accepted');
    world.run(5);
    const manager = protocol === 'sip' ? world.lab.sipCallManagers[0]! : world.lab.callManagers[0]!;
    const name = world.phone.board.deviceName;
    const apply = () => {
      const from = world.events.length;
      expect(manager.reset(name, 'apply-config')).toBe(true);
      world.run(60);
      return world.events.slice(from);
    };
    return { world, name, apply };
  }

  it('does nothing when it is the same, and stays registered', () => {
    const { world, apply } = registered();
    const events = apply();
    expect(events.filter(({ type }) => type === 'reset.requested')).toMatchObject([
      { fields: { kind: 'apply-config' } },
    ]);
    expect(events.filter(({ type }) => type === 'config.applied')).toHaveLength(1);
    expect(events.filter(({ type }) => type.startsWith('registration.') || type === 'stage.enter')).toEqual([]);
    expect(world.all('registration.accepted')).toHaveLength(1);
  });

  it('registers again with other lines, without rebooting, and without asking for an address or trust lists', () => {
    const { world, name, apply } = registered();
    world.lab.devices.change(name, { lines: [LINE] });
    const events = apply();
    expect(world.all('power.reset')).toEqual([]);
    expect(events.filter(({ type }) => type === 'registration.lost')).toMatchObject([
      { fields: { reason: 'changed' } },
    ]);
    expect(events.filter(({ type }) => type === 'stage.enter').map(({ fields }) => fields.stage)).toEqual([
      'configuration',
      'call-manager',
    ]);
    expect(world.all('registration.accepted').at(-1)!.lines).toEqual(['2999']);
  });

  it('reboots for another load', () => {
    const { world, name, apply } = registered();
    world.lab.devices.change(name, { load: `${protocol.toUpperCase()}-another.9-9-9` });
    apply();
    expect(world.all('power.reset')).toMatchObject([{ reason: 'reset' }]);
  });

  it('reboots for another protocol, which its model speaks with another load', () => {
    const { world, name, apply } = registered();
    const other = protocol === 'sip' ? 'sccp' : 'sip';
    world.lab.devices.change(name, { protocol: other });
    const events = apply();
    expect(events.filter(({ type }) => type === 'registration.lost')).toMatchObject([{ fields: { reason: 'reset' } }]);
    expect(world.all('power.reset')).toMatchObject([{ reason: 'reset' }]);
  });

  it('keeps what it has when nobody gives it the file', () => {
    const { world, name, apply } = registered();
    world.lab.devices.change(name, { lines: [LINE] });
    for (const server of [...world.lab.tftp, ...world.lab.http]) server.stop();
    apply();
    world.run(240);
    expect(world.all('registration.accepted')).toHaveLength(1);
    expect(world.all('registration.lost')).toEqual([]);
  });
});
