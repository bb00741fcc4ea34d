/** UDP, ICMP and fragments, as a host on the wire sees them. */
import { describe, expect, it } from 'vitest';
import { SECOND } from '../../hal/timer.ts';
import { LEFT_ADDRESS, Pair, RecordingSink, RIGHT, RIGHT_ADDRESS, UNTAGGED } from '../../test/support/stack-pair.ts';
import { Host, ipv4Frame, TcpPeer } from '../../test/support/tcp-peer.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import type { Endpoint } from './sockets.ts';

const { PROTOCOL } = ipv4;
const BROADCAST = 0xffff_ffff;

function datagram(port: number, payload: Uint8Array, sourcePort = 1000): Uint8Array {
  const bytes = new Uint8Array(udp.HEADER_LENGTH + payload.length);
  bytes.set(payload, udp.emit({ sourcePort, destinationPort: port, length: bytes.length, checksum: 0 }, bytes));
  return bytes;
}

function icmpFrame(message: icmp.Message, header: Partial<ipv4.Header> = {}): Uint8Array {
  const payload = new Uint8Array(icmp.lengthOf(message));
  icmp.emit(message, payload);
  return ipv4Frame(PROTOCOL.icmp, payload, header);
}

/** An unreachable that quotes the IPv4 packet in `frame`, which we sent. */
function unreachable(frame: Uint8Array, code: number, nextHopMtu = 0): Uint8Array {
  return icmpFrame({ kind: 'unreachable', code, nextHopMtu, payload: frame.subarray(14, 14 + 28) });
}

describe('UDP', () => {
  it('carries datagrams both ways with their endpoints', () => {
    const pair = Pair.configured();
    const heard: string[] = [];
    const server = pair.right.udp(69, (now, payload, from, to) => {
      heard.push(`${payload.length} from ${from.address.toString(16)}:${from.port} to ${to.toString(16)}`);
      server.send(now, from, new Uint8Array(payload.length + 1));
    })!;
    const client = pair.left.udp(0, (_now, payload) => heard.push(`answer ${payload.length}`))!;
    client.send(0, { address: RIGHT_ADDRESS, port: 69 }, new Uint8Array(100));
    pair.run(SECOND);
    expect(client.port).toBeGreaterThanOrEqual(49152);
    expect(heard).toEqual([`100 from a000001:${client.port} to a000002`, 'answer 101']);
  });

  it('gives a port to one socket at a time', () => {
    const { stack } = Host.configured();
    const first = stack.udp(69, () => {})!;
    expect(stack.udp(69, () => {})).toBeNull();
    first.close();
    first.close();
    expect(stack.udp(69, () => {})).not.toBeNull();
    // A closed socket sends nothing, even when its port is another's now.
    const host = Host.configured();
    const closed = host.stack.udp(5, () => {})!;
    closed.close();
    closed.send(0, { address: RIGHT_ADDRESS, port: 69 }, new Uint8Array(1));
    expect(host.sent).toEqual([]);
  });

  it('answers a unicast datagram to a closed port with port unreachable, ten a second at most', () => {
    const host = Host.configured();
    host.receive(ipv4Frame(PROTOCOL.udp, datagram(9, new Uint8Array(20))));
    const frame = host.sent[0]!;
    const packet = ipv4.parse(frame, 14) as ipv4.Packet;
    const message = icmp.parse(frame, packet.payloadOffset, packet.payloadLength) as icmp.Message;
    expect(message).toMatchObject({ kind: 'unreachable', code: 3 });
    const quotation = icmp.parseQuotation(message.payload) as icmp.Quotation;
    expect([quotation.sourcePort, quotation.destinationPort]).toEqual([1000, 9]);
    for (let count = 0; count < 50; count++) host.receive(ipv4Frame(PROTOCOL.udp, datagram(9, new Uint8Array(20))));
    expect(host.sent).toHaveLength(10);
    host.advance(SECOND);
    host.receive(ipv4Frame(PROTOCOL.udp, datagram(9, new Uint8Array(20))));
    expect(host.sent).toHaveLength(11);
  });

  it('says nothing about a broadcast to a closed port', () => {
    const host = Host.configured();
    const link = { destination: 0xffff_ffff_ffff };
    for (const destination of [BROADCAST, 0x0a00_00ff]) {
      host.receive(ipv4Frame(PROTOCOL.udp, datagram(9, new Uint8Array(2)), { destination }, link));
    }
    // Nor to a unicast packet in a broadcast frame (RFC 1122 3.3.6).
    host.receive(ipv4Frame(PROTOCOL.udp, datagram(9, new Uint8Array(2)), {}, link));
    expect(host.sent).toEqual([]);
    expect(host.stack.drops['no-socket']).toBe(2);
  });

  it('drops a wrong checksum and takes an absent one', () => {
    const host = Host.configured();
    let heard = 0;
    host.stack.udp(9, () => heard++);
    const bytes = datagram(9, Uint8Array.of(1, 2, 3));
    host.receive(ipv4Frame(PROTOCOL.udp, bytes));
    udp.seal(bytes, 0, bytes.length, RIGHT_ADDRESS, LEFT_ADDRESS);
    host.receive(ipv4Frame(PROTOCOL.udp, bytes));
    bytes[8]! ^= 1;
    host.receive(ipv4Frame(PROTOCOL.udp, bytes));
    expect(heard).toBe(2);
    expect(host.stack.drops['bad-checksum']).toBe(1);
  });

  it('does not send what has no source address, or fits no packet', () => {
    const host = new Host();
    host.stack.setVlan(0, UNTAGGED);
    host.stack.udp(0, () => {})!.send(0, { address: BROADCAST, port: 1 }, new Uint8Array(1));
    expect(host.stack.drops['no-address']).toBe(1);
    const configured = Host.configured();
    configured.stack.udp(0, () => {})!.send(0, { address: RIGHT_ADDRESS, port: 1 }, new Uint8Array(65_508));
    expect(configured.stack.drops['too-long']).toBe(1);
  });
});

describe('DHCP before there is an address', () => {
  it('broadcasts from 0.0.0.0 and takes what comes to its MAC, for whatever address', () => {
    const host = new Host();
    const heard: string[] = [];
    host.stack.setVlan(0, UNTAGGED);
    const socket = host.stack.udp(68, (_now, _payload, _from, to) => heard.push(to.toString(16)), {
      unconfigured: true,
    })!;
    socket.send(0, { address: BROADCAST, port: 67 }, new Uint8Array(300));
    expect(host.sent[0]!.subarray(0, 6)).toEqual(new Uint8Array(6).fill(255));
    expect(ipv4.parse(host.sent[0]!, 14)).toMatchObject({ source: 0, destination: BROADCAST });
    host.receive(ipv4Frame(PROTOCOL.udp, datagram(68, new Uint8Array(10), 67)));
    const destination = BROADCAST;
    const link = { destination: 0xffff_ffff_ffff };
    host.receive(ipv4Frame(PROTOCOL.udp, datagram(68, new Uint8Array(10), 67), { destination }, link));
    // Not for any other port, and not for another station.
    host.receive(ipv4Frame(PROTOCOL.udp, datagram(69, new Uint8Array(10))));
    host.receive(ipv4Frame(PROTOCOL.udp, datagram(68, new Uint8Array(10)), {}, { destination: RIGHT }));
    expect(heard).toEqual([LEFT_ADDRESS.toString(16), 'ffffffff']);
    expect(host.sent).toHaveLength(1);
  });

  it('a server answers a station that cannot be asked by ARP', () => {
    const host = Host.configured();
    const heard: number[] = [];
    const server = host.stack.udp(67, (_now, _payload, from) => heard.push(from.address))!;
    const discover = datagram(67, new Uint8Array(300), 68);
    const link = { destination: 0xffff_ffff_ffff };
    host.receive(ipv4Frame(PROTOCOL.udp, discover, { source: 0, destination: BROADCAST }, link));
    expect(heard).toEqual([0]);
    server.send(0, { address: 0x0a00_0037, port: 68 }, new Uint8Array(300), { station: RIGHT });
    expect(Buffer.from(host.sent[0]!.subarray(0, 6)).toString('hex')).toBe('02005e000002');
    expect(ipv4.parse(host.sent[0]!, 14)).toMatchObject({ source: LEFT_ADDRESS, destination: 0x0a00_0037 });
  });

  it('may name another source address', () => {
    const host = Host.configured();
    const socket = host.stack.udp(68, () => {}, { unconfigured: true })!;
    socket.send(0, { address: BROADCAST, port: 67 }, new Uint8Array(1), { source: 0 });
    expect(ipv4.parse(host.sent[0]!, 14)).toMatchObject({ source: 0 });
  });
});

describe('ICMP', () => {
  it('answers echo with the same octets', () => {
    const host = Host.configured();
    const payload = Uint8Array.from({ length: 1400 }, (_, index) => index);
    host.receive(icmpFrame({ kind: 'echo-request', identifier: 7, sequence: 9, payload }));
    const packet = ipv4.parse(host.sent[0]!, 14) as ipv4.Packet;
    expect(icmp.parse(host.sent[0]!, packet.payloadOffset, packet.payloadLength)).toEqual({
      kind: 'echo-reply',
      identifier: 7,
      sequence: 9,
      payload,
    });
  });

  it('does not answer an echo to everybody', () => {
    const host = Host.configured();
    const payload = new Uint8Array(icmp.HEADER_LENGTH);
    icmp.emit({ kind: 'echo-request', identifier: 7, sequence: 9, payload: new Uint8Array(0) }, payload);
    host.receive(ipv4Frame(PROTOCOL.icmp, payload, { destination: BROADCAST }, { destination: 0xffff_ffff_ffff }));
    expect(host.sent).toEqual([]);
  });

  it('tells a UDP socket whom it cannot reach', () => {
    const host = Host.configured();
    const news: Endpoint[] = [];
    const socket = host.stack.udp(0, () => {}, { unreachable: (_now, to) => news.push(to) })!;
    socket.send(0, { address: RIGHT_ADDRESS, port: 69 }, new Uint8Array(4));
    host.receive(unreachable(host.sent[0]!, icmp.UNREACHABLE.port));
    expect(news).toEqual([{ address: RIGHT_ADDRESS, port: 69 }]);
  });

  it('ends a TCP attempt at a port or protocol unreachable, and remembers the softer ones', () => {
    for (const [code, events] of [
      [icmp.UNREACHABLE.port, ['0 gone unreachable']],
      [icmp.UNREACHABLE.host, ['3000 gone unreachable']],
    ] as const) {
      const host = Host.configured();
      const sink = new RecordingSink();
      host.stack.connect(0, { address: RIGHT_ADDRESS, port: 2000 }, sink, { connectTimeout: 3 * SECOND });
      host.stack.dispatch(0);
      host.receive(unreachable(host.sent[0]!, code));
      host.advance(5 * SECOND);
      expect(sink.events).toEqual(events);
    }
  });

  it('does not end an open connection (RFC 5927), and ignores what quotes no segment in flight', () => {
    const peer = TcpPeer.connected();
    const { host } = peer;
    peer.socket!.write(0, new Uint8Array(5));
    host.stack.dispatch(0);
    const frame = host.sent[0]!;
    host.receive(unreachable(frame, icmp.UNREACHABLE.port));
    peer.send('.', { seq: 1, ack: 6 });
    host.receive(unreachable(frame, icmp.UNREACHABLE.host));
    host.advance(300 * SECOND);
    expect(peer.sink.events).toEqual(['0 connected']);
  });

  it('makes segments shorter when a router says so (RFC 1191)', () => {
    const peer = TcpPeer.connected();
    peer.socket!.write(0, new Uint8Array(2000));
    peer.host.stack.dispatch(0);
    const frame = peer.host.sent[0]!;
    peer.take();
    peer.host.receive(unreachable(frame, icmp.UNREACHABLE.fragmentationNeeded, 1000));
    expect(peer.take()).toEqual(['0 . 1 ack 1 len 960', '0 . 961 ack 1 len 960', '0 P. 1921 ack 1 len 80']);
  });

  it('answers an unknown protocol with protocol unreachable', () => {
    const host = Host.configured();
    host.receive(ipv4Frame(89, new Uint8Array(8)));
    expect(host.take()).toEqual(['ICMP unreachable code 2']);
  });
});

describe('fragments', () => {
  /** The packets of a datagram of `length` octets, sent by the other stack. */
  const fragments = (length: number): Uint8Array[] => {
    const host = Host.configured();
    host.stack
      .udp(0, () => {})!
      .send(
        0,
        { address: RIGHT_ADDRESS, port: 9 },
        Uint8Array.from({ length }, (_, index) => index * 7),
      );
    // What left was sent; turned around it is for us.
    return host.sent.map((frame) => {
      const packet = ipv4.parse(frame, 14) as ipv4.Packet;
      const payload = frame.slice(packet.payloadOffset, packet.payloadOffset + packet.payloadLength);
      if (packet.fragmentOffset === 0) payload.set([0, 0], 6);
      const { flags, fragmentOffset, identification } = packet;
      return ipv4Frame(PROTOCOL.udp, payload, { flags, fragmentOffset, identification });
    });
  };

  const listen = (): { host: Host; heard: number[][] } => {
    const host = Host.configured();
    const heard: number[][] = [];
    host.stack.udp(9, (_now, payload) => heard.push([...payload]));
    return { host, heard };
  };

  const expected = (length: number): number[] => Array.from({ length }, (_, index) => (index * 7) & 255);

  it('are made of what is too long, and put together in any order', () => {
    const [first, second, third] = fragments(4000) as [Uint8Array, Uint8Array, Uint8Array];
    for (const order of [
      [first, second, third],
      [third, first, second],
      [second, third, second, first],
    ]) {
      const { host, heard } = listen();
      for (const frame of order) host.receive(frame);
      expect(heard).toEqual([expected(4000)]);
      expect(host.stack.pollAt()).toBe(Number.POSITIVE_INFINITY);
    }
  });

  it('go between two stacks', () => {
    const pair = Pair.configured();
    const heard: number[][] = [];
    pair.right.udp(9, (_now, payload) => heard.push([...payload]));
    const socket = pair.left.udp(0, () => {})!;
    socket.send(0, { address: RIGHT_ADDRESS, port: 9 }, new Uint8Array(1));
    pair.run(SECOND);
    socket.send(
      pair.now,
      { address: RIGHT_ADDRESS, port: 9 },
      Uint8Array.from({ length: 9000 }, (_, index) => index * 7),
    );
    pair.run(SECOND);
    expect(heard[1]).toEqual(expected(9000));
  });

  it('are dropped when they overlap, are too many, too long, or too late', () => {
    const cases: ((host: Host) => void)[] = [
      (host) => {
        host.receive(ipv4Frame(PROTOCOL.udp, new Uint8Array(16), { flags: 1, identification: 1 }));
        host.receive(ipv4Frame(PROTOCOL.udp, new Uint8Array(16), { flags: 1, fragmentOffset: 8, identification: 1 }));
      },
      (host) => {
        for (let index = 0; index < 17; index++) {
          host.receive(
            ipv4Frame(PROTOCOL.udp, new Uint8Array(8), { flags: 1, fragmentOffset: 16 * index, identification: 1 }),
          );
        }
      },
      (host) => host.receive(ipv4Frame(PROTOCOL.udp, new Uint8Array(64), { fragmentOffset: 65_528 })),
      (host) => {
        host.receive(ipv4Frame(PROTOCOL.udp, new Uint8Array(16), { flags: 1, identification: 1 }));
        host.advance(15 * SECOND);
      },
      (host) => {
        for (let id = 1; id <= 3; id++) {
          host.receive(ipv4Frame(PROTOCOL.udp, new Uint8Array(16), { flags: 1, identification: id }));
        }
      },
    ];
    for (const deliver of cases) {
      const { host, heard } = listen();
      deliver(host);
      expect(heard).toEqual([]);
      expect(host.stack.drops['fragment-limit']).toBe(1);
    }
  });
});

it('a packet from a group, or from ourselves, is dropped', () => {
  const host = Host.configured();
  let heard = 0;
  host.stack.udp(9, () => heard++);
  for (const source of [BROADCAST, 0xe000_0001, 0x0a00_00ff, LEFT_ADDRESS]) {
    host.receive(ipv4Frame(PROTOCOL.udp, datagram(9, new Uint8Array(1)), { source }));
  }
  expect(heard).toBe(0);
  expect(host.stack.drops['bad-source']).toBe(4);
});
