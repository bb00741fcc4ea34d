/**
 * What a capture shows: for each way in which a boot ends, the frames alone have to say the same step and cause as the phone itself did.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { networkOf } from '../../lab/networks.ts';
import { createLabPki, type LabPki, selfSigned } from '../../lab/pki/lab-pki.ts';
import { capturedWorld, ownVerdict, reportsOn } from '../support/captured-world.ts';
import { sharedVector, sharedVectorNames } from '../support/shared-vectors.ts';
import type { TestWorld, TestWorldOptions } from '../support/test-world.ts';
import { STEP_TABLE } from './step-table.ts';

const { base } = networkOf(100);
const NOT_XML = new TextEncoder().encode('<device><fullConfig>');
const STATIC = { dhcp: 'off', address: '10.100.9.9', mask: '255.255.0.0', router: '10.100.0.1' };

/** A boot that has gone well for a while. */
function registered(world: TestWorld): void {
  world.powerOn(0);
  world.runUntil('registration.accepted', 300);
  world.run(5);
}

function started(seconds: number, prepare: (world: TestWorld) => void = () => {}) {
  return (world: TestWorld): void => {
    prepare(world);
    world.powerOn(0);
    world.run(seconds);
  };
}

interface Ending {
  readonly options?: TestWorldOptions;
  readonly happens: (world: TestWorld) => void;
  readonly stage: string;
  readonly cause: string;
  /** What the frames advise where they do not show what the phone knows; else the same. */
  readonly framesLookAt?: readonly string[];
}

const AT_CALL_MANAGER = { stage: 'call-manager', cause: 'callmanager.unreachable' } as const;
const REGISTERED = { stage: 'call-manager', cause: 'registered' } as const;
const NO_OFFER = { stage: 'address', cause: 'dhcp.no-offer' } as const;

/** The startup problems of test/scenarios/startup-problems.test.ts that show on the wire. */
const ENDINGS: Readonly<Record<string, Ending>> = {
  'network connectivity: DHCP is not reached': {
    happens: started(150, ({ lab }) => lab.machine('gateway100').cable.unplug()),
    ...NO_OFFER,
  },
  'IP addressing and routing: no router at all': {
    options: { lab: { dhcp: { routers: [] } } },
    happens: registered,
    ...REGISTERED,
  },
  'DNS: the call managers have names, and nobody answers for them': {
    options: { lab: { processNodeName: 'name' } },
    happens: started(120, ({ lab }) => lab.dns.stop()),
    ...AT_CALL_MANAGER,
  },
  'services not running: no call manager listens': {
    happens: started(120, ({ lab }) => {
      for (const manager of lab.callManagers) manager.stop('fin');
    }),
    ...AT_CALL_MANAGER,
  },
  'services not running: the TFTP service': {
    happens: started(120, ({ lab }) => lab.tftp[0]!.stop()),
    // Round after round: the step is whichever the capture ends in.
    stage: expect.stringMatching(/ctl-file|itl-file|configuration/) as string,
    cause: 'tftp.timeout',
  },
  'configuration file: it cannot be read': {
    options: { lab: { files: ({ name }) => (name.startsWith('SEP') ? NOT_XML : null) } },
    happens: started(60),
    stage: 'configuration',
    cause: 'config.malformed',
  },
  'configuration file: there is none, and unknown phones are not taken': {
    options: { model: '8861', protocol: 'sip', lab: { devices: [] } },
    happens: started(60),
    stage: 'configuration',
    cause: 'autoregister.disabled',
  },
  'registering: the call manager rejects the phone': {
    options: { lab: { callManager: { reject: () => 'Error DBConfig' } } },
    happens: started(30),
    stage: 'call-manager',
    cause: 'register.rejected',
  },
  'intermittent link: the phone comes back each time': {
    happens: (world) => {
      registered(world);
      for (let time = 0; time < 2; time++) {
        world.lab.unplug(0);
        world.run(2);
        world.lab.plug(0);
        world.runUntil('registration.accepted', 120);
        world.run(30);
      }
    },
    ...REGISTERED,
    // A link that bounces looks like power that is lost.
    framesLookAt: [
      'the cable and the switch port',
      'the power of the port',
      "the phone's status messages and crash log",
    ],
  },
  'DHCP: the lease is not renewed, and runs out': {
    options: { lab: { dhcp: { leaseSeconds: 120 } } },
    happens: (world) => {
      registered(world);
      world.lab.dhcp.stop();
      world.runUntil('dhcp.lost', 200);
      world.run(130);
    },
    ...NO_OFFER,
  },
  'voice VLAN: the switch names another one, in which nobody gives addresses': {
    happens: (world) => {
      registered(world);
      world.lab.switch.setVoiceVlan(666);
      world.run(240);
    },
    ...NO_OFFER,
  },
  'not intentionally reset: somebody pressed Reset at the call manager': {
    happens: (world) => {
      registered(world);
      world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'reset');
      world.runUntil('registration.accepted', 120);
    },
    ...REGISTERED,
  },
  'DNS: the names of the call managers are not found after a restart': {
    options: { lab: { processNodeName: 'name' } },
    happens: (world) => {
      registered(world);
      world.lab.dns.stop();
      world.phone.reset('keypad');
      world.run(120);
    },
    ...AT_CALL_MANAGER,
  },
  'all call managers go away': {
    happens: (world) => {
      registered(world);
      for (const manager of world.lab.callManagers) manager.stop('rst');
      world.run(100);
    },
    ...AT_CALL_MANAGER,
  },
};

describe('the frames of a boot say what the phone said', () => {
  it.each(Object.entries(ENDINGS))('%s', (_name, { options = {}, happens, stage, cause, framesLookAt }) => {
    const { world, capture } = capturedWorld(options);
    happens(world);
    expect(ownVerdict(world)).toMatchObject({ stage, cause });
    const { lookAt, text, stage: at } = ownVerdict(world);
    const [report, ...others] = reportsOn(capture());
    expect(report).toMatchObject({
      phone: world.phone.board.deviceName,
      stage: at,
      cause,
      lookAt: framesLookAt ?? lookAt,
    });
    expect(others).toEqual([]);
    // What the call manager says in its own words is in both.
    if (cause === 'register.rejected') expect(report!.text).toBe(text);
    if (cause !== 'registered') expect(report!.evidence!.length).toBeGreaterThan(0);
  });

  /** Networks whose boot says more to the phone than to the wire. */
  const INVISIBLE = ['static address without a TFTP server', 'DHCP with alternate TFTP', 'model without ITL'];

  it.each(STEP_TABLE.filter(({ name }) => !INVISIBLE.includes(name)))('step by step: $name', (row) => {
    const { world, capture } = capturedWorld(row.options);
    if (row.before === 'no DHCP server') world.lab.dhcp.stop();
    world.powerOn(0);
    if (row.before === 'registered, then all TFTP servers stop') {
      world.runUntil('registration.accepted', 300);
      world.run(5);
      for (const server of world.lab.tftp) server.stop();
      world.phone.reset('keypad');
    }
    world.run(row.seconds);
    const seen = reportsOn(capture())[0]!.steps.filter(({ outcome }) => outcome !== 'not-seen');
    const outcomes = Object.fromEntries(
      seen.map(({ stage, outcome, reason }) => [stage, reason === undefined ? outcome : `${outcome} (${reason})`]),
    );
    const { power: _power, image: _image, ...own } = world.outcomes();
    expect(outcomes).toEqual(own);
  });
});

describe('what the wire does not show is not claimed', () => {
  it('a phone without power has no frames, and is not there', () => {
    const { world, capture } = capturedWorld({ lab: { powerBudget: 1_000 } });
    started(60)(world);
    expect(reportsOn(capture())).toEqual([]);
  });

  it('power and image happen inside the phone', () => {
    const { world, capture } = capturedWorld();
    registered(world);
    const { steps } = reportsOn(capture())[0]!;
    expect(steps.slice(0, 2).map(({ outcome }) => outcome)).toEqual(['not-seen', 'not-seen']);
  });

  it('a phone that knows no TFTP server after a static address only announces itself', () => {
    const { world, capture } = capturedWorld({ settings: STATIC });
    started(60)(world);
    expect(ownVerdict(world)).toMatchObject({ stage: 'address', cause: 'static.no-tftp1' });
    expect(reportsOn(capture())).toMatchObject([{ stage: 'voice-vlan', cause: 'vlan.undecided' }]);
  });

  it.each<[string, TestWorldOptions, (world: TestWorld) => void, string]>([
    ['the server', { lab: { dhcp: { tftpServers: [base + 77] } } }, () => {}, '10.100.0.77'],
    [
      'the router before it',
      { lab: { dhcp: { routers: [networkOf(200).base + 250] } } },
      ({ lab }) => lab.setVoiceVlan(200),
      '10.200.0.250',
    ],
  ])('ARP in vain for %s of the files: which of them is meant is not on the wire', (_what, options, prepare, hop) => {
    const { world, capture } = capturedWorld(options);
    started(120, prepare)(world);
    expect(ownVerdict(world).cause).toBe('tftp.timeout');
    const [report] = reportsOn(capture());
    expect(report).toMatchObject({ stage: 'ctl-file', cause: 'tftp.timeout' });
    expect(report!.steps[5]!.text).toBe(`tftp.timeout: nobody answers ARP for ${hop}`);
  });

  it('a cable that is pulled leaves silence, not a failure', () => {
    const { world, capture } = capturedWorld();
    registered(world);
    world.lab.unplug(0);
    world.run(10);
    expect(reportsOn(capture())).toMatchObject([{ cause: 'registered' }]);
  });
});

describe('a phone that does not survive its configuration file', () => {
  /** Its software faults as soon as it has the file, as often as it has it. */
  function faulting(boots: number) {
    const { world, capture } = capturedWorld();
    world.powerOn(0);
    for (let boot = 0; boot < boots; boot++) {
      world.runUntil('config.applied', 120);
      world.phone.reset('fault');
    }
    world.runUntil('file.request', 60);
    return { world, capture };
  }

  it('starts again and again: the step, and the frames in which each start begins', () => {
    const [report] = reportsOn(faulting(3).capture());
    expect(report).toMatchObject({
      outcome: 'not-registered',
      stage: 'call-manager',
      cause: 'phone.restarts',
      lookAt: expect.arrayContaining(["the load, and the phone's crash log (sepia flash info)"]) as string[],
    });
    expect(report!.evidence).toHaveLength(3);
    expect(report!.steps[3]!.rounds).toBe(4);
  });

  it('once is chance, and so is what a registration has followed', () => {
    const { world, capture } = faulting(1);
    expect(reportsOn(capture())[0]!.cause).not.toBe('phone.restarts');
    world.runUntil('registration.accepted', 60);
    expect(reportsOn(capture())).toMatchObject([REGISTERED]);
    world.phone.reset('keypad');
    world.runUntil('config.applied', 60);
    world.phone.reset('keypad');
    world.runUntil('file.request', 60);
    expect(reportsOn(capture())[0]!.cause).not.toBe('phone.restarts');
  });
});

describe('a port that is shut down', () => {
  it('looks like a DHCP server that does not answer', () => {
    const { world, capture } = capturedWorld({ lab: { ports: { maximumStations: 1 } } });
    started(60)(world);
    expect(ownVerdict(world).cause).toBe('link.down');
    expect(reportsOn(capture())).toMatchObject([NO_OFFER]);
  });
});

describe('secure phones', () => {
  const NOW = Date.UTC(2026, 10, 22) / 1_000;
  let pki: LabPki;

  beforeAll(() => {
    pki = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
  });

  it.each([
    ['authenticated', '7975', 'sccp', ['2001']],
    // Nobody but the two sees which lines an encrypted conversation is about.
    ['encrypted', '7975', 'sccp', []],
    ['encrypted', '8861', 'sip', []],
  ] as const)('%s, a %s by %s: files and registration', async (security, model, protocol, lines) => {
    const { world, capture } = capturedWorld({ model, protocol, lab: { security, pki } });
    world.powerOn(0);
    await world.runHeldUntil('registration.accepted');
    await world.runHeld(5);
    const [report] = reportsOn(capture());
    expect(report).toMatchObject({ cause: 'registered', outcome: 'registered' });
    const { steps } = report!;
    expect(steps.slice(5).map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done', 'done']);
    expect(steps[5]!.text).toMatch(/^CTLSEP020000000000.tlv, \d+ octets, signed by /);
    expect(steps[7]!.text).toMatch(/^SEP020000000000\.cnf\.xml\.sgn|^by HTTPS/);
    expect(steps[8]!.text).toContain(lines.length === 0 ? `by ${protocol.toUpperCase()}` : lines[0]);
  });

  it('TLS refused: a stranger in place of the call manager', async () => {
    const callManager = selfSigned({ commonName: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
    const { world, capture } = capturedWorld({
      lab: { security: 'encrypted', pki, callManagers: 1, peculiarities: { callManager } },
    });
    world.powerOn(0);
    await world.runHeldUntil('callmanager.connect');
    await world.runHeld(5);
    expect(ownVerdict(world)).toMatchObject({ ...AT_CALL_MANAGER, cause: 'tls.unknown-ca' });
    expect(reportsOn(capture())).toMatchObject([{ ...AT_CALL_MANAGER, cause: 'tls.unknown-ca' }]);
  });

  it("TLS refused: the server's minimum version is above the model", async () => {
    const peculiarities = { callManagerTls: { versions: ['1.2', '1.2'] as const } };
    const { world, capture } = capturedWorld({ lab: { security: 'encrypted', pki, callManagers: 1, peculiarities } });
    world.powerOn(0);
    await world.runHeldUntil('callmanager.connect');
    await world.runHeld(5);
    expect(ownVerdict(world)).toMatchObject({ ...AT_CALL_MANAGER, cause: 'tls.version' });
    expect(reportsOn(capture())).toMatchObject([{ ...AT_CALL_MANAGER, cause: 'tls.version' }]);
  });
});

describe('several phones in one capture', () => {
  it('each has its own story, whatever floods to the others', () => {
    const { world, capture } = capturedWorld({ count: 3 });
    for (const index of [0, 1, 2]) world.powerOn(index);
    world.run(60);
    const reports = reportsOn(capture());
    expect(reports.map(({ phone }) => phone)).toEqual(world.phones.map(({ board }) => board.deviceName));
    for (const { cause, steps } of reports) {
      expect(cause).toBe('registered');
      expect(steps.slice(2).map(({ rounds }) => rounds)).toEqual([1, 1, 1, 1, 1, 1, 1]);
    }
  });
});

describe.skipIf(sharedVectorNames('pcaps').length === 0)('captures by strangers', () => {
  const of = (name: string) => reportsOn(sharedVector(`pcaps/${name}`)!);

  it.each([
    ['sccp-v11-call600.pcap', 'SCCP', '1000'],
    ['skinny-v17-call600.pcap', 'SCCP', '1000'],
    ['sccp-v22-call600.pcap', 'SCCP', '1000'],
    ['sip-ucm-register.pcap', 'SIP', '2000'],
  ])('%s: registered by %s, line %s, and nothing said about the steps before', (name, protocol, line) => {
    const [report, ...others] = of(name);
    expect(others).toEqual([]);
    expect(report).toMatchObject({ phone: 'SEP00CAFE000000', outcome: 'registered' });
    expect(report!.steps.slice(0, 8).map(({ outcome }) => outcome)).toEqual(Array(8).fill('not-seen'));
    expect(report!.steps[8]!.text).toMatch(new RegExp(`^10\\.100\\.0\\.1:\\d+ by ${protocol}, line ${line}$`));
  });

  it.each([
    ['reconstructed_cdp_7960_voicevlan.pcap', 'SIP001122334455'],
    ['reconstructed_cdp_7971_7942_power.pcap', 'SEP001EF7289C8E'],
    ['reconstructed_lldpmed_7971_7945.pcap', 'SEP001EF7289C8E'],
  ])('%s: a phone that announces itself, and no more', (name, phone) => {
    expect(of(name)).toMatchObject([
      { phone, outcome: 'not-registered', stage: 'voice-vlan', cause: 'vlan.undecided' },
    ]);
  });

  it.each(['packetlife_3560_CDP.cap', 'packetlife_DHCP.cap', 'tcpdump_dhcp-rfc5859.pcap', 'tcpdump_tftp.pcap'])(
    '%s: no telephone is in it',
    (name) => {
      expect(of(name)).toEqual([]);
    },
  );
});
