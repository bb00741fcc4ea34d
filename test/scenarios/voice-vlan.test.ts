import { describe, expect, it } from 'vitest';
import { isCdp, isLldp, tappedWorld } from '../support/tapped-world.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

function booted(options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld(options);
  world.powerOn(0);
  world.runUntil('registration.accepted', 120);
  return world;
}

const learned = (world: TestWorld) => world.all('vlan.learned').map(({ vlan, source }) => ({ vlan, source }));

describe('the voice VLAN', () => {
  it.each<[string, TestWorldOptions, { vlan: number | null; source: string }]>([
    ['a VLAN by CDP', {}, { vlan: 100, source: 'cdp' }],
    ['a VLAN by LLDP-MED alone', { lab: { ports: { cdp: false } } }, { vlan: 100, source: 'lldp-med' }],
    [
      '`voice vlan dot1p`: tagged for the priority, VLAN 0',
      { lab: { voiceVlan: 'dot1p' } },
      { vlan: 0, source: 'cdp' },
    ],
    ['`voice vlan untagged`: 4095', { lab: { voiceVlan: 'untagged' } }, { vlan: null, source: 'cdp' }],
    ['`voice vlan none`: no TLV', { lab: { voiceVlan: 'none' } }, { vlan: null, source: 'none' }],
    [
      'none, and an Admin. VLAN set on the phone',
      { lab: { voiceVlan: 'none', dataVlan: 100, vlans: [1] }, settings: { adminVlan: '1' } },
      { vlan: 1, source: 'admin' },
    ],
  ])('%s', (_name, options, expected) => {
    const world = new TestWorld(options);
    world.powerOn(0);
    world.runUntil('vlan.learned', 60);
    expect(learned(world)).toEqual([expected]);
  });

  it('the Admin. VLAN is ignored when the switch names one', () => {
    expect(learned(booted({ settings: { adminVlan: '7' } }))).toEqual([{ vlan: 100, source: 'cdp' }]);
  });

  it('nothing heard: untagged after the wait', () => {
    const world = new TestWorld({
      powerSource: 'external',
      lab: { voiceVlan: 'none', ports: { vendor: 'plain', cdp: false, lldp: false, poe: false } },
    });
    world.powerOn(0);
    world.runUntil('vlan.learned', 60);
    const { at, fields } = world.events.find(({ type }) => type === 'vlan.learned')!;
    expect(fields).toMatchObject({ vlan: null, source: 'none' });
    // CDP's queries are spent after ten seconds, LLDP is given up then too; the wait for both is twelve.
    expect(at).toBeGreaterThanOrEqual(10);
    expect(at).toBeLessThanOrEqual(12);
  });

  it('is tagged on every frame of the phone, priority-tagged with VLAN 0 for dot1p', () => {
    const { world, frames } = tappedWorld({ lab: { voiceVlan: 'dot1p' } });
    world.powerOn(0);
    world.runUntil('registration.accepted', 120);
    const sent = frames.filter((frame) => frame.direction === 'out' && !isCdp(frame) && !isLldp(frame));
    expect(new Set(sent.map(({ vlan }) => vlan))).toEqual(new Set([0]));
  });
});

describe('who wins when CDP and LLDP-MED differ', () => {
  it.each(['cdp', 'lldp'] as const)('%s, by the tunable, where both name the same one', (precedence) => {
    const world = booted({ tunables: { 'vlan.precedence': precedence } });
    expect(learned(world)[0]!.source).toBe(precedence === 'cdp' ? 'cdp' : 'lldp-med');
  });

  const apart = { lab: { voiceVlan: 100, vlans: [200], ports: { policyVlan: 200 } } } as const;
  const byCdp = { vlan: 100, source: 'cdp' };
  const byLldp = { vlan: 200, source: 'lldp-med' };

  it.each([
    ['cdp', byCdp, byLldp],
    ['lldp', byLldp, byCdp],
  ] as const)(
    '%s, by the tunable, where they name different ones; the other is told as overruled',
    (precedence, kept, lost) => {
      const world = new TestWorld({ ...apart, tunables: { 'vlan.precedence': precedence } });
      world.powerOn(0);
      world.run(30);
      expect(learned(world).at(-1)).toEqual(kept);
      expect(world.all('vlan.overruled')).toContainEqual(lost);
    },
  );

  it('the last who spoke, where the tunable says so: no frame of the phone on the one that it has left', () => {
    const { world, frames } = tappedWorld({ ...apart, tunables: { 'vlan.precedence': 'last' } });
    world.powerOn(0);
    world.run(30);
    expect(learned(world).at(-1)).toEqual(byLldp);
    const { at } = world.events.filter(({ type }) => type === 'vlan.learned').at(-1)!;
    const later = frames.filter(
      (frame) => frame.direction === 'out' && frame.at > at && !isCdp(frame) && !isLldp(frame),
    );
    expect(new Set(later.map(({ vlan }) => vlan))).toEqual(new Set([200]));
  });
});

describe('the switch changes the voice VLAN while the phone runs', () => {
  it('address, files and registration again on the new one, without a reboot', () => {
    const world = booted({ lab: { vlans: [200] } });
    world.run(5);
    world.events.length = 0;
    world.lab.setVoiceVlan(200);
    world.runUntil('registration.accepted', 120);
    expect(world.all('registration.lost')).toHaveLength(1);
    expect(world.all('dhcp.bound')[0]!.address).toMatch(/^10\.200\./);
    expect(world.all('power.reset')).toHaveLength(0);
    expect(world.all('stage.enter').map(({ stage }) => stage)).toContain('voice-vlan');
  });

  it('keeps the old one when the switch names none any more, or leaves it, by the tunable', () => {
    const learnedWith = (whenDropped: 'keep' | 'leave') => {
      const world = booted({ tunables: { 'vlan.whenDropped': whenDropped } });
      world.events.length = 0;
      world.lab.setVoiceVlan('none');
      world.run(90);
      return learned(world);
    };
    expect(learnedWith('keep')).toEqual([]);
    expect(learnedWith('leave')).toContainEqual({ vlan: null, source: 'none' });
  });
});

describe('CDP of the phone', () => {
  it('goes out untagged, and tagged as well once the voice VLAN is known', () => {
    const { world, frames } = tappedWorld();
    world.powerOn(0);
    world.runUntil('registration.accepted', 120);
    world.run(70);
    const sent = frames.filter((frame) => frame.direction === 'out' && isCdp(frame));
    expect(sent[0]!.vlan).toBeNull();
    expect(new Set(sent.slice(-2).map(({ vlan }) => vlan))).toEqual(new Set([null, 100]));
  });

  it('goes out untagged only for models that do so', () => {
    const { world, frames } = tappedWorld({ model: '6961' });
    world.powerOn(0);
    world.runUntil('registration.accepted', 120);
    world.run(70);
    const sent = frames.filter((frame) => frame.direction === 'out' && isCdp(frame));
    expect(new Set(sent.map(({ vlan }) => vlan))).toEqual(new Set([null]));
  });

  it('carries the address as soon as there is one', () => {
    const { world, frames } = tappedWorld();
    world.powerOn(0);
    world.runUntil('dhcp.bound', 120);
    world.run(2);
    const last = frames.filter((frame) => frame.direction === 'out' && isCdp(frame)).at(-1)!;
    // The Addresses TLV of one IPv4 address: 10.100.1.0.
    expect(Buffer.from(last.bytes).toString('hex')).toContain('00020011000000010101cc00040a640100');
  });

  it('falls silent when the configuration switches it off', () => {
    const { world, frames } = tappedWorld({ lab: { configuration: { vendorConfig: { enableCdpSwPort: '0' } } } });
    world.powerOn(0);
    world.runUntil('registration.accepted', 120);
    frames.length = 0;
    world.run(300);
    expect(frames.filter((frame) => frame.direction === 'out' && isCdp(frame))).toHaveLength(0);
  });
});

describe('port security of the switch', () => {
  const security = (maximumStations: number) => ({ lab: { ports: { maximumStations } } });

  it('has to allow for the phone in both VLANs', () => {
    const world = booted(security(2));
    world.run(300);
    expect(world.all('link.down')).toHaveLength(0);
  });

  it('with one station too few shuts the port: link down, and up to voice VLAN again when it is opened', () => {
    const world = new TestWorld(security(1));
    world.powerOn(0);
    world.runUntil('link.down', 60);
    expect(world.lab.switchPort(0).shut).toBe(true);
    world.run(30);
    expect(world.screen()).toContain('Configuring VLAN');
    world.lab.switch.configure(world.lab.switchPort(0), { maximumStations: 2 });
    world.lab.switch.recover(world.lab.switchPort(0));
    world.runUntil('registration.accepted', 120);
  });
});

describe('what the phone keeps of its neighbor', () => {
  it('name, port and VLANs by both protocols, and how frames of the PC port are treated', () => {
    const world = booted({ lab: { ports: { trustPcPort: false, pcPortCos: 3 } } });
    world.run(5);
    expect(world.all('neighbor').map(({ via, device, port }) => ({ via, device, port }))).toContainEqual({
      via: 'cdp',
      device: 'lab-switch',
      port: 'GigabitEthernet1/0/1',
    });
    expect(world.all('neighbor').some(({ via }) => via === 'lldp')).toBe(true);
    expect(world.all('neighbor.pc-port')).toEqual([{ extendTrust: false, untrustedCos: 3 }]);
    world.lab.switch.configure(world.lab.switchPort(0), { trustPcPort: true });
    world.run(2);
    expect(world.all('neighbor.pc-port')[1]).toMatchObject({ extendTrust: true });
  });

  it('nothing when it has been silent for its hold time', () => {
    const world = booted();
    world.run(5);
    world.lab.switch.configure(world.lab.switchPort(0), { cdp: false, lldp: false });
    world.run(200);
    expect(
      world
        .all('neighbor.lost')
        .map(({ via }) => via)
        .sort(),
    ).toEqual(['cdp', 'lldp']);
  });
});

describe('marks', () => {
  const signalling = (options: TestWorldOptions) => {
    const { world, frames } = tappedWorld(options);
    world.powerOn(0);
    world.runUntil('registration.accepted', 120);
    const tcp = frames.filter(({ direction, protocol }) => direction === 'out' && protocol === 6).at(-1)!;
    return { priority: tcp.priority, dscp: tcp.dscp };
  };

  it('signalling: priority 3, CS3', () => {
    expect(signalling({ lab: { ports: { cdp: true, lldp: false } } })).toEqual({ priority: 3, dscp: 24 });
  });

  it("the LLDP-MED policy's priority, and its DSCP when the policy has the last word", () => {
    const ports = { signalingMark: { priority: 4, dscp: 32 } };
    expect(signalling({ lab: { ports } })).toEqual({ priority: 4, dscp: 24 });
    expect(signalling({ lab: { ports }, tunables: { 'marking.precedence': 'policy' } })).toEqual({
      priority: 4,
      dscp: 32,
    });
  });

  it('requests for files: what the configuration says, once there is one', () => {
    const { world, frames } = tappedWorld({ tunables: { 'files.ringLists': 'at-start' } });
    world.powerOn(0);
    world.runUntil('registration.accepted', 120);
    const requests = frames.filter(({ direction, protocol }) => direction === 'out' && protocol === 17);
    expect(requests.at(-1)).toMatchObject({ priority: 0, dscp: 24 });
  });

  it('other traffic has none', () => {
    const { world, frames } = tappedWorld();
    world.powerOn(0);
    world.runUntil('registration.accepted', 120);
    const udp = frames.filter(({ direction, protocol }) => direction === 'out' && protocol === 17);
    expect(new Set(udp.map(({ priority, dscp }) => `${priority} ${dscp}`))).toEqual(new Set(['0 0']));
  });
});
