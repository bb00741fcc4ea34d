import { describe, expect, it } from 'vitest';
import { networkOf } from '../../lab/networks.ts';
import { addDhcpServer, addMachine } from '../support/lab-machine.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const { base } = networkOf(100);
const FIRST_LEASE = '10.100.1.0/16';
const FIRST_ADDRESS = networkOf(100).first;

function booted(options: TestWorldOptions = {}, prepare: (world: TestWorld) => void = () => {}): TestWorld {
  const world = new TestWorld(options);
  prepare(world);
  world.powerOn(0);
  world.runUntil('registration.accepted', 300);
  world.run(1);
  return world;
}

const states = (world: TestWorld) => world.all('dhcp.state').map(({ state }) => state);

const STATIC = {
  dhcp: 'off',
  address: '10.100.9.9',
  mask: '255.255.0.0',
  router: '10.100.0.1',
  alternateTftp: 'on',
  tftp1: '10.100.0.3',
};

describe('a lease', () => {
  it('brings routers, DNS servers, domain and time servers with it', () => {
    const world = booted({ lab: { dhcp: { ntpServers: [base + 2] } }, model: '6961' });
    expect(world.all('dhcp.bound')[0]).toMatchObject({
      address: FIRST_LEASE,
      routers: ['10.100.0.1'],
      dns: ['10.100.0.2'],
      domain: 'lab.example',
      ntp: ['10.100.0.2'],
    });
  });

  it('shows its states by the names of the network statistics', () => {
    const world = booted({ lab: { dhcp: { leaseSeconds: 600 } } });
    expect(states(world)).toEqual(['DHCP INIT', 'DHCP REQUESTING', 'DHCP BOUND']);
    world.run(310);
    expect(states(world).slice(3)).toEqual(['DHCP RENEWING', 'DHCP BOUND']);
  });

  it('is asked for again at the next start (INIT-REBOOT)', () => {
    const world = booted();
    world.events.length = 0;
    world.phone.reset('keypad');
    world.runUntil('registration.accepted', 60);
    expect(states(world)).toEqual(['DHCP REBOOT', 'DHCP BOUND']);
    expect(world.all('dhcp.bound')[0]!.address).toBe(FIRST_LEASE);
  });

  it('is asked for again when the cable was out (DHCP RESYNC)', () => {
    const world = booted();
    world.events.length = 0;
    world.lab.unplug(0);
    world.run(2);
    world.lab.plug(0);
    world.runUntil('registration.accepted', 60);
    expect(states(world)).toEqual(['CDP INIT', 'DHCP RESYNC', 'DHCP BOUND']);
  });

  it('is asked for after a wait where phones are told to wait at power-on', () => {
    const world = booted({ tunables: { 'dhcp.coldBootWait': 5 } });
    expect(states(world)[0]).toBe('DHCP WAITING COLDBOOT TIMEOUT');
  });

  it('is refused at the next start in another network (NAK): a new one from the beginning', () => {
    const world = booted({ lab: { vlans: [200] } });
    world.lab.setVoiceVlan(200);
    world.phone.reset('keypad');
    world.events.length = 0;
    world.runUntil('registration.accepted', 120);
    expect(states(world)).toEqual(['DHCP REBOOT', 'DHCP INIT', 'DHCP REQUESTING', 'DHCP BOUND']);
    expect(world.all('dhcp.bound')[0]!.address).toMatch(/^10\.200\./);
  });

  it('is used from flash when no server answers any more', () => {
    const world = booted();
    world.lab.dhcp.stop();
    world.phone.reset('keypad');
    world.events.length = 0;
    world.runUntil('registration.accepted', 300);
    expect(world.statuses()).toContain('DHCP timeout');
    expect(states(world).at(-1)).toBe('DHCP TIMEOUT');
    expect(world.all('dhcp.bound')[0]!.address).toBe(FIRST_LEASE);
  });

  it('is not used from flash once it has run out', () => {
    const world = booted({ lab: { dhcp: { leaseSeconds: 60 } } });
    world.lab.dhcp.stop();
    world.phone.powerOff();
    world.run(120);
    world.events.length = 0;
    world.phone.powerOn();
    world.run(200);
    expect(world.all('dhcp.bound')).toHaveLength(0);
    expect(world.statuses()).toContain('Could not acquire an IP address from DHCP');
  });
});

describe('an address that somebody else has', () => {
  it('is declined, `Duplicate IP` stands in the status menu, and another one is used', () => {
    const world = new TestWorld();
    addMachine(world, FIRST_ADDRESS);
    world.powerOn(0);
    world.runUntil('registration.accepted', 300);
    expect(world.statuses()).toContain('Duplicate IP');
    expect(states(world)).toContain('DISABLED DUPLICATE IP');
    expect(world.lab.dhcp.counters.decline).toBe(1);
    expect(world.all('dhcp.bound')[0]!.address).not.toBe(FIRST_LEASE);
  });

  it('while it is in use: given up, and the registration with it', () => {
    const world = booted();
    world.events.length = 0;
    const other = addMachine(world, FIRST_ADDRESS);
    // Twice within ten seconds: the first is defended, the second means it (RFC 5227 2.4).
    for (let time = 0; time < 2; time++) {
      other.stack.announce(world.timeline.now());
      other.wake();
      world.run(3);
    }
    world.runUntil('registration.accepted', 120);
    expect(world.statuses()).toContain('Duplicate IP');
    expect(world.all('dhcp.lost')).toMatchObject([{ reason: 'conflict' }]);
  });
});

describe('two DHCP servers on one segment', () => {
  it('the first acceptable offer wins, and the other server is named', () => {
    const world = booted({}, (made) => void addDhcpServer(made, base + 99));
    const { server } = world.all('dhcp.bound')[0]!;
    const others = world.all('dhcp.other-offer');
    expect(others).toHaveLength(1);
    expect(others[0]).toMatchObject({ chosen: server });
    expect([server, others[0]!.server].sort()).toEqual(['10.100.0.1', '10.100.0.99']);
  });

  it('a rogue that is alone is the one that is used, and that shows in the lease', () => {
    const world = new TestWorld();
    world.lab.dhcp.stop();
    addDhcpServer(world, base + 99);
    world.powerOn(0);
    world.runUntil('dhcp.bound', 60);
    expect(world.all('dhcp.bound')[0]).toMatchObject({ server: '10.100.0.99', address: '10.100.200.0/16' });
  });
});

describe('a static address', () => {
  it('is used as it is, without a word to DHCP', () => {
    const world = booted({ settings: STATIC });
    expect(world.outcomes().address).toBe('done (static)');
    expect(states(world)).toEqual(['DHCP DISABLED']);
    expect(world.lab.dhcp.counters.discover).toBe(0);
  });

  it.each([
    ['address', 'Static IP: no IP Address'],
    ['mask', 'Static IP: no Subnet Mask'],
    ['tftp1', 'Static IP: no TFTP Server 1'],
  ] as const)('without %s: the phone stops there, and screen and status say so', (missing, text) => {
    const world = new TestWorld({ settings: { ...STATIC, [missing]: '' } });
    world.powerOn(0);
    world.run(60);
    expect(world.statuses()).toContain(text);
    expect(world.screen()).toContain(text);
    expect(world.all('stage.enter').map(({ stage }) => stage)).not.toContain('tftp-server');
  });

  it('without a router: `No default router`, and the phone goes on', () => {
    const world = booted({ settings: { ...STATIC, router: '' } });
    expect(world.statuses()).toContain('No default router');
  });

  it('loses against DHCP when that is on', () => {
    const world = booted({ settings: { ...STATIC, dhcp: 'on' } });
    expect(world.all('dhcp.bound')[0]!.address).toBe(FIRST_LEASE);
  });
});

/** Phones in VLAN 200, the servers in VLAN 100: everything goes through the router. */
function behindRouter(options: TestWorldOptions): TestWorld {
  return booted(options, (world) => world.lab.setVoiceVlan(200));
}

describe('two default routers', () => {
  it('the second carries the registration when the first is dead', () => {
    const dead = networkOf(200).base + 250;
    const world = behindRouter({ lab: { dhcp: { routers: [dead, networkOf(200).gateway] } } });
    expect(world.all('dhcp.bound')[0]!.routers).toEqual(['10.200.0.250', '10.200.0.1']);
    expect(world.outcomes()['call-manager']).toBe('done');
  });
});

describe('gratuitous ARP', () => {
  /** A forger says that the router's address is his. What the phone then sends to the router, its keepalives, goes to him, or does not. */
  const reachesForger = (vendorConfig: Record<string, string>): boolean => {
    const world = behindRouter({ lab: { configuration: { vendorConfig } } });
    const forger = addMachine(world, networkOf(200).gateway, 200);
    // The router itself would defend its address.
    world.lab.machine('gateway200').cable.unplug();
    forger.stack.announce(world.timeline.now());
    forger.wake();
    world.run(4);
    const before = forger.nic.counters().receivedFrames;
    world.run(40);
    return forger.nic.counters().receivedFrames > before;
  };

  it('of a forger is believed or not, as `garp` says', () => {
    expect(reachesForger({ garp: '0' })).toBe(true);
    expect(reachesForger({ garp: '1' })).toBe(false);
  });
});
