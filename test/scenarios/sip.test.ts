import { describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import type { NewDevice } from '../../lab/public.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

function sipWorld(options: TestWorldOptions = {}): TestWorld {
  return new TestWorld({ model: '8861', protocol: 'sip', ...options });
}

/** The first phone of a world as the device table has it, with digest credentials. */
function device(
  fields: Partial<NewDevice> & { readonly password?: string; readonly lines?: never } = {},
  lines = 1,
): NewDevice {
  const { password, ...others } = fields;
  return {
    name: deviceName(autoMac(0, 0, 0)),
    model: '8861',
    deviceType: modelNamed('8861')!.deviceType,
    protocol: 'sip',
    ...others,
    lines: Array.from({ length: lines }, (_, index) => ({
      directoryNumber: `${2001 + index}`,
      label: `Line ${index + 1}`,
      displayName: `Phone ${2001 + index}`,
      ...(password === undefined ? {} : { authName: 'alice', authPassword: password }),
    })),
  };
}

function registered(options: TestWorldOptions = {}): TestWorld {
  const world = sipWorld(options);
  world.powerOn(0);
  world.runUntil('registration.accepted');
  world.run(1);
  return world;
}

const NAME = deviceName(autoMac(0, 0, 0));

describe('a phone with a SIP load', () => {
  it('goes from power-on to registered', () => {
    const world = sipWorld();
    world.powerOn(0);
    const accepted = world.runUntil('registration.accepted');
    world.run(1);
    expect(accepted).toMatchObject({
      host: '10.100.0.11',
      port: 5060,
      protocol: 'sip',
      transport: 'tcp',
      lines: ['2001'],
      keepaliveSeconds: 115,
    });
    expect(world.outcomes()).toMatchObject({ 'call-manager': 'done' });
    expect(world.screen().join('\n')).toContain('2001');
    expect(world.lab.sipCallManagers[0]!.counters).toMatchObject({
      registered: 1,
      registrations: 1,
      bad: 0,
      garbled: 0,
    });
  });

  it.each(['7975', '7821', '8945', '9971', '7960'])('of the %s too', (model) => {
    const world = registered({ model });
    expect(world.lab.sipCallManagers[0]!.isRegistered(NAME)).toBe(true);
  });

  it('shows the time of the call manager in the zone of the configuration', () => {
    const world = registered({ lab: { sipCallManager: { epoch: Date.UTC(2026, 6, 1, 12) }, devices: [device()] } });
    expect(world.screen()[0]).toContain('14:00 01/07/26');
  });

  it('keeps its registration by refreshing it 5 s before it runs out, on one connection', () => {
    const world = registered();
    world.run(3600);
    const { counters } = world.lab.sipCallManagers[0]!;
    expect(counters).toMatchObject({ registered: 1, registrations: 1, refreshes: 31, connections: 1, silent: 0 });
    expect(world.all('registration.lost')).toEqual([]);
  });

  it('registers all lines by one REGISTER with a call manager that does that', () => {
    const world = sipWorld({ lab: { devices: [device({}, 3)] } });
    world.powerOn(0);
    expect(world.runUntil('registration.accepted').lines).toEqual(['2001', '2002', '2003']);
    world.run(1);
    expect(world.lab.sipCallManagers[0]!.counters.refreshes).toBe(0);
  });

  it('registers each line for itself with a plain registrar', () => {
    const world = sipWorld({ lab: { devices: [device({}, 3)], sipCallManager: { remotecc: false } } });
    world.powerOn(0);
    expect(world.runUntil('registration.accepted').lines).toEqual(['2001', '2002', '2003']);
  });

  it('lights its lamp when the call manager says that a message waits', () => {
    const world = registered();
    world.lab.sipCallManagers[0]!.setMessageWaiting(NAME, true);
    world.run(1);
    expect(world.phone.panel.leds.message).toBe('on');
  });
});

describe('over UDP', () => {
  const udp = { lab: { devices: [device()], configuration: { transportLayerProtocol: '2' } } } as const;

  it('registers and refreshes', () => {
    const world = registered(udp);
    expect(world.all('registration.accepted')[0]).toMatchObject({ transport: 'udp', protocol: 'sip' });
    world.run(600);
    expect(world.lab.sipCallManagers[0]!.counters).toMatchObject({ registered: 1, connections: 0, refreshes: 5 });
  });

  it('goes to the next call manager when the first says nothing for 32 s', () => {
    const world = sipWorld(udp);
    world.lab.sipCallManagers[0]!.stop('silent');
    world.powerOn(0);
    expect(world.runUntil('registration.accepted').host).toBe('10.100.0.12');
    const at = (type: string) => world.events.find((event) => event.type === type)!.at;
    // 64 T1; a REGISTER of several fragments may lose one while ARP is asked, and is repeated then.
    expect(at('registration.accepted') - at('callmanager.connect')).toBeGreaterThanOrEqual(32);
    expect(at('registration.accepted') - at('callmanager.connect')).toBeLessThan(33);
  });

  it('goes by TCP where TLS is named but nothing says whom to trust', () => {
    const world = sipWorld({ lab: { devices: [device()], configuration: { transportLayerProtocol: '3' } } });
    world.powerOn(0);
    expect(world.runUntil('registration.accepted')).toMatchObject({ transport: 'tcp', port: 5060 });
  });
});

describe('the call manager', () => {
  it('resets the phone, which says so when it is back', () => {
    const world = registered();
    world.lab.sipCallManagers[0]!.reset(NAME, 'reset');
    expect(world.runUntil('reset.requested').kind).toBe('reset');
    world.runUntil('power.reset');
    world.runUntil('registration.accepted');
    expect(world.lab.sipCallManagers[0]!.counters).toMatchObject({ unregistrations: 1, registrations: 2, lost: 0 });
  });

  it('restarts the phone, which reads its files again without rebooting', () => {
    const world = registered();
    world.lab.sipCallManagers[0]!.reset(NAME, 'restart');
    world.runUntil('registration.accepted');
    expect(world.all('power.reset')).toEqual([]);
    expect(world.all('stage.enter').filter(({ stage }) => stage === 'configuration').length).toBe(2);
  });

  it('makes the phone read a configuration that has changed, and only then', () => {
    const world = registered();
    const manager = world.lab.sipCallManagers[0]!;
    manager.reset(NAME, 'check-version');
    world.run(30);
    expect(world.all('reset.requested')).toEqual([]);
    world.lab.devices.change(NAME, { lines: [{ directoryNumber: '2999', label: '2999', displayName: '' }] });
    manager.reset(NAME, 'check-version');
    expect(world.runUntil('registration.accepted').lines).toEqual(['2999']);
  });

  it.each([
    ['fin', 'closed', 1],
    ['rst', 'reset', 1],
    // Mute but acknowledging: 115 s to the next refresh at most, and 32 s for it.
    ['silent', 'keepalive-timeout', 148],
  ] as const)('that dies by %s is left for the second', (how, reason, seconds) => {
    const world = registered();
    const died = world.timeline.now();
    world.lab.sipCallManagers[0]!.stop(how);
    const accepted = world.runUntil('registration.accepted');
    expect(accepted.host).toBe('10.100.0.12');
    expect((world.timeline.now() - died) / 1_000_000).toBeLessThanOrEqual(seconds);
    expect(world.all('registration.lost').at(-1)?.reason).toBe(reason);
  });

  it('that vanishes is noticed by TCP, which asks after it', () => {
    const world = registered();
    const vanished = world.timeline.now();
    world.lab.machine('cm1').cable.unplug();
    expect(world.runUntil('registration.lost').reason).toBe('tcp-timeout');
    expect((world.timeline.now() - vanished) / 1_000_000).toBeGreaterThan(30);
    expect((world.timeline.now() - vanished) / 1_000_000).toBeLessThan(40);
    expect(world.runUntil('registration.accepted').host).toBe('10.100.0.12');
  });

  it('that does not know the phone, or is busy, is passed over', () => {
    const world = sipWorld();
    world.lab.sipCallManagers[0]!.unavailable = 20;
    world.powerOn(0);
    expect(world.runUntil('registration.accepted').host).toBe('10.100.0.12');
  });

  it('that rejects the phone is shown, and asked again after the wait it names', () => {
    let rejects = true;
    const reject = () => (rejects ? 'Device is not allowed here' : null);
    const world = sipWorld({ lab: { devices: [device()], callManagers: 1, sipCallManager: { reject } } });
    world.powerOn(0);
    expect(world.runUntil('registration.rejected').reason).toBe('Device is not allowed here');
    expect(world.statuses()).toContain('Registration Rejected: Device is not allowed here');
    rejects = false;
    const from = world.timeline.now();
    world.runUntil('registration.accepted');
    expect((world.timeline.now() - from) / 1_000_000).toBeGreaterThan(27);
    expect((world.timeline.now() - from) / 1_000_000).toBeLessThan(43);
  });

  it('that wants longer registrations gets them', () => {
    const configuration = { sipProfile: { timerRegisterExpires: '60' } };
    const world = sipWorld({ lab: { devices: [device()], configuration, sipCallManager: { minExpires: 90 } } });
    world.powerOn(0);
    world.runUntil('registration.accepted');
    expect(world.lab.sipCallManagers[0]!.counters.registered).toBe(1);
  });
});

describe('with digest', () => {
  const sipCallManager = { digest: { realm: 'ccmsipline' } };

  it('the phone answers the challenge with its password', () => {
    const world = registered({ lab: { devices: [device({ password: 'correct' })], sipCallManager } });
    const { counters } = world.lab.sipCallManagers[0]!;
    expect(counters).toMatchObject({ registered: 1, challenges: 1 });
    world.run(900);
    // A nonce is good for ten minutes; then it is stale, and the phone answers a new one.
    expect(counters).toMatchObject({ registered: 1, challenges: 2, refreshes: 7 });
  });

  it('a wrong password is tried once, and the phone is rejected', () => {
    const world = sipWorld({ lab: { devices: [device({ password: 'correct' })], callManagers: 1, sipCallManager } });
    world.powerOn(0);
    world.runUntil('config.applied');
    world.lab.devices.change(NAME, { lines: device({ password: 'another' }).lines! });
    expect(world.runUntil('registration.rejected').reason).toBe('Unauthorized');
    expect(world.lab.sipCallManagers[0]!.counters.challenges).toBe(2);
  });

  it('no password stands in any event', () => {
    const world = registered({ lab: { devices: [device({ password: 'correct-horse' })], sipCallManager } });
    expect(JSON.stringify(world.events)).not.toContain('correct-horse');
  });
});
