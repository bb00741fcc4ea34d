import { describe, expect, it } from 'vitest';
import { SECOND } from '../../hal/timer.ts';
import { seededRng, TestNic, UNTAGGED } from '../../test/support/stack-pair.ts';
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import { Stack } from './stack.ts';

const MAC = 0x0200_5e00_0001;
const ADDRESS = 0x0a00_0005;
const FIRST = 0x0a00_0001;
const SECOND_ROUTER = 0x0a00_0002;
const ROUTER_MAC = 0x0200_5e00_00aa;
const FORGED_MAC = 0x0200_5e00_00bb;
const FAR = { address: 0x0a09_0909, port: 69 };

/** A stack whose frames are collected: ARP questions as the address asked for, IPv4 as the station it went to. */
function host() {
  const sent: string[] = [];
  const nic = new TestNic(MAC, (bytes) => {
    const frame = ethernet.parse(bytes, 0, bytes.length, ethernet.blank()) as ethernet.Frame;
    if (frame.lengthOrType === ethernet.ETHERTYPE.ipv4) sent.push(`to ${frame.destination.toString(16)}`);
    else sent.push(`who has ${(arp.parse(bytes, 14, 28) as arp.Packet).targetProtocol.toString(16)}`);
  });
  const stack = new Stack({ nic, rng: seededRng(1) });
  stack.setVlan(0, UNTAGGED);
  stack.setAddress(0, { address: ADDRESS, prefixLength: 24, routers: [FIRST, SECOND_ROUTER] });
  const socket = stack.udp(0, () => {})!;
  const hear = (packet: arp.Packet, destination: number): void => {
    const bytes = new Uint8Array(60);
    const at = ethernet.emitHeader(destination, packet.senderHardware, null, ethernet.ETHERTYPE.arp, bytes, 0);
    arp.emit(packet, bytes, at);
    stack.process(0, bytes, bytes.length);
  };
  return { stack, nic, sent, hear, send: (now: number) => socket.send(now, FAR, new Uint8Array(1)) };
}

const announcement = (senderHardware: number): arp.Packet => ({
  operation: arp.OPERATION.reply,
  senderHardware,
  senderProtocol: FIRST,
  targetHardware: senderHardware,
  targetProtocol: FIRST,
});

const answer = (senderHardware: number): arp.Packet => ({
  operation: arp.OPERATION.reply,
  senderHardware,
  senderProtocol: FIRST,
  targetHardware: MAC,
  targetProtocol: ADDRESS,
});

describe('two routers', () => {
  it('the second is used when nobody answers for the first', () => {
    const { stack, sent, send } = host();
    send(0);
    for (let now = 1; now <= 3; now++) stack.dispatch(now * SECOND);
    sent.length = 0;
    send(4 * SECOND);
    expect(sent).toEqual(['who has a000002']);
  });
});

describe('gratuitous ARP', () => {
  it('moves a router that is known, and is asked for from the NIC', () => {
    const { nic, sent, hear, send } = host();
    expect(nic.filter?.gratuitous).toEqual([FIRST, SECOND_ROUTER]);
    send(0);
    hear(answer(ROUTER_MAC), MAC);
    hear(announcement(FORGED_MAC), 0xffff_ffff_ffff);
    send(0);
    expect(sent.slice(1)).toEqual([`to ${ROUTER_MAC.toString(16)}`, `to ${FORGED_MAC.toString(16)}`]);
  });

  it('moves nobody when it is switched off, and neither does an answer that nobody asked for', () => {
    const { stack, nic, sent, hear, send } = host();
    stack.acceptGratuitousArp(false);
    expect(nic.filter?.gratuitous).toBeUndefined();
    send(0);
    hear(answer(ROUTER_MAC), MAC);
    hear(announcement(FORGED_MAC), MAC);
    hear(answer(FORGED_MAC), MAC);
    send(0);
    expect(sent.slice(1)).toEqual([`to ${ROUTER_MAC.toString(16)}`, `to ${ROUTER_MAC.toString(16)}`]);
  });
});
