import { describe, expect, it } from 'vitest';
import type { WireEnd, WireReceiver } from '../hal/wire-end.ts';
import { AddressList } from './address-list.ts';
import { ExpectedWire } from './expected-wire.ts';

const LINK = { up: true, speed: 1000, fullDuplex: true };

function expected(text: string): AddressList {
  const list = AddressList.parse(text);
  if (typeof list === 'string') throw new Error(list);
  return list;
}

/** An Ethernet frame with an IPv4 packet in it; tagged when there is a VLAN. */
function packet(source: string, destination: string, vlan: number | null, udp: readonly number[] = []): Uint8Array {
  const address = (text: string) => text.split('.').map(Number);
  const ip = [0x45, 0, 0, 20 + udp.length, 0, 0, 0, 0, 64, 17, 0, 0, ...address(source), ...address(destination)];
  const tag = vlan === null ? [] : [0x81, 0x00, vlan >> 8, vlan & 0xff];
  return Uint8Array.from([...Array(12).fill(2), ...tag, 0x08, 0x00, ...ip, ...udp]);
}

/** A DHCP answer to port 68, with the options given. */
function offer(options: readonly number[]): readonly number[] {
  return [0, 67, 0, 68, 0, 0, 0, 0, ...Array(240).fill(0), ...options];
}

function bench(list: string) {
  const sent: Uint8Array[] = [];
  const heard: Uint8Array[] = [];
  const unexpected: string[] = [];
  const far: { receiver: WireReceiver | null } = { receiver: null };
  const wire: WireEnd = {
    transmit: (bytes, length) => sent.push(bytes.slice(0, length)),
    attach: (receiver) => {
      far.receiver = receiver;
    },
    link: () => LINK,
  };
  const guarded = new ExpectedWire(wire, expected(list), (what, address) => unexpected.push(`${what} ${address}`));
  guarded.attach({ frame: (bytes, length) => heard.push(bytes.slice(0, length)), link: () => {} });
  const receive = (bytes: Uint8Array) => far.receiver!.frame(bytes, bytes.length);
  const send = (bytes: Uint8Array) => guarded.transmit(bytes, bytes.length);
  return { sent, heard, unexpected, receive, send };
}

describe('a wire on which only what is expected is met', () => {
  it.each([null, 100])('lets packets out to what is expected, and to groups (VLAN %s)', (vlan) => {
    const { sent, send, unexpected } = bench('10.100.0.0/16');
    send(packet('10.100.1.1', '10.100.0.3', vlan));
    send(packet('0.0.0.0', '255.255.255.255', vlan));
    expect(sent).toHaveLength(2);
    expect(unexpected).toEqual([]);
  });

  it.each([null, 100])('keeps others in, and tells (VLAN %s)', (vlan) => {
    const { sent, send, unexpected } = bench('10.100.0.0/16');
    send(packet('10.100.1.1', '10.9.0.3', vlan));
    expect(sent).toEqual([]);
    expect(unexpected).toEqual([`destination ${0x0a090003}`]);
  });

  it('lets in the DHCP answers of servers that are expected, by their identifier', () => {
    const { heard, receive } = bench('10.100.0.1');
    // Through a relay: the sender is another than the server.
    receive(packet('10.1.0.1', '255.255.255.255', null, offer([0, 53, 1, 2, 54, 4, 10, 100, 0, 1, 255])));
    expect(heard).toHaveLength(1);
  });

  it('keeps out the DHCP answers of others, also without an identifier', () => {
    const { heard, receive, unexpected } = bench('10.100.0.1');
    receive(packet('10.100.0.1', '255.255.255.255', 100, offer([54, 4, 10, 100, 0, 2, 255])));
    receive(packet('10.100.0.9', '255.255.255.255', 100, offer([255])));
    expect(heard).toEqual([]);
    expect(unexpected).toEqual([`dhcp-server ${0x0a640002}`, `dhcp-server ${0x0a640009}`]);
  });

  it('leaves all that is no IPv4 alone, and short frames', () => {
    const { sent, send, heard, receive } = bench('10.100.0.1');
    const arp = Uint8Array.from([...Array(12).fill(0xff), 0x08, 0x06, ...Array(28).fill(1)]);
    send(arp);
    receive(arp);
    receive(Uint8Array.from([1, 2, 3]));
    expect(sent).toHaveLength(1);
    expect(heard).toHaveLength(2);
  });
});

describe('a list of addresses', () => {
  it('has its addresses and prefixes and no others', () => {
    const list = expected('10.0.0.1, 10.100.0.0/16,0.0.0.0/32');
    expect([0x0a000001, 0x0a640000, 0x0a64ffff, 0].map((address) => list.has(address))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect([0x0a000002, 0x0a650000, 1].map((address) => list.has(address))).toEqual([false, false, false]);
  });

  it('of everything is /0', () => expect(expected('0.0.0.0/0').has(0xffff_fffe)).toBe(true));

  it.each(['', '10.0.0', '10.0.0.1/33', '10.0.0.1/', '10.0.0.1/8/8', '10.0.0.1,,'])('"%s" gets a sentence', (text) => {
    expect(AddressList.parse(text)).toMatch(/is no address and no prefix/);
  });
});
