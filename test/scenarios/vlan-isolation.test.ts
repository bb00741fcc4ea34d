import { describe, expect, it } from 'vitest';
import { isMalformed } from '../../firmware/malformed.ts';
import { ipv4Text } from '../../firmware/wire/address.ts';
import * as arp from '../../firmware/wire/arp.ts';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import { tap } from '../../hal/virtual/tap.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

interface Sent {
  /** Seconds. */
  readonly at: number;
  /** Null: no tag. */
  readonly vlan: number | null;
  readonly discovery: boolean;
  /** The address that it comes from, in IPv4 or in ARP; null for neither, and for none. */
  readonly source: string | null;
}

function sourceOf(bytes: Uint8Array, { lengthOrType, payloadOffset, payloadLength }: ethernet.Frame): string | null {
  let source = 0;
  if (lengthOrType === ethernet.ETHERTYPE.ipv4) {
    const packet = ipv4.parse(bytes, payloadOffset, payloadLength);
    if (!isMalformed(packet)) source = packet.source;
  } else if (lengthOrType === ethernet.ETHERTYPE.arp) {
    const packet = arp.parse(bytes, payloadOffset, payloadLength);
    if (!isMalformed(packet)) source = packet.senderProtocol;
  }
  return source === 0 ? null : ipv4Text(source);
}

/** A world whose phone's frames are written down. */
function tapped(options: TestWorldOptions = {}): { world: TestWorld; sent: Sent[] } {
  const sent: Sent[] = [];
  const world = new TestWorld({
    ...options,
    wire: (wire, _phone, timeline) =>
      tap(wire, timeline, ({ at, direction, bytes }) => {
        if (direction !== 'out') return;
        const frame = ethernet.parse(bytes);
        if (isMalformed(frame)) throw new Error('the phone sent a malformed frame');
        const type = frame.lengthOrType;
        const discovery = type < 0x600 || type === ethernet.ETHERTYPE.lldp || type === ethernet.ETHERTYPE.eapol;
        sent.push({
          at: at / 1e6,
          vlan: frame.tci === null ? null : ethernet.vlanIdOf(frame.tci),
          discovery,
          source: sourceOf(bytes, frame),
        });
      }),
  });
  return { world, sent };
}

function decisions(world: TestWorld): { at: number; vlan: number | null }[] {
  return world.events
    .filter(({ type }) => type === 'vlan.learned')
    .map(({ at, fields }) => ({ at, vlan: fields.vlan as number | null }));
}

describe('ARP, IP and DHCP keep to the decided VLAN', () => {
  it.each([
    ['a voice VLAN', {}],
    ['none', { lab: { voiceVlan: 'none' as const } }],
    ['LLDP-MED only', { lab: { ports: { cdp: false } } }],
    [
      'silence',
      {
        powerSource: 'external' as const,
        lab: { voiceVlan: 'none' as const, ports: { vendor: 'plain' as const, cdp: false, lldp: false, poe: false } },
      },
    ],
  ])('nothing leaves before the decision: %s', (_name, options) => {
    const { world, sent } = tapped(options);
    world.powerOn(0);
    world.runUntil('registration.accepted', 120);
    const [decision] = decisions(world);
    const others = sent.filter(({ discovery }) => !discovery);
    expect(others.length).toBeGreaterThan(10);
    for (const frame of others) {
      expect(frame.at).toBeGreaterThanOrEqual(decision!.at);
      expect(frame.vlan).toBe(decision!.vlan);
    }
  });

  it('nothing leaves on a VLAN that was left', () => {
    const { world, sent } = tapped({ lab: { vlans: [200] } });
    world.powerOn(0);
    world.runUntil('registration.accepted');
    world.lab.setVoiceVlan(200);
    world.runUntil('registration.accepted', 120);
    world.run(300);
    const [, second] = decisions(world);
    expect(second!.vlan).toBe(200);
    const late = sent.filter(({ at, discovery }) => at > second!.at && !discovery);
    expect(late.length).toBeGreaterThan(10);
    expect(new Set(late.map(({ vlan }) => vlan))).toEqual(new Set([200]));
  });
});

describe('an address that is lost is not used', () => {
  const LEASE = { lab: { dhcp: { leaseSeconds: 120 } } };
  const [FIRST, SECOND] = ['10.100.1.0', '10.200.1.0'];

  /** Addresses that frames after this instant come from. */
  const sources = (sent: readonly Sent[], after: number) => [
    ...new Set(sent.filter(({ at, source }) => at > after && source !== null).map(({ source }) => source)),
  ];

  it('the lease ran out and nobody renewed it', () => {
    const { world, sent } = tapped(LEASE);
    world.powerOn(0);
    world.runUntil('registration.accepted');
    world.lab.dhcp.stop();
    world.runUntil('dhcp.lost', 200);
    const lost = world.timeline.now() / 1e6;
    world.run(300);
    expect(sources(sent, 0)).toEqual([FIRST]);
    expect(sources(sent, lost)).toEqual([]);
  });

  it('another VLAN: one address at a time', () => {
    const { world, sent } = tapped({ lab: { vlans: [200] } });
    world.powerOn(0);
    world.runUntil('registration.accepted');
    world.lab.setVoiceVlan(200);
    world.runUntil('registration.accepted', 120);
    world.run(300);
    const [, second] = decisions(world);
    expect(sources(sent, second!.at)).toEqual([SECOND]);
    expect(world.all('dhcp.bound').map(({ address }) => address)).toEqual([`${FIRST}/16`, `${SECOND}/16`]);
  });
});
