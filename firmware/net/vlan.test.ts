/** "No ARP, IP or DHCP frame leaves before the VLAN decision, none on a VLAN that was left." */
import { describe, expect, it } from 'vitest';
import { SECOND } from '../../hal/timer.ts';
import { LEFT, LEFT_ADDRESS, RecordingSink, RIGHT, RIGHT_ADDRESS } from '../../test/support/stack-pair.ts';
import { arpFrame, Host, ipv4Frame } from '../../test/support/tcp-peer.ts';
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import { PROTOCOL } from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import { CDP_GROUP, LLDP_GROUP } from './interface.ts';

const BROADCAST = 0xffff_ffff;
const CONFIG = { address: LEFT_ADDRESS, prefixLength: 24, routers: [] };

/** Everything a phone might try to send. */
function chatter(host: Host): void {
  host.stack.setAddress(host.now, CONFIG);
  host.stack.probeAddress(host.now, LEFT_ADDRESS + 5, 3, SECOND, () => {});
  host.stack
    .udp(68, () => {}, { unconfigured: true })
    ?.send(host.now, { address: BROADCAST, port: 67 }, new Uint8Array(300));
  host.stack.udp(0, () => {})!.send(host.now, { address: RIGHT_ADDRESS, port: 69 }, new Uint8Array(20));
  host.stack.connect(host.now, { address: RIGHT_ADDRESS, port: 2000 }, new RecordingSink());
  host.advance(2 * SECOND);
  host.stack.announce(host.now);
  host.advance(20 * SECOND);
}

function whoHas(address: number): arp.Packet {
  return {
    operation: arp.OPERATION.request,
    senderHardware: RIGHT,
    senderProtocol: RIGHT_ADDRESS,
    targetHardware: 0,
    targetProtocol: address,
  };
}

function udpPayload(port: number): Uint8Array {
  const bytes = new Uint8Array(udp.HEADER_LENGTH + 4);
  udp.emit({ sourcePort: 1000, destinationPort: port, length: bytes.length, checksum: 0 }, bytes);
  return bytes;
}

describe('before the decision', () => {
  it('nothing leaves, whatever is asked for, and nothing is answered', () => {
    const host = new Host();
    chatter(host);
    host.receive(arpFrame(whoHas(LEFT_ADDRESS)));
    host.receive(ipv4Frame(PROTOCOL.udp, udpPayload(9)));
    expect(host.sent).toEqual([]);
    expect(host.stack.drops['vlan-undecided']).toBeGreaterThan(5);
  });

  it('but discovery frames do, and the ones of others are heard', () => {
    const heard: string[] = [];
    const host = new Host({
      discovery: (_now, kind, bytes, offset, length) =>
        heard.push(`${kind} ${[...bytes.subarray(offset, offset + length)]}`),
    });
    expect(host.stack.sendDiscovery(0, CDP_GROUP, 'snap-cdp', 2, (into, at) => into.set([7, 8], at))).toBe(true);
    expect(host.stack.sendDiscovery(0, LLDP_GROUP, 'lldp', 2, (into, at) => into.set([7, 8], at), 5)).toBe(true);
    const [cdp, lldp] = host.sent as [Uint8Array, Uint8Array];
    expect(cdp).toHaveLength(60);
    // 802.3: destination, source, a length of 8 + 2, AA AA 03 00 00 0C 20 00, the PDU, padding.
    expect(Buffer.from(cdp.subarray(0, 25)).toString('hex')).toBe('01000ccccccc02005e000001000aaaaa0300000c2000070800');
    expect(Buffer.from(lldp.subarray(0, 21)).toString('hex')).toBe('0180c200000e02005e0000018100000588cc070800');
    host.receive(cdp);
    host.receive(lldp);
    expect(heard[0]).toBe('snap-cdp 7,8');
    expect(heard[1]).toMatch(/^lldp 7,8,0,/);
  });
});

describe('on a VLAN', () => {
  it('all frames carry its tag, and frames of another VLAN or of none are not for us', () => {
    const host = new Host();
    host.stack.setVlan(0, { vlan: 100, priority: 2 });
    chatter(host);
    const frames = host.sent.map((bytes) => ethernet.parse(bytes) as ethernet.Frame);
    expect(frames.length).toBeGreaterThan(8);
    expect(frames.every(({ tci }) => tci !== null && ethernet.vlanIdOf(tci) === 100)).toBe(true);
    // ARP and DHCP go with the priority of the decision.
    expect(frames.every(({ tci }) => ethernet.priorityOf(tci!) === 2)).toBe(true);
    host.sent = [];
    for (const tci of [null, 0, ethernet.tciOf(0, 101)]) host.receive(arpFrame(whoHas(LEFT_ADDRESS), { tci }));
    expect(host.sent).toEqual([]);
    expect(host.stack.drops['other-vlan']).toBe(3);
    host.receive(arpFrame(whoHas(LEFT_ADDRESS), { tci: ethernet.tciOf(5, 100) }));
    expect(host.take()).toEqual(['[100/2] ARP 10.0.0.1 is-at 02:00:5e:00:00:01']);
  });

  it('VLAN 0 is a priority tag: answered to untagged frames too', () => {
    const host = new Host();
    host.stack.setVlan(0, { vlan: 0, priority: 5 });
    host.stack.setAddress(0, CONFIG);
    host.receive(arpFrame(whoHas(LEFT_ADDRESS)));
    host.receive(arpFrame(whoHas(LEFT_ADDRESS), { tci: ethernet.tciOf(3, 0) }));
    expect(host.take()).toEqual(Array(2).fill('[0/5] ARP 10.0.0.1 is-at 02:00:5e:00:00:01'));
  });

  it('signalling is marked CS3 and priority 3, the rest best effort', () => {
    const host = new Host();
    host.stack.setVlan(0, { vlan: 100, priority: 0 });
    host.stack.setAddress(0, CONFIG);
    host.receive(arpFrame(whoHas(LEFT_ADDRESS), { tci: 100 }));
    host.sent = [];
    host.stack.connect(0, { address: RIGHT_ADDRESS, port: 2000 }, new RecordingSink());
    host.stack.connect(0, { address: RIGHT_ADDRESS, port: 6970 }, new RecordingSink(), {
      mark: { dscp: 0, priority: 0 },
    });
    host.stack.dispatch(0);
    host.stack.udp(0, () => {})!.send(0, { address: RIGHT_ADDRESS, port: 69 }, new Uint8Array(1));
    host.stack
      .udp(0, () => {}, { mark: { dscp: 46, priority: 5 } })!
      .send(0, { address: RIGHT_ADDRESS, port: 16384 }, new Uint8Array(1));
    expect(host.sent.map((bytes) => [bytes[14]! >> 5, bytes[19]! >> 2])).toEqual([
      [3, 24],
      [0, 0],
      [0, 0],
      [5, 46],
    ]);
  });
});

describe('when the VLAN is left', () => {
  it('connections are aborted without a word, parked packets and ARP entries forgotten, the address gone', () => {
    const host = new Host();
    host.stack.setVlan(0, { vlan: null, priority: 0 });
    host.stack.setAddress(0, CONFIG);
    host.receive(arpFrame(whoHas(LEFT_ADDRESS)));
    const sink = new RecordingSink();
    host.stack.connect(0, { address: RIGHT_ADDRESS, port: 2000 }, sink);
    const socket = host.stack.udp(0, () => {})!;
    socket.send(0, { address: RIGHT_ADDRESS + 1, port: 69 }, new Uint8Array(1));
    host.advance(SECOND / 2);
    expect(host.sent.length).toBeGreaterThan(2);
    host.sent = [];

    host.stack.setVlan(host.now, { vlan: 100, priority: 0 });
    // Late answers of the old VLAN.
    host.receive(
      arpFrame({ ...whoHas(LEFT_ADDRESS), operation: arp.OPERATION.reply, senderProtocol: RIGHT_ADDRESS + 1 }),
    );
    host.advance(20 * SECOND);
    expect(host.sent).toEqual([]);
    expect(sink.events).toEqual(['500 gone aborted']);
    expect(host.stack.address).toBe(0);

    // The old neighbor has to be asked for again.
    host.stack.setAddress(host.now, CONFIG);
    socket.send(host.now, { address: RIGHT_ADDRESS, port: 69 }, new Uint8Array(1));
    expect(host.take()).toEqual(['[100/0] ARP who-has 10.0.0.2 tell 10.0.0.1']);
  });

  it('back to undecided: silence again', () => {
    const host = Host.configured();
    host.stack.setVlan(0, 'undecided');
    chatter(host);
    expect(host.sent).toEqual([]);
  });

  it('another priority on the same VLAN changes nothing else', () => {
    const host = Host.configured();
    const sink = new RecordingSink();
    host.stack.connect(0, { address: RIGHT_ADDRESS, port: 2000 }, sink);
    host.stack.setVlan(0, { vlan: null, priority: 4 });
    host.stack.dispatch(0);
    expect(sink.why).toBeNull();
    expect(host.stack.address).toBe(LEFT_ADDRESS);
  });
});

describe('the receive filter of the NIC', () => {
  it('follows VLAN, addresses and ports', () => {
    const host = new Host({ discovery: () => {} });
    const groups = [CDP_GROUP, LLDP_GROUP];
    host.stack.udp(67, () => {});
    expect(host.nic.filter).toEqual({ groups, vlan: null, addresses: [], broadcastPorts: [] });
    host.stack.setVlan(0, { vlan: 100, priority: 0 });
    expect(host.nic.filter).toEqual({ groups, vlan: 100, addresses: [], broadcastPorts: [67] });
    const dhcp = host.stack.udp(68, () => {}, { unconfigured: true })!;
    host.stack.udp(0, () => {});
    expect(host.nic.filter!.broadcastPorts).toEqual([67, 68]);
    host.stack.probeAddress(0, LEFT_ADDRESS, 1, SECOND, () => {});
    expect(host.nic.filter!.addresses).toEqual([LEFT_ADDRESS]);
    host.advance(2 * SECOND);
    expect(host.nic.filter!.addresses).toEqual([]);
    host.stack.setAddress(host.now, CONFIG);
    expect(host.nic.filter!.addresses).toEqual([LEFT_ADDRESS]);
    dhcp.close();
    expect(host.nic.filter!.broadcastPorts).toEqual([67]);
    host.stack.setVlan(host.now, { vlan: 0, priority: 0 });
    expect(host.nic.filter).toEqual({ groups, vlan: null, addresses: [], broadcastPorts: [67] });
  });

  it('is for nobody but our MAC without a discovery sink', () => {
    expect(new Host().nic.filter!.groups).toEqual([]);
    expect(LEFT).toBe(new Host().nic.mac);
  });
});
