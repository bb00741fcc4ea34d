/** What phones do when a call manager dies and comes back: the times of lab reports, for both protocols. */
import { describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { SECOND } from '../../hal/timer.ts';
import { signallingWorld } from '../support/signalling-world.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const PROTOCOLS = ['sccp', 'sip'] as const;
type Protocol = (typeof PROTOCOLS)[number];

/** What a call manager can die of. Without its cable nothing of it is heard any more; `silent` is a hung process, whose TCP goes on acknowledging. */
const DEATHS = ['fin', 'rst', 'vanished', 'silent'] as const;
type Death = (typeof DEATHS)[number];

const NODES = ['10.100.0.11', '10.100.0.12', '10.100.0.13'] as const;

function world(protocol: Protocol, options: TestWorldOptions = {}): TestWorld {
  const made = new TestWorld({ model: protocol === 'sip' ? '8861' : '7975', protocol, ...options });
  made.powerOn(0);
  made.runUntil('registration.accepted');
  made.run(5);
  return made;
}

function managers(made: TestWorld, protocol: Protocol) {
  return protocol === 'sip' ? made.lab.sipCallManagers : made.lab.callManagers;
}

function kill(made: TestWorld, protocol: Protocol, node: number, death: Death): void {
  if (death === 'vanished') made.lab.machine(`cm${node + 1}`).cable.unplug();
  else managers(made, protocol)[node]!.stop(death);
}

function revive(made: TestWorld, protocol: Protocol, node: number, death: Death): void {
  if (death === 'vanished') made.lab.machine(`cm${node + 1}`).cable.plug();
  else managers(made, protocol)[node]!.start();
}

/** Runs until a second after the phone was last heard by the node, where the longest wait begins. */
function justHeard(made: TestWorld, protocol: Protocol): void {
  const { counters } = managers(made, protocol)[0]!;
  const heard = () => counters.keepalives + ('refreshes' in counters ? counters.refreshes : 0);
  const before = heard();
  while (heard() === before) made.run(0.1);
}

function types(made: TestWorld, from: number, wanted: readonly string[]): string[] {
  return made.events
    .slice(from)
    .filter(({ type }) => wanted.includes(type))
    .map(({ type, fields }) => `${type} ${fields.host}`);
}

describe.each(PROTOCOLS)('a phone with %s', (protocol) => {
  it('keeps a connection to the second call manager, alive for hours, and is registered with the first alone', () => {
    const made = world(protocol);
    expect(made.all('callmanager.standby')).toMatchObject([{ host: NODES[1], outcome: 'connected', priority: 1 }]);
    made.run(3600);
    const [first, second] = managers(made, protocol);
    expect(second!.counters).toMatchObject({ connections: 1, open: 1, registered: 0, registrations: 0, lost: 0 });
    expect(second!.counters.keepalives).toBeGreaterThanOrEqual(protocol === 'sip' ? 29 : 59);
    expect(first!.counters).toMatchObject({ registered: 1, registrations: 1, connections: 1 });
    expect(made.all('registration.lost')).toEqual([]);
  });

  it.each([
    ['fin', 0, 1, 'closed'],
    ['rst', 0, 1, 'reset'],
    ['vanished', 30, 40, 'tcp-timeout'],
  ] as const)(
    'whose call manager dies by %s is registered with the second after %d to %d s',
    (death, least, most, cause) => {
      const made = world(protocol);
      justHeard(made, protocol);
      const from = made.events.length;
      const died = made.timeline.now();
      kill(made, protocol, 0, death);
      expect(made.runUntil('registration.accepted').host).toBe(NODES[1]);
      const seconds = (made.timeline.now() - died) / SECOND;
      expect(seconds).toBeGreaterThanOrEqual(least);
      expect(seconds).toBeLessThanOrEqual(most);
      expect(types(made, from, ['registration.lost', 'callmanager.connect', 'registration.accepted'])).toEqual([
        `registration.lost ${NODES[0]}`,
        `callmanager.connect ${NODES[1]}`,
        `registration.accepted ${NODES[1]}`,
      ]);
      expect(made.all('failover')).toMatchObject([{ from: NODES[0], to: NODES[1], cause }]);
      // Over the connection that stood already.
      expect(managers(made, protocol)[1]!.counters.connections).toBe(1);
    },
  );

  it.each(DEATHS)('goes back to the first after it died by %s and has been there again for two minutes', (death) => {
    const made = world(protocol);
    kill(made, protocol, 0, death);
    made.runUntil('registration.accepted');
    made.run(30);
    revive(made, protocol, 0, death);
    const revived = made.timeline.now();
    expect(made.runUntil('registration.accepted').host).toBe(NODES[0]);
    const seconds = (made.timeline.now() - revived) / SECOND;
    expect(seconds).toBeGreaterThanOrEqual(death === 'silent' ? 0 : 120);
    expect(seconds).toBeLessThanOrEqual(120 + 72 + 30);
    const [back] = made.all('failback');
    expect(back).toMatchObject({ from: NODES[1], to: NODES[0], cause: 'token' });
    expect(back!.seconds).toBeLessThan(1);
    const [first, second] = managers(made, protocol);
    expect(second!.counters).toMatchObject({ unregistrations: 1, registered: 0, lost: 0 });
    expect(first!.counters).toMatchObject({ registered: 1, tokens: 1 });
    made.run(600);
    expect(made.all('registration.accepted')).toHaveLength(3);
  });

  it('is told to wait by a call manager that gives no leave, and asks again then', () => {
    const made = world(protocol);
    kill(made, protocol, 0, 'fin');
    made.runUntil('registration.accepted');
    const [first] = managers(made, protocol);
    first!.tokens = 60;
    first!.start();
    made.run(600);
    expect(first!.counters.tokens).toBeGreaterThanOrEqual(6);
    expect(made.all('failback')).toEqual([]);
    first!.tokens = 'grant';
    expect(made.runUntil('registration.accepted', 70).host).toBe(NODES[0]);
  });

  it('goes down the list, and asks those above again', () => {
    const made = world(protocol, { lab: { callManagers: 3 } });
    kill(made, protocol, 0, 'fin');
    expect(made.runUntil('registration.accepted', 2).host).toBe(NODES[1]);
    made.run(5);
    kill(made, protocol, 1, 'rst');
    expect(made.runUntil('registration.accepted', 2).host).toBe(NODES[2]);
    made.run(5);
    revive(made, protocol, 1, 'rst');
    expect(made.runUntil('registration.accepted', 300).host).toBe(NODES[1]);
    revive(made, protocol, 0, 'fin');
    expect(made.runUntil('registration.accepted', 300).host).toBe(NODES[0]);
    made.run(10);
    const open = managers(made, protocol).map(({ counters }) => counters.open);
    expect(open).toEqual([1, 1, 0]);
  });

  it('finds one call manager in DNS and the other not', () => {
    const made = new TestWorld({
      model: protocol === 'sip' ? '8861' : '7975',
      protocol,
      lab: { processNodeName: 'name' },
    });
    made.lab.dns.setRecord(made.lab.machine('dns').host.address, 'cm1.lab.example', []);
    made.powerOn(0);
    expect(made.runUntil('registration.accepted').host).toBe('cm2.lab.example');
    expect(made.all('callmanager.connect')[0]).toMatchObject({ host: 'cm1.lab.example', outcome: 'failed' });
    expect(made.all('callmanager.connect')[0]!.reason).toMatch(/^dns\./);
    made.lab.dns.setRecord(made.lab.machine('dns').host.address, 'cm1.lab.example', [
      made.lab.machine('cm1').host.address,
    ]);
    expect(made.runUntil('registration.accepted', 300).host).toBe('cm1.lab.example');
  });

  it('tries the other addresses of a name before the next call manager', () => {
    const made = new TestWorld({
      model: protocol === 'sip' ? '8861' : '7975',
      protocol,
      lab: { processNodeName: 'name' },
    });
    const [dns, gateway, first] = ['dns', 'tftp1', 'cm1'].map((name) => made.lab.machine(name).host.address);
    // Nobody listens at the one, and nobody is at the other.
    made.lab.dns.setRecord(dns!, 'cm1.lab.example', [gateway!, first! + 100, first!]);
    made.powerOn(0);
    expect(made.runUntil('registration.accepted', 60).host).toBe('cm1.lab.example');
    expect(made.all('callmanager.connect')).toMatchObject([{ host: 'cm1.lab.example', outcome: 'connected' }]);
  });

  it('waits longer and longer between rounds when nobody is there, each time a little differently', () => {
    const made = world(protocol);
    for (const node of [0, 1]) kill(made, protocol, node, 'rst');
    made.run(600);
    const rounds = made.events.filter(
      ({ type, fields }) => type === 'stage.leave' && fields.reason === 'callmanager.unreachable',
    );
    const waits = rounds.slice(1).map(({ at }, index) => at - rounds[index]!.at);
    expect(waits[0]).toBeGreaterThan(7);
    expect(waits[0]).toBeLessThan(13);
    for (const wait of waits.slice(3)) {
      expect(wait).toBeGreaterThan(47);
      expect(wait).toBeLessThan(73);
    }
    expect(new Set(waits).size).toBe(waits.length);
    revive(made, protocol, 1, 'rst');
    expect(made.runUntil('registration.accepted', 80).host).toBe(NODES[1]);
  });
});

describe('a call manager whose TCP goes on acknowledging, and says nothing', () => {
  it.each([
    ['sccp', {}, 90, 100],
    // A keepalive every minute, a refresh every 115 s: the next of them is not answered for 32 s.
    ['sip', {}, 85, 100],
    ['sip', { 'sip.keepalive': 0 }, 140, 150],
  ] as const)('is left by %s with %j %d to %d s after it was last heard', (protocol, tunables, least, most) => {
    const made = world(protocol, { tunables });
    justHeard(made, protocol);
    const died = made.timeline.now();
    kill(made, protocol, 0, 'silent');
    expect(made.runUntil('registration.accepted').host).toBe(NODES[1]);
    const seconds = (made.timeline.now() - died) / SECOND;
    expect(seconds).toBeGreaterThanOrEqual(least);
    expect(seconds).toBeLessThanOrEqual(most);
    expect(made.all('failover')).toMatchObject([{ cause: 'keepalive-timeout' }]);
  });
});

describe('a survivable gateway', () => {
  /** The files name the third node as SRST reference, and the first two as call managers. */
  function withGateway(protocol: Protocol): TestWorld {
    const reference =
      '<srstOption>Enable</srstOption><ipAddr1>10.100.0.13</ipAddr1><sipIpAddr1>10.100.0.13</sipIpAddr1></srstInfo>';
    let made: TestWorld | null = null;
    const files: NonNullable<TestWorldOptions['lab']>['files'] = ({ name }) => {
      const octets = made?.lab.configurationFiles.read(name) ?? null;
      if (octets === null) return null;
      const text = new TextDecoder().decode(octets);
      return new TextEncoder().encode(
        text.replace('<srstOption>Disable</srstOption>', '').replace('</srstInfo>', reference),
      );
    };
    const device = {
      name: deviceName(autoMac(0, 0, 0)),
      model: protocol === 'sip' ? '8861' : '7975',
      deviceType: modelNamed(protocol === 'sip' ? '8861' : '7975')!.deviceType,
      protocol,
      callManagers: [0, 1],
      lines: [{ directoryNumber: '2001', label: '2001', displayName: '2001' }],
    };
    made = new TestWorld({ model: device.model, protocol, lab: { callManagers: 3, devices: [device], files } });
    made.powerOn(0);
    made.runUntil('registration.accepted');
    made.run(5);
    return made;
  }

  it.each(PROTOCOLS)(
    'is where the phone goes when no call manager is left, and from where it comes back (%s)',
    (protocol) => {
      const made = withGateway(protocol);
      expect(made.all('config.applied')[0]!.callManagers).toHaveLength(2);
      kill(made, protocol, 0, 'rst');
      kill(made, protocol, 1, 'rst');
      expect(made.runUntil('registration.accepted', 30).host).toBe(NODES[2]);
      expect(made.all('failover')).toMatchObject([{ from: NODES[0], to: NODES[2] }]);
      revive(made, protocol, 0, 'rst');
      expect(made.runUntil('registration.accepted', 300).host).toBe(NODES[0]);
    },
  );
});

describe('over UDP', () => {
  it('a phone goes to the second call manager when the first is gone, and back when it is there again', () => {
    const made = world('sip', { lab: { configuration: { transportLayerProtocol: '2' } } });
    expect(made.all('registration.accepted')[0]).toMatchObject({ transport: 'udp' });
    kill(made, 'sip', 0, 'fin');
    // Nobody listens, says ICMP to the next refresh.
    expect(made.runUntil('registration.accepted', 150).host).toBe(NODES[1]);
    revive(made, 'sip', 0, 'fin');
    expect(made.runUntil('registration.accepted', 400).host).toBe(NODES[0]);
  });
});

describe('a SIP phone', () => {
  it('refreshes from the port of its first REGISTER, for as long as it is registered', () => {
    const { world: made, signals } = signallingWorld({ model: '8861', protocol: 'sip' });
    made.powerOn(0);
    made.runUntil('registration.accepted');
    made.run(3600);
    const out = signals.filter(({ direction, host }) => direction === 'out' && host === NODES[0]);
    expect(out.length).toBeGreaterThan(31);
    expect(new Set(out.map(({ ownPort }) => ownPort)).size).toBe(1);
  });
});
