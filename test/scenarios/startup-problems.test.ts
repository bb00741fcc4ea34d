/**
 * The "startup problems" of the administration guides, by their names there: what the phone shows, what stands in its status menu, and what the
 * operator is told to look at.
 */
import { describe, expect, it } from 'vitest';
import { Journey } from '../../fleet/journey.ts';
import { verdictOf } from '../../fleet/verdict.ts';
import type { EventType } from '../../hal/trace.ts';
import { networkOf } from '../../lab/networks.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { addMachine } from '../support/lab-machine.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const { base } = networkOf(100);

/** What the operator hears about the first phone. */
function verdict(world: TestWorld) {
  const journey = new Journey(world.phone.board.deviceName);
  journey.begin();
  for (const { at, type, fields } of world.events) journey.hear(at * 1e6, type as EventType, fields as never);
  const { stage, cause, lookAt } = verdictOf(journey);
  return { stage, cause, lookAt: lookAt.join('; ') };
}

function started(
  options: TestWorldOptions,
  seconds: number,
  prepare: (world: TestWorld) => void = () => {},
): TestWorld {
  const world = new TestWorld(options);
  prepare(world);
  world.powerOn(0);
  world.run(seconds);
  return world;
}

function registered(options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld(options);
  world.powerOn(0);
  world.runUntil('registration.accepted', 300);
  world.run(5);
  return world;
}

/** Runs until the message stands in the status menu. */
function runToStatus(world: TestWorld, message: string): void {
  for (let step = 0; step < 100_000 && !world.statuses().includes(message); step++) world.timeline.step();
  expect(world.statuses()).toContain(message);
}

/** A file that was cut off. */
const NOT_XML = new TextEncoder().encode('<device><fullConfig>');

describe('the phone does not start', () => {
  it('no response: no power from the switch, nothing lights up', () => {
    const world = started({ lab: { powerBudget: 1_000 } }, 60);
    expect(world.screen()).toEqual([]);
    expect(world.statuses()).toEqual([]);
    expect(verdict(world)).toMatchObject({ stage: 'power', cause: 'power.none' });
    expect(verdict(world).lookAt).toContain('power budget of the switch');
  });

  it('does not go through startup: no cable, the screen stays on the voice VLAN', () => {
    const world = started({ powerSource: 'external' }, 60, ({ lab }) => lab.unplug(0));
    expect(world.screen()).toContain('Configuring VLAN');
    expect(verdict(world)).toMatchObject({ stage: 'voice-vlan', cause: 'link.down' });
    expect(verdict(world).lookAt).toContain('the cable');
  });

  it('hardware self-test fails: nothing in flash can be run, the screen stays dark', () => {
    const world = started({}, 60, (made) => {
      const rotten = new Uint8Array(64);
      for (const slot of ['A', 'B', 'recovery'] as const) made.flash(0).program(FLASH_MAP[slot].offset, rotten);
    });
    expect(world.phone.state).toBe('halted');
    expect(world.screen()).toEqual([]);
    expect(verdict(world)).toMatchObject({ stage: 'image', cause: 'image.none' });
    expect(verdict(world).lookAt).toContain('sepia flash info');
  });

  it('error messages: a missing trust list is told and harmless', () => {
    const world = registered();
    expect(world.statuses()).toContain(`File Not Found: CTL${world.phone.board.deviceName}.tlv`);
    expect(world.statuses()).toContain('No Trust List installed');
    expect(verdict(world).cause).toBe('registered');
  });
});

describe('the phone starts and does not register', () => {
  it('network connectivity: DHCP is not reached', () => {
    const world = started({}, 150, ({ lab }) => lab.machine('gateway100').cable.unplug());
    expect(world.screen()).toContain('Configuring IP');
    expect(world.statuses()).toContain('Could not acquire an IP address from DHCP');
    expect(verdict(world)).toMatchObject({ stage: 'address', cause: 'dhcp.no-offer' });
    expect(verdict(world).lookAt).toContain('the relay (ip helper-address) of the voice VLAN');
  });

  it('TFTP settings: option 150 names nobody', () => {
    const world = started({ lab: { dhcp: { tftpServers: [base + 77] } } }, 120);
    expect(world.screen().join()).toMatch(/Configuring CM List|Updating/);
    expect(world.statuses()).toContain('TFTP timeout');
    expect(verdict(world).cause).toBe('tftp.timeout');
    expect(verdict(world).lookAt).toContain('option 150 or 66');
  });

  it('IP addressing and routing: the router is not there, the servers are behind it', () => {
    const dead = networkOf(200).base + 250;
    const world = started({ lab: { dhcp: { routers: [dead] } } }, 120, ({ lab }) => lab.setVoiceVlan(200));
    expect(world.screen().join()).toMatch(/Configuring CM List|Updating/);
    expect(world.statuses()).toContain('TFTP timeout');
    expect(verdict(world).cause).toBe('tftp.timeout');
    expect(verdict(world).lookAt).toContain('a firewall between phone and server');
  });

  it('IP addressing and routing: no router at all is told, and does not matter on one network', () => {
    const world = registered({ lab: { dhcp: { routers: [] } } });
    expect(world.statuses()).toContain('No default router');
  });

  it('DNS: the call managers have names, and nobody answers for them', () => {
    const world = started({ lab: { processNodeName: 'name' } }, 0, ({ lab }) => lab.dns.stop());
    runToStatus(world, 'Phone not registered');
    expect(world.statuses()).toContain('DNS timeout');
    expect(world.screen()).toContain('Phone not registered');
    expect(verdict(world)).toMatchObject({ stage: 'call-manager', cause: 'callmanager.unreachable' });
    expect(verdict(world).lookAt).toContain('DNS if it is a name');
  });

  it('services not running: no call manager listens', () => {
    const world = started({}, 120, ({ lab }) => {
      for (const manager of lab.callManagers) manager.stop('fin');
    });
    expect(world.screen()).toContain('Phone not registered');
    expect(world.statuses()).toContain('Phone not registered');
    expect(verdict(world)).toMatchObject({ stage: 'call-manager', cause: 'callmanager.unreachable' });
    expect(verdict(world).lookAt).toContain('the call manager service');
  });

  it('services not running: the TFTP service', () => {
    const world = started({}, 120, ({ lab }) => lab.tftp[0]!.stop());
    expect(world.screen().join()).toMatch(/Configuring CM List|Updating/);
    expect(world.statuses()).toContain('TFTP timeout');
    expect(verdict(world).lookAt).toContain('the TFTP service of the call manager');
  });

  it('configuration file: it cannot be read', () => {
    const world = started({ lab: { files: ({ name }) => (name.startsWith('SEP') ? NOT_XML : null) } }, 60);
    expect(world.statuses()).toContain('Error parsing config file');
    expect(world.screen().join()).toContain('Configuring CM List');
    expect(verdict(world)).toMatchObject({ stage: 'configuration', cause: 'config.malformed' });
    expect(verdict(world).lookAt).toContain('the file that the server serves');
  });

  it('configuration file: there is none, and unknown phones are not taken', () => {
    const world = started({ model: '8861', protocol: 'sip', lab: { devices: [] } }, 60);
    expect(world.statuses()).toContain(`File Not Found: ${world.phone.board.deviceName}.cnf.xml`);
    expect(verdict(world)).toMatchObject({ stage: 'configuration', cause: 'autoregister.disabled' });
    expect(verdict(world).lookAt).toContain('the MAC address in the device name');
  });

  it('registering: the call manager rejects the phone', () => {
    const world = started({ lab: { callManager: { reject: () => 'Error DBConfig' } } }, 30);
    expect(world.statuses()).toContain('Registration Rejected: Error DBConfig');
    expect(world.screen()).toContain('Registration Rejected: Error DBConfig');
    expect(verdict(world)).toMatchObject({ stage: 'call-manager', cause: 'register.rejected' });
    expect(verdict(world).lookAt).toContain('its model and protocol');
  });
});

describe('the phone resets unexpectedly', () => {
  it('physical connection: the cable is pulled', () => {
    const world = registered();
    world.lab.unplug(0);
    world.run(10);
    expect(world.all('registration.lost')).toHaveLength(1);
    expect(world.screen()).toContain('Configuring VLAN');
    expect(verdict(world)).toMatchObject({ stage: 'voice-vlan', cause: 'link.down' });
    expect(verdict(world).lookAt).toContain('the cable');
  });

  it('intermittent link: each break costs a registration, and each time the phone comes back', () => {
    const world = registered();
    for (let time = 0; time < 3; time++) {
      world.lab.unplug(0);
      world.run(2);
      expect(world.screen()).toContain('Configuring VLAN');
      expect(verdict(world).cause).toBe('link.down');
      expect(verdict(world).lookAt).toContain('the cable');
      world.lab.plug(0);
      world.runUntil('registration.accepted', 120);
      world.run(30);
    }
    expect(world.all('link.down')).toHaveLength(3);
    expect(world.all('registration.lost')).toHaveLength(3);
    expect(world.all('power.reset')).toHaveLength(0);
  });

  it('DHCP: the lease is not renewed, and runs out', () => {
    const world = registered({ lab: { dhcp: { leaseSeconds: 120 } } });
    world.lab.dhcp.stop();
    world.runUntil('dhcp.lost', 200);
    world.run(130);
    expect(world.screen()).toContain('Configuring IP');
    expect(world.statuses()).toContain('Could not acquire an IP address from DHCP');
    expect(verdict(world)).toMatchObject({ stage: 'address', cause: 'dhcp.no-offer' });
    expect(verdict(world).lookAt).toContain('the DHCP server and its pool');
  });

  it('static address: somebody else has it', () => {
    const world = registered({
      settings: {
        dhcp: 'off',
        address: '10.100.9.9',
        mask: '255.255.0.0',
        router: '10.100.0.1',
        alternateTftp: 'on',
        tftp1: '10.100.0.3',
      },
    });
    const other = addMachine(world, base + 0x0909);
    other.stack.announce(world.timeline.now());
    other.wake();
    world.run(5);
    expect(world.statuses()).toContain('Duplicate IP');
    // It is defended, and the phone stays: nothing on its face says so but the status menu.
    expect(world.screen().join()).toContain('2001');
    expect(verdict(world).cause).toBe('registered');
  });

  it('voice VLAN: the switch names another one, in which nobody gives addresses', () => {
    const world = registered();
    world.lab.switch.setVoiceVlan(666);
    world.run(240);
    expect(world.all('vlan.learned').at(-1)).toMatchObject({ vlan: 666 });
    expect(world.screen()).toContain('Configuring IP');
    expect(verdict(world)).toMatchObject({ stage: 'address', cause: 'dhcp.no-offer' });
    expect(verdict(world).lookAt).toContain('the voice VLAN of the switch port');
  });

  it('not intentionally reset: somebody pressed Reset at the call manager, and the status menu says so', () => {
    const world = registered();
    world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'reset');
    world.runUntil('registration.accepted', 120);
    expect(world.statuses()).toContain('Restart requested by Cisco Unified Communications Manager');
    expect(world.all('reset.requested')).toEqual([{ by: '10.100.0.11', kind: 'reset' }]);
    expect(world.screen().join()).toContain('2001');
    expect(verdict(world).cause).toBe('registered');
  });

  it('DNS: the names of the call managers are not found after a restart', () => {
    const world = registered({ lab: { processNodeName: 'name' } });
    world.lab.dns.stop();
    world.phone.reset('keypad');
    runToStatus(world, 'Phone not registered');
    expect(world.statuses()).toContain('DNS timeout');
    expect(world.screen()).toContain('Phone not registered');
    expect(verdict(world).cause).toBe('callmanager.unreachable');
  });

  it('power: the switch takes it away', () => {
    const world = registered();
    world.lab.cutPower(0);
    world.run(5);
    expect(world.screen()).toEqual([]);
    expect(verdict(world)).toMatchObject({ cause: 'power.none' });
    expect(verdict(world).lookAt).toContain('PoE on the port');
  });

  it('port security: the switch shuts the port when the phone shows up in its second VLAN', () => {
    const world = started({ lab: { ports: { maximumStations: 1 } } }, 60);
    expect(world.all('link.down').length).toBeGreaterThan(0);
    expect(world.screen()).toContain('Configuring VLAN');
    expect(verdict(world).cause).toBe('link.down');
    expect(verdict(world).lookAt).toContain('whether the switch port is shut down');
  });
});
