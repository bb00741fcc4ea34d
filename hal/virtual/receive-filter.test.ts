import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOSED_FILTER, type ReceiveFilter } from '../nic.ts';
import { passes } from './receive-filter.ts';

const OWN = 0x02005ec0ffee;
const OTHER = 0x02005e000001;
const BROADCAST = 0xffffffffffff;
const CDP = 0x01000ccccccc;

const OPEN: ReceiveFilter = { groups: [CDP], vlan: 110, addresses: [0x0a000005], broadcastPorts: [68, 67] };

function octets(value: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.floor(value / 256 ** (count - 1 - index)) % 256);
}

function ethernet(destination: number, type: number, payload: readonly number[], vid?: number): number[] {
  const tag = vid === undefined ? [] : [0x81, 0x00, ...octets((5 << 13) | vid, 2)];
  return [...octets(destination, 6), ...octets(OTHER, 6), ...tag, ...octets(type, 2), ...payload];
}

function arp(sender: number, target: number): number[] {
  return [0, 1, 8, 0, 6, 4, 0, 1, ...octets(OTHER, 6), ...octets(sender, 4), ...octets(0, 6), ...octets(target, 4)];
}

function udp(port: number, payload: readonly number[], { options = 0, fragment = 0, protocol = 17 } = {}): number[] {
  const header = [0x45 + options, 0, 0, 0, 0, 0, ...octets(fragment, 2), 64, protocol, 0, 0];
  const addresses = [...octets(0x0a000001, 4), ...octets(0xffffffff, 4)];
  return [
    ...header,
    ...addresses,
    ...new Array(options * 4).fill(0),
    0,
    67,
    ...octets(port, 2),
    0,
    0,
    0,
    0,
    ...payload,
  ];
}

function dhcp(chaddr: number): number[] {
  return [...new Array(28).fill(0), ...octets(chaddr, 6), ...new Array(10).fill(0)];
}

const rows: readonly [what: string, frame: number[], open: boolean, closed: boolean][] = [
  ['unicast to the own MAC', ethernet(OWN, 0x0800, []), true, true],
  ['unicast to another MAC', ethernet(OTHER, 0x0800, []), false, false],
  ['own MAC, own VLAN', ethernet(OWN, 0x0800, [], 110), true, false],
  ['own MAC, another VLAN', ethernet(OWN, 0x0800, [], 111), false, false],
  ['own MAC, VID 0 (priority only)', ethernet(OWN, 0x0800, [], 0), true, true],
  ['a group', ethernet(CDP, 100, []), true, false],
  ['a group on the own VLAN', ethernet(CDP, 100, [], 110), true, false],
  ['a group on another VLAN', ethernet(CDP, 100, [], 7), false, false],
  ['a group nobody asked for', ethernet(0x0180c200000e, 0x88cc, []), false, false],
  ['ARP for the own address', ethernet(BROADCAST, 0x0806, arp(0x0a000001, 0x0a000005)), true, false],
  ['ARP from the own address (a conflict)', ethernet(BROADCAST, 0x0806, arp(0x0a000005, 0x0a000009)), true, false],
  ['ARP between others', ethernet(BROADCAST, 0x0806, arp(0x0a000001, 0x0a000009)), false, false],
  ['ARP, tagged, own VLAN', ethernet(BROADCAST, 0x0806, arp(1, 0x0a000005), 110), true, false],
  ['ARP, tagged, another VLAN', ethernet(BROADCAST, 0x0806, arp(1, 0x0a000005), 9), false, false],
  ['ARP, cut short', ethernet(BROADCAST, 0x0806, arp(1, 0x0a000005).slice(0, 27)), false, false],
  ['ARP for another protocol', ethernet(BROADCAST, 0x0806, arp(1, 0x0a000005).with(5, 16)), false, false],
  ['DHCP for the own chaddr', ethernet(BROADCAST, 0x0800, udp(68, dhcp(OWN))), true, false],
  ['the same with IP options', ethernet(BROADCAST, 0x0800, udp(68, dhcp(OWN), { options: 3 })), true, false],
  ['DHCP for another chaddr', ethernet(BROADCAST, 0x0800, udp(68, dhcp(OTHER))), false, false],
  ['DHCP without a chaddr', ethernet(BROADCAST, 0x0800, udp(68, dhcp(OWN).slice(0, 33))), false, false],
  ['UDP to a wanted port', ethernet(BROADCAST, 0x0800, udp(67, [])), true, false],
  ['UDP to a port nobody asked for', ethernet(BROADCAST, 0x0800, udp(137, [])), false, false],
  ['TCP', ethernet(BROADCAST, 0x0800, udp(67, [], { protocol: 6 })), false, false],
  ['a later fragment', ethernet(BROADCAST, 0x0800, udp(67, [], { fragment: 0x0001 })), false, false],
  ['a first fragment', ethernet(BROADCAST, 0x0800, udp(67, [], { fragment: 0x2000 })), true, false],
  ['UDP, cut short', ethernet(BROADCAST, 0x0800, udp(67, []).slice(0, 27)), false, false],
  ['IPv6', ethernet(BROADCAST, 0x86dd, udp(67, [])), false, false],
  ['a broadcast of an LLC protocol', ethernet(BROADCAST, 40, [0xaa, 0xaa, 3]), false, false],
  ['a runt', ethernet(OWN, 0x0800, []).slice(0, 13), false, false],
  ['a tag without a type', ethernet(OWN, 0x0800, [], 110).slice(0, 17), false, false],
];

describe('the receive filter', () => {
  it.each(rows)('%s', (_what, octetsOfFrame, open, closed) => {
    // Behind its end there is a longer frame from before, as in a NIC's buffer.
    const buffer = new Uint8Array(200).fill(0x0a);
    buffer.set(octetsOfFrame);
    expect(passes(OPEN, OWN, buffer, octetsOfFrame.length)).toBe(open);
    expect(passes(CLOSED_FILTER, OWN, buffer, octetsOfFrame.length)).toBe(closed);
  });

  it('never throws and never looks behind the end of the frame', () => {
    const start = fc.constantFrom(...rows.map(([, frame]) => frame));
    fc.assert(
      fc.property(
        start,
        fc.nat(80),
        fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }),
        (frame, cut, edits) => {
          const bytes = Uint8Array.from(frame).slice(0, cut);
          for (const [index, octet] of edits) if (index < bytes.length) bytes[index] = octet;
          const long = new Uint8Array(200).fill(0x0a);
          long.set(bytes);
          expect(passes(OPEN, OWN, long, bytes.length)).toBe(passes(OPEN, OWN, bytes, bytes.length));
        },
      ),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 2_000) },
    );
  });
});
