import { describe, expect, it } from 'vitest';
import type { EventType, StageName, TraceEvents } from '../hal/trace.ts';
import { Journey } from './journey.ts';
import { isDecided, verdictOf } from './verdict.ts';

type Step = { [T in EventType]: readonly [T, TraceEvents[T]] }[EventType];

const POWER: Step = ['power.on', { source: 'poe', class: 3, allocatedMilliwatts: 15_400 }];
const LINK: Step = ['link.up', { speed: 1000 }];
const enter = (stage: StageName): Step => ['stage.enter', { stage }];
const failed = (stage: StageName, reason: string): Step => ['stage.leave', { stage, outcome: 'failed', reason }];
const UNREACHABLE = failed('call-manager', 'callmanager.unreachable');
const refused = (reason: string): Step => [
  'callmanager.connect',
  { host: '10.0.0.1', port: 2443, transport: 'tls', priority: 0, outcome: 'failed', reason },
];
const done = (stage: StageName): Step => ['stage.leave', { stage, outcome: 'done' }];
const REGISTERED: Step = [
  'registration.accepted',
  { host: '10.0.0.1', port: 2000, protocol: 'sccp', transport: 'tcp', lines: ['1'], elapsed: 1, keepaliveSeconds: 30 },
];

const OLD = 'SCCP75.9-4-2SR3-1S';
const NEW = 'SCCP75.9-5-1S';

function handOff(load: string, trial = false): Step {
  return ['boot.handoff', { slot: 'A', load, version: '9.5.1', digest: '', signature: 'development', trial }];
}

function updated(outcome: TraceEvents['load.update']['outcome'], reason?: string): Step {
  return ['load.update', { from: OLD, to: NEW, outcome, ...(reason === undefined ? {} : { reason }) }];
}

const INSTALLED: readonly Step[] = [
  POWER,
  handOff(OLD),
  updated('installed'),
  ['power.reset', { reason: 'load-update' }],
  handOff(NEW, true),
];

function journey(...steps: readonly Step[]): Journey {
  return journeyTold(null, ...steps);
}

function journeyTold(load: string | null, ...steps: readonly Step[]): Journey {
  const made = new Journey('SEP020000000001', load);
  made.begin();
  for (const [type, fields] of steps) made.hear(0, type, fields);
  return made;
}

describe('the verdict on a phone', () => {
  it.each<[string, readonly Step[], string, string, boolean]>([
    ['without power', [], 'power', 'power.none', false],
    ['without a cable', [POWER, enter('voice-vlan')], 'voice-vlan', 'link.down', false],
    ['whose VLAN is not decided', [POWER, enter('voice-vlan'), LINK], 'voice-vlan', 'vlan.undecided', false],
    ['still in its first DHCP round', [POWER, LINK, enter('address')], 'address', 'dhcp.no-offer', false],
    [
      'with no DHCP server',
      [POWER, LINK, enter('address'), failed('address', 'dhcp.no-offer'), enter('address')],
      'address',
      'dhcp.no-offer',
      true,
    ],
    [
      'that waits for its file',
      [POWER, enter('ctl-file'), failed('ctl-file', 'tftp.timeout'), enter('configuration')],
      'configuration',
      'tftp.timeout',
      false,
    ],
    [
      'with no file',
      [POWER, enter('configuration'), failed('configuration', 'config.not-found')],
      'configuration',
      'config.not-found',
      true,
    ],
    [
      'that was rejected',
      [
        POWER,
        enter('call-manager'),
        ['registration.rejected', { host: '10.0.0.1', reason: 'Error DBConfig' }],
        failed('call-manager', 'register.rejected'),
      ],
      'call-manager',
      'register.rejected',
      true,
    ],
    [
      'whose call manager is gone',
      [POWER, enter('call-manager'), UNREACHABLE],
      'call-manager',
      'callmanager.unreachable',
      true,
    ],
    [
      'that trusts none of its call managers',
      [POWER, enter('call-manager'), refused('tls.peer-unknown'), refused('timeout'), UNREACHABLE],
      'call-manager',
      'tls.unknown-ca',
      true,
    ],
    [
      'whose call managers do not trust it',
      [POWER, enter('call-manager'), refused('tls.handshake'), UNREACHABLE],
      'call-manager',
      'tls.handshake',
      true,
    ],
    [
      'that trusted none in the round before, and meets none in this one',
      [
        POWER,
        enter('call-manager'),
        refused('tls.peer-unknown'),
        UNREACHABLE,
        enter('call-manager'),
        refused('timeout'),
        UNREACHABLE,
      ],
      'call-manager',
      'callmanager.unreachable',
      true,
    ],
    [
      'that refused its configuration file',
      [POWER, enter('configuration'), failed('configuration', 'trust.signer-unknown')],
      'configuration',
      'trust.signer-unknown',
      true,
    ],
    [
      'with nothing in flash',
      [
        POWER,
        enter('image'),
        failed('image', 'image.none'),
        ['fault', { reason: 'nothing-to-run', detail: 'slot A: empty' }],
      ],
      'image',
      'image.none',
      true,
    ],
    [
      'whose software faults',
      [POWER, enter('address'), ['fault', { reason: 'exception', detail: 'TypeError: x' }]],
      'address',
      'phone.exception',
      true,
    ],
    ['that failed for an unknown reason', [POWER, failed('address', 'new.reason')], 'address', 'new.reason', true],
    [
      'on its way back',
      [POWER, failed('call-manager', 'registration.closed')],
      'call-manager',
      'registration.closed',
      false,
    ],
  ])('%s', (_name, steps, stage, cause, decided) => {
    const made = journey(...steps);
    expect(verdictOf(made)).toMatchObject({ outcome: 'not-registered', stage, cause });
    expect(isDecided(made)).toBe(decided);
  });

  it('says what the call manager said', () => {
    const { text, lookAt } = verdictOf(
      journey(
        POWER,
        ['registration.rejected', { host: '10.0.0.1', reason: 'Error DBConfig' }],
        failed('call-manager', 'register.rejected'),
      ),
    );
    expect(text).toContain('Error DBConfig');
    expect(lookAt.length).toBeGreaterThan(0);
  });

  it('is registered once it is, whatever failed before', () => {
    const made = journey(POWER, failed('address', 'dhcp.no-offer'), REGISTERED, done('call-manager'));
    expect(verdictOf(made)).toMatchObject({ outcome: 'registered', cause: 'registered' });
    expect(isDecided(made)).toBe(true);
    made.hear(0, 'registration.lost', { host: '10.0.0.1', reason: 'closed' });
    expect(verdictOf(made).outcome).toBe('not-registered');
  });

  const LOST_BY = (reason: string): Step => ['registration.lost', { host: '10.0.0.1', reason }];
  const GONE = LOST_BY('address or link lost');
  const RESET: Step = ['reset.requested', { by: '10.0.0.1', kind: 'reset' }];
  const ON: Step = ['power.reset', { reason: 'fault' }];
  const FAULT: Step = ['fault', { reason: 'exception', detail: 'TypeError: x' }];
  const VLAN: Step = ['vlan.learned', { vlan: 200, source: 'cdp', priority: 5, dscp: 46 }];

  it.each<[string, readonly Step[], string | null]>([
    ['link', [LINK, ['link.down', {}], GONE], 'the link went down'],
    ['lease', [VLAN, LINK, ['dhcp.lost', { address: '10.0.0.9', reason: 'expired' }], GONE], 'it lost its address'],
    ['VLAN', [LINK, VLAN, GONE], 'the switch changed the voice VLAN'],
    ['power', [['power.off', {}], POWER], 'its power was taken away'],
    ['call manager', [LOST_BY('tcp-timeout')], 'the call manager was lost'],
    ['reset', [RESET, LOST_BY('reset')], 'the call manager asked it to start over'],
    ['reset, in frames', [RESET, LOST_BY('left')], 'the call manager asked it to start over'],
    ['something that frames do not show', [LOST_BY('restarted')], 'it started over'],
    ['fault of its software', [FAULT, ON], 'its software faulted'],
    ['wish of its own', [LOST_BY('left')], null],
    ['failback', [LOST_BY('failback')], null],
  ])('of one that is registered again after a %s', (_name, steps, why) => {
    const { outcome, text, lookAt } = verdictOf(journey(POWER, REGISTERED, ...steps, REGISTERED));
    expect(outcome).toBe('registered');
    const because = why === null ? '' : ` It lost its registration once because ${why}.`;
    expect(text).toBe(`The phone is registered.${because}`);
    expect(lookAt.length > 0).toBe(why !== null);
  });

  it('says that somebody else has its address, until it has another', () => {
    const duplicate: Step = ['status', { message: 'Duplicate IP' }];
    expect(verdictOf(journey(POWER, REGISTERED, duplicate)).text).toContain('Somebody else uses its address.');
    const again = verdictOf(journey(POWER, duplicate, enter('address'), done('address'), REGISTERED));
    expect(again).toMatchObject({ text: 'The phone is registered.', lookAt: [] });
  });

  it('is overcome by leaving the step well', () => {
    const made = journey(POWER, failed('address', 'dhcp.no-offer'), done('address'), enter('tftp-server'));
    expect(verdictOf(made)).toMatchObject({ stage: 'tftp-server', cause: 'tftp.no-server' });
  });

  it('of one that this program stopped is refused', () => {
    const made = journey(POWER, enter('address'));
    made.refusal = 'mac.in-use';
    expect(verdictOf(made)).toMatchObject({ outcome: 'refused', cause: 'mac.in-use' });
    expect(isDecided(made)).toBe(true);
  });

  it('of one whose turn has not come says so', () => {
    expect(verdictOf(new Journey('SEP020000000001')).cause).toBe('ramp.not-started');
  });
});

describe('the verdict on a phone that is told to load something', () => {
  it.each<[string, readonly Step[], boolean, string]>([
    ['has not been told yet', [POWER, handOff(OLD), REGISTERED], false, OLD],
    ['is on trial', [...INSTALLED, REGISTERED], false, NEW],
    ['fails on trial', [...INSTALLED, enter('address'), failed('address', 'dhcp.no-offer')], false, NEW],
    [
      'runs it, confirmed',
      [...INSTALLED, ['boot.confirmed', { slot: 'B', load: NEW, securityCounter: 1 }], REGISTERED],
      true,
      NEW,
    ],
    ['runs it from the factory', [POWER, handOff(NEW), REGISTERED], true, NEW],
    [
      'has gone back and is not registered',
      [...INSTALLED, handOff(OLD), updated('rejected', 'load.reverted')],
      false,
      OLD,
    ],
    ['has gone back', [...INSTALLED, handOff(OLD), updated('rejected', 'load.reverted'), REGISTERED], true, OLD],
    ['refused it', [POWER, handOff(OLD), updated('rejected', 'load.signature'), REGISTERED], true, OLD],
  ])('and %s', (_, steps, arrived, load) => {
    const made = journeyTold(NEW, ...steps);
    expect(made.hasArrived).toBe(arrived);
    expect(isDecided(made)).toBe(arrived);
    expect(verdictOf(made).load).toBe(load);
  });

  it('names the load, or why it was not taken', () => {
    const refused = verdictOf(journeyTold(NEW, POWER, handOff(OLD), updated('rejected', 'load.counter'), REGISTERED));
    expect(refused).toMatchObject({ outcome: 'registered', cause: 'registered' });
    expect(refused.text).toBe(`The phone is registered, but with ${OLD}: it has not taken ${NEW} (load.counter).`);
    const taken = verdictOf(journeyTold(NEW, POWER, handOff(NEW), REGISTERED));
    expect(taken.text).toBe(`The phone is registered with ${NEW}.`);
    expect(taken.lookAt).toEqual([]);
  });
});
