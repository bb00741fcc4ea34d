/**
 * The "startup problems" of the administration guides, by their names there: what the phone shows, what stands in its status menu, and what the
 * operator is told to look at.
 */
import { describe, expect, it } from 'vitest';
import { Journey } from '../../fleet/journey.ts';
import { type Verdict, verdictOf } from '../../fleet/verdict.ts';
import type { EventType } from '../../hal/trace.ts';
import { networkOf } from '../../lab/networks.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { addMachine } from '../support/lab-machine.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const { base } = networkOf(100);

/** All that there is to find out about the first phone. */
interface Told {
  /** A part of what the screen shows; null: it is dark. */
  readonly screen: string | RegExp | null;
  /** What stands in the status menu; null: nothing. The guides have no message for power, link and voice VLAN. */
  readonly status: string | null;
  /** So many messages are of an earlier time, when all was well. */
  readonly statusesBefore?: number;
  readonly stage: string | RegExp;
  readonly cause: string;
  /** The verdict of `sepia phone`. */
  readonly text: string;
  /** One thing that the operator is to look at; null: nothing. */
  readonly lookAt: string | null;
}

function expectTold(world: TestWorld, told: Told): void {
  if (told.screen === null) expect(world.screen()).toEqual([]);
  else expect(world.screen().join('\n')).toMatch(told.screen);
  const statuses = world.statuses().slice(told.statusesBefore ?? 0);
  if (told.status === null) expect(statuses).toEqual([]);
  else expect(statuses).toContain(told.status);
  const { stage, cause, text, lookAt } = verdict(world);
  expect(stage).toMatch(told.stage);
  expect({ cause, text }).toEqual({ cause: told.cause, text: told.text });
  if (told.lookAt === null) expect(lookAt).toEqual([]);
  else expect(lookAt).toContain(told.lookAt);
}

/** What the operator hears about the first phone. */
function verdict(world: TestWorld): Verdict {
  const journey = new Journey(world.phone.board.deviceName);
  journey.begin();
  for (const { at, type, fields } of world.events) journey.hear(at * 1e6, type as EventType, fields as never);
  return verdictOf(journey);
}

/** A phone that is registered shows its idle screen. */
const REGISTERED = { screen: '2001\nYour current options', stage: 'call-manager', cause: 'registered' } as const;

const NO_LINK = { stage: 'voice-vlan', cause: 'link.down', text: 'The phone has no link.' } as const;

const NO_OFFER = {
  screen: 'Configuring IP',
  status: 'Could not acquire an IP address from DHCP',
  stage: 'address',
  cause: 'dhcp.no-offer',
  text: 'No DHCP server offered an address.',
} as const;

/** Round after round: the step is whichever the world stands still in. */
const NO_FILES = {
  screen: /Configuring CM List|Updating/,
  status: 'TFTP timeout',
  stage: /ctl-file|itl-file|configuration/,
  cause: 'tftp.timeout',
  text: 'No TFTP server answered.',
} as const;

const NO_CALL_MANAGER = {
  screen: 'Phone not registered',
  stage: 'call-manager',
  cause: 'callmanager.unreachable',
  text: 'No call manager could be reached.',
} as const;

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
    expectTold(started({ lab: { powerBudget: 1_000 } }, 60), {
      screen: null,
      status: null,
      stage: 'power',
      cause: 'power.none',
      text: 'The phone got no power.',
      lookAt: 'the power budget of the switch',
    });
  });

  it('does not go through startup: no cable, the screen stays on the voice VLAN', () => {
    const world = started({ powerSource: 'external' }, 60, ({ lab }) => lab.unplug(0));
    expectTold(world, { ...NO_LINK, screen: 'Configuring VLAN', status: null, lookAt: 'the cable' });
  });

  it('hardware self-test fails: nothing in flash can be run, the screen stays dark', () => {
    const world = started({}, 60, (made) => {
      const rotten = new Uint8Array(64);
      for (const slot of ['A', 'B', 'recovery'] as const) made.flash(0).program(FLASH_MAP[slot].offset, rotten);
    });
    expect(world.phone.state).toBe('halted');
    expectTold(world, {
      screen: null,
      // No software runs that could write one.
      status: null,
      stage: 'image',
      cause: 'image.none',
      text: 'Flash holds nothing that can be run: A: the magic number is missing; recovery: the magic number is missing',
      lookAt: 'sepia flash info',
    });
  });

  it('error messages: a missing trust list is told and harmless', () => {
    const world = registered();
    const harmless = { ...REGISTERED, text: 'The phone is registered.', lookAt: null };
    expectTold(world, { ...harmless, status: `File Not Found: CTL${world.phone.board.deviceName}.tlv` });
    expectTold(world, { ...harmless, status: 'No Trust List installed' });
  });
});

describe('the phone starts and does not register', () => {
  it('network connectivity: DHCP is not reached', () => {
    const world = started({}, 150, ({ lab }) => lab.machine('gateway100').cable.unplug());
    expectTold(world, { ...NO_OFFER, lookAt: 'the relay (ip helper-address) of the voice VLAN' });
  });

  it('TFTP settings: option 150 names nobody', () => {
    const world = started({ lab: { dhcp: { tftpServers: [base + 77] } } }, 120);
    expectTold(world, { ...NO_FILES, lookAt: 'option 150 or 66 of the DHCP server' });
  });

  it('IP addressing and routing: the router is not there, the servers are behind it', () => {
    const dead = networkOf(200).base + 250;
    const world = started({ lab: { dhcp: { routers: [dead] } } }, 120, ({ lab }) => lab.setVoiceVlan(200));
    expectTold(world, { ...NO_FILES, lookAt: 'a firewall between phone and server (UDP 69)' });
  });

  it('IP addressing and routing: no router at all is told, and does not matter on one network', () => {
    const world = registered({ lab: { dhcp: { routers: [] } } });
    expectTold(world, { ...REGISTERED, status: 'No default router', text: 'The phone is registered.', lookAt: null });
  });

  it('DNS: the call managers have names, and nobody answers for them', () => {
    const world = started({ lab: { processNodeName: 'name' } }, 0, ({ lab }) => lab.dns.stop());
    runToStatus(world, 'Phone not registered');
    expectTold(world, {
      ...NO_CALL_MANAGER,
      status: 'DNS timeout',
      lookAt: 'processNodeName in the configuration, and DNS if it is a name',
    });
  });

  it('services not running: no call manager listens', () => {
    const world = started({}, 120, ({ lab }) => {
      for (const manager of lab.callManagers) manager.stop('fin');
    });
    expectTold(world, { ...NO_CALL_MANAGER, status: 'Phone not registered', lookAt: 'the call manager service' });
  });

  it('services not running: the TFTP service', () => {
    const world = started({}, 120, ({ lab }) => lab.tftp[0]!.stop());
    expectTold(world, { ...NO_FILES, lookAt: 'the TFTP service of the call manager' });
  });

  it('configuration file: it cannot be read', () => {
    const world = started({ lab: { files: ({ name }) => (name.startsWith('SEP') ? NOT_XML : null) } }, 60);
    expectTold(world, {
      screen: 'Configuring CM List',
      status: 'Error parsing config file',
      stage: 'configuration',
      cause: 'config.malformed',
      text: 'The configuration file cannot be read.',
      lookAt: 'the file that the server serves',
    });
  });

  it('configuration file: there is none, and unknown phones are not taken', () => {
    const world = started({ model: '8861', protocol: 'sip', lab: { devices: [] } }, 60);
    expectTold(world, {
      screen: 'Configuring CM List',
      status: `File Not Found: ${world.phone.board.deviceName}.cnf.xml`,
      stage: 'configuration',
      cause: 'autoregister.disabled',
      text: 'The call manager does not know the phone, and takes no unknown ones.',
      lookAt: 'the MAC address in the device name',
    });
  });

  it('registering: the call manager rejects the phone', () => {
    const world = started({ lab: { callManager: { reject: () => 'Error DBConfig' } } }, 30);
    expectTold(world, {
      screen: 'Registration Rejected: Error DBConfig',
      status: 'Registration Rejected: Error DBConfig',
      stage: 'call-manager',
      cause: 'register.rejected',
      text: 'The call manager rejected the registration: Error DBConfig',
      lookAt: 'its model and protocol',
    });
  });
});

describe('the phone resets unexpectedly', () => {
  it('physical connection: the cable is pulled', () => {
    const world = registered();
    const statusesBefore = world.statuses().length;
    world.lab.unplug(0);
    world.run(10);
    expect(world.all('registration.lost')).toHaveLength(1);
    expectTold(world, { ...NO_LINK, screen: 'Configuring VLAN', status: null, statusesBefore, lookAt: 'the cable' });
  });

  it('intermittent link: each break costs a registration, and each time the phone comes back', () => {
    const world = registered();
    for (let time = 0; time < 3; time++) {
      const statusesBefore = world.statuses().length;
      world.lab.unplug(0);
      world.run(2);
      expectTold(world, { ...NO_LINK, screen: 'Configuring VLAN', status: null, statusesBefore, lookAt: 'the cable' });
      world.lab.plug(0);
      world.runUntil('registration.accepted', 120);
      world.run(30);
    }
    expect(world.all('link.down')).toHaveLength(3);
    expect(world.all('registration.lost')).toHaveLength(3);
    expect(world.all('power.reset')).toHaveLength(0);
    expectTold(world, {
      ...REGISTERED,
      // The last that was written: its files were read again.
      status: `${world.phone.board.deviceName}.cnf.xml`,
      statusesBefore: world.statuses().length - 1,
      text: 'The phone is registered. It lost its registration 3 times, the last time because the link went down.',
      lookAt: 'the switch port, its speed and its error counters',
    });
  });

  it('DHCP: the lease is not renewed, and runs out', () => {
    const world = registered({ lab: { dhcp: { leaseSeconds: 120 } } });
    world.lab.dhcp.stop();
    world.runUntil('dhcp.lost', 200);
    world.run(130);
    expectTold(world, { ...NO_OFFER, lookAt: 'the DHCP server and its pool for this VLAN' });
    world.lab.dhcp.start();
    world.runUntil('registration.accepted', 300);
    world.run(5);
    expectTold(world, {
      ...REGISTERED,
      status: NO_OFFER.status,
      text: 'The phone is registered. It lost its registration once because it lost its address.',
      lookAt: 'the DHCP server and its pool for this VLAN',
    });
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
    // It is defended, and the phone stays: nothing on its face says so but the status menu.
    expectTold(world, {
      ...REGISTERED,
      status: 'Duplicate IP',
      text: 'The phone is registered. Somebody else uses its address.',
      lookAt: 'who else has the address (the ARP and MAC address tables of router and switch)',
    });
  });

  it('voice VLAN: the switch names another one, in which nobody gives addresses', () => {
    const world = registered();
    const statusesBefore = world.statuses().length;
    world.lab.switch.setVoiceVlan(666);
    world.run(240);
    expect(world.all('vlan.learned').at(-1)).toMatchObject({ vlan: 666 });
    expectTold(world, { ...NO_OFFER, statusesBefore, lookAt: 'the voice VLAN of the switch port' });
    world.lab.switch.setVoiceVlan(100);
    world.runUntil('registration.accepted', 300);
    world.run(5);
    expectTold(world, {
      ...REGISTERED,
      status: NO_OFFER.status,
      text: 'The phone is registered. It lost its registration once because the switch changed the voice VLAN.',
      lookAt: 'the voice VLAN of the switch port',
    });
  });

  it('not intentionally reset: somebody pressed Reset at the call manager, and the status menu says so', () => {
    const world = registered();
    world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'reset');
    world.runUntil('registration.accepted', 120);
    world.run(5);
    expect(world.all('reset.requested')).toEqual([{ by: '10.100.0.11', kind: 'reset' }]);
    expectTold(world, {
      ...REGISTERED,
      status: 'Restart requested by Cisco Unified Communications Manager',
      text: 'The phone is registered. It lost its registration once because the call manager asked it to start over.',
      lookAt: 'who pressed Reset or Restart at the call manager (its audit log)',
    });
  });

  it('DNS: the names of the call managers are not found after a restart', () => {
    const world = registered({ lab: { processNodeName: 'name' } });
    world.lab.dns.stop();
    world.phone.reset('keypad');
    runToStatus(world, 'Phone not registered');
    expectTold(world, {
      ...NO_CALL_MANAGER,
      status: 'DNS timeout',
      lookAt: 'processNodeName in the configuration, and DNS if it is a name',
    });
  });

  it('power: the switch takes it away', () => {
    const world = registered();
    const statusesBefore = world.statuses().length;
    world.lab.cutPower(0);
    world.run(5);
    expectTold(world, {
      screen: null,
      status: null,
      statusesBefore,
      stage: 'power',
      cause: 'power.none',
      text: 'The phone got no power.',
      lookAt: 'PoE on the port',
    });
    world.lab.restorePower(0);
    world.runUntil('registration.accepted', 300);
    world.run(5);
    expectTold(world, {
      ...REGISTERED,
      // As after any start.
      status: 'No Trust List installed',
      statusesBefore,
      text: 'The phone is registered. It lost its registration once because its power was taken away.',
      lookAt: 'PoE on the port',
    });
  });

  it('port security: the switch shuts the port when the phone shows up in its second VLAN', () => {
    const world = started({ lab: { ports: { maximumStations: 1 } } }, 60);
    expect(world.all('link.down').length).toBeGreaterThan(0);
    expectTold(world, {
      ...NO_LINK,
      // Where it was when the port went.
      stage: 'address',
      screen: 'Configuring VLAN',
      status: null,
      lookAt: 'whether the switch port is shut down (port security)',
    });
  });
});
