import { describe, expect, it } from 'vitest';
import { STAGE_NAMES, type StageName } from '../../hal/trace.ts';
import { TestWorld } from '../support/test-world.ts';

/** Runs until the phone has entered a stage. */
function runInto(world: TestWorld, stage: StageName): void {
  const entered = () => world.all('stage.enter').some((event) => event.stage === stage);
  for (let step = 0; step < 10_000 && !entered(); step++) world.timeline.step();
  if (!entered()) throw new Error(`${stage} was never entered`);
}

function registered(options = {}): TestWorld {
  const world = new TestWorld(options);
  world.powerOn(0);
  world.runUntil('registration.accepted');
  world.run(1);
  world.events.length = 0;
  return world;
}

describe('unplugging the cable', () => {
  const afterImage = STAGE_NAMES.slice(2);

  it.each(afterImage)('in %s leads back to the voice VLAN, and forward again when it returns', (stage) => {
    const world = new TestWorld();
    world.powerOn(0);
    runInto(world, stage);
    world.lab.unplug(0);
    world.run(5);
    expect(world.screen()).toContain('Configuring VLAN');
    world.events.length = 0;
    world.lab.plug(0);
    world.runUntil('registration.accepted', 60);
    expect(world.outcomes()).toMatchObject({ 'voice-vlan': 'done (cdp)', address: 'done' });
  });

  it('of a registered phone says so, and the phone registers again with the address it had', () => {
    const world = registered();
    world.lab.unplug(0);
    world.run(1);
    expect(world.all('link.down')).toHaveLength(1);
    expect(world.all('registration.lost')).toHaveLength(1);
    expect(world.screen()).toContain('Configuring VLAN');
    world.lab.plug(0);
    world.runUntil('registration.accepted', 60);
    expect(world.all('dhcp.bound').map(({ address }) => address)).toEqual(['10.100.1.0/16']);
  });
});

describe('losing a server', () => {
  it('DHCP before the lease: the phone keeps asking and goes on when the server is back', () => {
    const world = new TestWorld();
    world.lab.dhcp.stop();
    world.powerOn(0);
    world.run(140);
    expect(world.screen()).toContain('Configuring IP');
    expect(world.statuses()).toContain('Could not acquire an IP address from DHCP');
    world.lab.dhcp.start();
    world.runUntil('registration.accepted', 120);
  });

  it('DHCP for longer than the lease: the address is given up and the registration with it', () => {
    const world = registered({ lab: { dhcp: { leaseSeconds: 120 } } });
    world.lab.dhcp.stop();
    world.runUntil('dhcp.lost', 200);
    world.run(1);
    expect(world.all('dhcp.lost')[0]).toMatchObject({ reason: 'expired' });
    expect(world.all('registration.lost')).toHaveLength(1);
    expect(world.screen()).toContain('Configuring IP');
    world.lab.dhcp.start();
    world.runUntil('registration.accepted', 200);
  });

  it('TFTP before the configuration: timeout, retry, and forward when it is back', () => {
    const world = new TestWorld();
    for (const server of world.lab.tftp) server.stop();
    world.powerOn(0);
    runInto(world, 'configuration');
    world.run(60);
    expect(world.statuses()).toContain('TFTP timeout');
    expect(world.outcomes().configuration).toBe('failed (tftp.timeout)');
    for (const server of world.lab.tftp) server.start();
    world.runUntil('registration.accepted', 240);
  });

  it('the second TFTP server takes over when the first does not answer', () => {
    const world = new TestWorld({ lab: { tftpServers: 2 } });
    world.lab.tftp[0]!.stop();
    world.powerOn(0);
    world.runUntil('registration.accepted', 240);
    expect(
      world
        .all('file.done')
        .filter(({ outcome }) => outcome === 'received')
        .map(({ server }) => server),
    ).toEqual(['10.100.0.4']);
  });

  it.each(['fin', 'rst'] as const)(
    'the call manager by %s: the next one within a second, with the alarm that fits',
    (how) => {
      const world = registered();
      world.lab.callManagers[0]!.stop(how);
      const accepted = world.runUntil('registration.accepted', 60);
      expect(accepted.host).toBe('10.100.0.12');
      const lost = world.events.find(({ type }) => type === 'registration.lost')!;
      const back = world.events.find(({ type }) => type === 'registration.accepted')!;
      expect(back.at - lost.at).toBeLessThan(1);
      expect(world.all('registration.lost')[0]).toMatchObject({ reason: how === 'fin' ? 'closed' : 'reset' });
    },
  );

  it('all call managers: not registered, on the screen too, and registered when one is back', () => {
    const world = registered();
    for (const manager of world.lab.callManagers) manager.stop('fin');
    world.run(30);
    expect(world.statuses()).toContain('Phone not registered');
    expect(world.screen()).toContain('Phone not registered');
    world.lab.callManagers[1]!.start();
    expect(world.runUntil('registration.accepted', 120).host).toBe('10.100.0.12');
  });

  it('a call manager that falls silent is given up after three keepalives', () => {
    const world = registered();
    world.lab.callManagers[0]!.stop('silent');
    const lost = world.runUntil('registration.lost', 200);
    expect(lost.reason).toBe('keepalive-timeout');
    expect(world.runUntil('registration.accepted', 60).host).toBe('10.100.0.12');
  });
});

describe('the call manager asks', () => {
  it('for a reset: the phone unregisters, boots from flash and registers again', () => {
    const world = registered();
    world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'reset');
    world.runUntil('boot.handoff', 30);
    world.runUntil('registration.accepted', 60);
    expect(world.all('reset.requested')).toEqual([{ by: '10.100.0.11', kind: 'reset' }]);
    expect(world.all('power.reset')).toEqual([{ reason: 'reset' }]);
  });

  it('for a restart: files and registration again, without rebooting and without DHCP', () => {
    const world = registered();
    world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'restart');
    world.runUntil('registration.accepted', 60);
    expect(world.all('power.reset')).toHaveLength(0);
    expect(world.all('dhcp.bound')).toHaveLength(0);
    expect(world.all('file.done').map(({ name }) => name)).toContain(`${world.phone.board.deviceName}.cnf.xml`);
  });
});

describe('the switch', () => {
  it('that moves the voice VLAN at run time leads to a new address and registration there', () => {
    const world = registered({ lab: { vlans: [200] } });
    world.lab.setVoiceVlan(200);
    const learned = world.runUntil('vlan.learned', 120);
    expect(learned).toMatchObject({ vlan: 200, source: 'cdp' });
    expect(world.runUntil('dhcp.bound', 60).address).toMatch(/^10\.200\./);
    world.runUntil('registration.accepted', 60);
  });

  it('that cuts the power takes the phone off; power brings it back from the start', () => {
    const world = registered();
    world.lab.cutPower(0);
    world.run(5);
    expect(world.phone.state).toBe('off');
    world.lab.restorePower(0);
    world.runUntil('registration.accepted', 60);
    expect(world.all('stage.enter')[0]).toEqual({ stage: 'power' });
  });
});

describe('leaving in order', () => {
  it('unregisters, gives the lease back, then switches off', () => {
    const world = registered();
    world.phone.shutdown(10_000_000);
    world.run(10);
    expect(world.phone.state).toBe('off');
    expect(world.all('registration.lost')).toMatchObject([{ reason: 'left' }]);
    expect(world.lab.dhcp.counters.release).toBe(1);
    expect(world.lab.callManagers[0]!.counters.registered).toBe(0);
  });
});
