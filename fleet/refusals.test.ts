import { describe, expect, it } from 'vitest';
import { type HostFacts, type RunFacts, refuseCount, refuseInterface, refuseToGoOn, warnOfMac } from './refusals.ts';

const IDLE: HostFacts = {
  defaultRoutes: ['eth0'],
  addresses: [
    { interface: 'lo', address: '127.0.0.1' },
    { interface: 'eth0', address: '192.0.2.7' },
  ],
  above: [],
};

describe('an interface that this machine uses', () => {
  it('with the default route is refused, and the sentence says which option allows it', () => {
    const sentence = refuseInterface('eth0', IDLE, false);
    expect(sentence).toContain('eth0');
    expect(sentence).toContain('default route');
    expect(sentence).toContain('--nic-in-use-ok');
  });

  it('with an address is refused, and the sentence names the address', () => {
    const facts = { ...IDLE, addresses: [{ interface: 'eth1', address: '198.51.100.4' }] };
    expect(refuseInterface('eth1', facts, false)).toContain('198.51.100.4');
  });

  it('in a bridge that has the address is refused as well', () => {
    const facts = { ...IDLE, defaultRoutes: ['br0'], above: ['br0'] };
    expect(refuseInterface('eth1', facts, false)).toContain('through br0');
  });

  it('is taken where that is allowed', () => expect(refuseInterface('eth0', IDLE, true)).toBeNull());

  it('is not this one: taken', () => expect(refuseInterface('eth1', IDLE, false)).toBeNull());
});

describe('a MAC address', () => {
  it('out of a maker’s range is warned of', () =>
    expect(warnOfMac(0x00_1b_54_00_00_01)).toContain('00:1B:54:00:00:01'));
  it('that is locally administered is not', () => expect(warnOfMac(0x02_00_5e_c0_ff_ee)).toBeNull());
});

describe('many phones on a real wire', () => {
  it('are refused without --expect', () => expect(refuseCount(11, false)).toContain('--expect'));
  it('are taken with it', () => expect(refuseCount(40_000, true)).toBeNull());
  it('ten need none', () => expect(refuseCount(10, false)).toBeNull());
});

describe('a run stops', () => {
  const WELL: RunFacts = {
    carrierLost: false,
    macConflicts: [],
    addressConflicts: [],
    registrations: 100,
    rejections: 3,
    longestLag: 40,
  };

  it('not while all is well', () => expect(refuseToGoOn(WELL)).toBeNull());

  it.each<[string, Partial<RunFacts>, RegExp]>([
    ['when the carrier is lost', { carrierLost: true }, /carrier/],
    [
      'when somebody has the MAC address of a phone',
      { macConflicts: ['SEP020000000001'] },
      /MAC address of SEP020000000001/,
    ],
    ['when somebody has the IP address of a phone', { addressConflicts: ['SEP020000000001'] }, /IP address/],
    ['when more are rejected than taken', { registrations: 9, rejections: 10 }, /rejected 10 phones and taken 9/],
    ['when the program stands still', { longestLag: 6000 }, /stood still for 6000 ms/],
  ])('%s', (_name, facts, sentence) => expect(refuseToGoOn({ ...WELL, ...facts })).toMatch(sentence));

  it('not for a few rejections', () => expect(refuseToGoOn({ ...WELL, registrations: 0, rejections: 9 })).toBeNull());
});
