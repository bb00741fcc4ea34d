import { describe, expect, it } from 'vitest';
import { MINUTE, SECOND } from '../../hal/timer.ts';
import { LEFT, LEFT_ADDRESS, RIGHT, RIGHT_ADDRESS, UNTAGGED } from '../../test/support/stack-pair.ts';
import { arpFrame, Host, ipv4Frame } from '../../test/support/tcp-peer.ts';
import * as arp from '../wire/arp.ts';
import { PROTOCOL } from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';

const ROUTER = 0x0a00_00fe;
const { request, reply } = arp.OPERATION;

function configured(options: { routers?: number[]; neighbors?: number } = {}): Host {
  const host = new Host(options.neighbors === undefined ? {} : { neighbors: options.neighbors });
  host.stack.setVlan(0, UNTAGGED);
  host.stack.setAddress(0, { address: LEFT_ADDRESS, prefixLength: 24, routers: options.routers ?? [] });
  return host;
}

function packet(operation: number, senderProtocol: number, targetProtocol: number, senderHardware = RIGHT): arp.Packet {
  return { operation, senderHardware, senderProtocol, targetHardware: LEFT, targetProtocol };
}

function say(host: Host, address: number, octets = 1): void {
  const socket = host.stack.udp(0, () => {})!;
  socket.send(host.now, { address, port: 69 }, new Uint8Array(octets));
  socket.close();
}

/** The destination MAC of each frame sent. */
function destinations(host: Host): string[] {
  return host.sent.map((frame) => Buffer.from(frame.subarray(0, 6)).toString('hex'));
}

describe('resolution', () => {
  it('parks the latest packet until the answer comes', () => {
    const host = configured();
    say(host, RIGHT_ADDRESS, 10);
    say(host, RIGHT_ADDRESS, 20);
    expect(host.take()).toEqual(['ARP who-has 10.0.0.2 tell 10.0.0.1']);
    host.receive(arpFrame(packet(reply, RIGHT_ADDRESS, LEFT_ADDRESS)));
    expect(destinations(host)).toEqual(['02005e000002']);
    expect(host.take()[0]).toMatch(/UDP \d+ > 69 length 20/);
    expect(host.stack.drops['neighbor-queue']).toBe(1);
    say(host, RIGHT_ADDRESS, 30);
    expect(host.take()[0]).toMatch(/length 30/);
  });

  it('asks three times, a second apart, and drops the packet', () => {
    const host = configured();
    say(host, RIGHT_ADDRESS);
    const times: number[] = [];
    host.advance(10 * SECOND, () => times.push(...host.sent.splice(0).map(() => host.now / SECOND)));
    expect(times).toEqual([0, 1, 2]);
    expect(host.stack.drops['neighbor-failed']).toBe(1);
    // A later packet begins anew.
    say(host, RIGHT_ADDRESS);
    expect(host.take()).toHaveLength(1);
  });

  it('sends what is off the subnet to the first router', () => {
    const host = configured({ routers: [ROUTER, ROUTER - 1] });
    say(host, 0x0808_0808);
    expect(host.take()).toEqual(['ARP who-has 10.0.0.254 tell 10.0.0.1']);
    host.receive(arpFrame(packet(reply, ROUTER, LEFT_ADDRESS)));
    expect(host.take()[0]).toMatch(/^UDP/);
  });

  it('has no route without a router', () => {
    const host = configured();
    say(host, 0x0808_0808);
    expect(host.take()).toEqual([]);
    expect(host.stack.drops['no-route']).toBe(1);
  });

  it('needs no ARP for broadcasts', () => {
    const host = configured();
    say(host, 0xffff_ffff);
    say(host, 0x0a00_00ff);
    expect(destinations(host)).toEqual(['ffffffffffff', 'ffffffffffff']);
  });
});

describe('answering', () => {
  it('tells our MAC to who asks, and only for our own address', () => {
    const host = configured();
    host.receive(arpFrame(packet(request, RIGHT_ADDRESS, LEFT_ADDRESS)));
    expect(destinations(host)).toEqual(['02005e000002']);
    expect(host.take()).toEqual(['ARP 10.0.0.1 is-at 02:00:5e:00:00:01']);
    host.receive(arpFrame(packet(request, RIGHT_ADDRESS, LEFT_ADDRESS + 7)));
    expect(host.take()).toEqual([]);
  });

  it('learns who asks for us (RFC 826), and not from what is meant for others', () => {
    const host = configured();
    host.receive(arpFrame(packet(request, RIGHT_ADDRESS + 1, LEFT_ADDRESS + 9)));
    host.receive(arpFrame(packet(request, RIGHT_ADDRESS, LEFT_ADDRESS)));
    host.sent = [];
    say(host, RIGHT_ADDRESS);
    expect(host.take()[0]).toMatch(/^UDP/);
    say(host, RIGHT_ADDRESS + 1);
    expect(host.take()[0]).toMatch(/^ARP who-has/);
  });

  it('answers a probe for our address', () => {
    const host = configured();
    host.receive(arpFrame(packet(request, 0, LEFT_ADDRESS)));
    expect(host.take()).toContain('ARP 10.0.0.1 is-at 02:00:5e:00:00:01');
  });

  it('follows a known neighbor to another MAC', () => {
    const host = configured();
    host.receive(arpFrame(packet(request, RIGHT_ADDRESS, LEFT_ADDRESS)));
    host.receive(arpFrame(packet(request, RIGHT_ADDRESS, RIGHT_ADDRESS, 0x0200_5e00_0077)));
    host.sent = [];
    say(host, RIGHT_ADDRESS);
    expect(destinations(host)).toEqual(['02005e000077']);
  });

  it('does not believe a group address', () => {
    const host = configured();
    host.receive(arpFrame(packet(request, RIGHT_ADDRESS, LEFT_ADDRESS, 0x0100_5e00_0001)));
    expect(host.take()).toEqual([]);
    expect(host.stack.drops.malformed).toBe(1);
  });
});

describe('aging', () => {
  it('asks a silent neighbor again by unicast after a minute, and forgets it without an answer', () => {
    const host = configured();
    host.receive(arpFrame(packet(request, RIGHT_ADDRESS, LEFT_ADDRESS)));
    host.advance(MINUTE + SECOND);
    host.sent = [];
    say(host, RIGHT_ADDRESS);
    expect(destinations(host)).toEqual(['02005e000002', '02005e000002']);
    expect(host.take()[0]).toBe('ARP who-has 10.0.0.2 tell 10.0.0.1');
    host.advance(3 * SECOND);
    host.sent = [];
    say(host, RIGHT_ADDRESS);
    expect(destinations(host)).toEqual(['ffffffffffff']);
  });

  it('is refreshed by traffic', () => {
    const host = configured();
    host.receive(arpFrame(packet(request, RIGHT_ADDRESS, LEFT_ADDRESS)));
    host.stack.udp(9, () => {});
    const payload = new Uint8Array(udp.HEADER_LENGTH);
    udp.emit({ sourcePort: 1, destinationPort: 9, length: payload.length, checksum: 0 }, payload);
    for (let minute = 0; minute < 5; minute++) {
      host.advance(50 * SECOND);
      host.receive(ipv4Frame(PROTOCOL.udp, payload));
    }
    host.sent = [];
    say(host, RIGHT_ADDRESS);
    expect(host.take()).toHaveLength(1);
  });

  it('keeps no more entries than its capacity, the least recently confirmed goes', () => {
    const host = configured({ neighbors: 3 });
    for (let index = 0; index < 4; index++) {
      host.receive(arpFrame(packet(request, RIGHT_ADDRESS + index, LEFT_ADDRESS)));
      host.advance(SECOND);
    }
    host.sent = [];
    say(host, RIGHT_ADDRESS + 3);
    say(host, RIGHT_ADDRESS + 1);
    expect(host.take().every((line) => line.startsWith('UDP'))).toBe(true);
    say(host, RIGHT_ADDRESS);
    expect(host.take()[0]).toMatch(/^ARP/);
  });
});

describe('address conflicts (RFC 5227)', () => {
  const verdicts: string[] = [];
  const probing = (count: number): Host => {
    const host = new Host();
    verdicts.length = 0;
    host.stack.setVlan(0, UNTAGGED);
    host.stack.probeAddress(0, LEFT_ADDRESS, count, SECOND, (conflict, mac) => verdicts.push(`${conflict} ${mac}`));
    return host;
  };

  it('probes with sender 0, and is content when nobody answers', () => {
    const host = probing(3);
    const log: string[] = [];
    host.advance(10 * SECOND, () => log.push(...host.take().map((line) => `${host.now / SECOND} ${line}`)));
    expect(log).toEqual(['0 ARP probe 10.0.0.1', '1 ARP probe 10.0.0.1', '2 ARP probe 10.0.0.1']);
    expect(verdicts).toEqual(['false null']);
  });

  it('needs no frame when none is asked for', () => {
    const host = probing(0);
    host.advance(SECOND);
    expect(host.take()).toEqual([]);
    expect(verdicts).toEqual(['false null']);
  });

  it('says who has the address, or probes for it at the same time', () => {
    for (const answer of [packet(reply, LEFT_ADDRESS, 0), packet(request, 0, LEFT_ADDRESS)]) {
      const host = probing(3);
      host.stack.dispatch(0);
      host.receive(arpFrame(answer));
      expect(verdicts).toEqual([`true ${RIGHT}`]);
      host.advance(10 * SECOND);
      expect(host.take()).toHaveLength(1);
    }
  });

  it('announces twice', () => {
    const host = configured();
    host.stack.announce(0);
    const log: string[] = [];
    host.advance(10 * SECOND, () => log.push(...host.take().map((line) => `${host.now / SECOND} ${line}`)));
    expect(log).toEqual(['0 ARP announce 10.0.0.1', '2 ARP announce 10.0.0.1']);
  });

  it('defends the address once in ten seconds, and reports each offence', () => {
    const conflicts: number[] = [];
    const host = new Host({ hooks: { onConflict: (_now, mac) => conflicts.push(mac) } });
    host.stack.setVlan(0, UNTAGGED);
    host.stack.setAddress(0, { address: LEFT_ADDRESS, prefixLength: 24, routers: [] });
    const offence = arpFrame(packet(request, LEFT_ADDRESS, LEFT_ADDRESS));
    host.receive(offence);
    host.receive(offence);
    expect(host.take()).toEqual(['ARP announce 10.0.0.1']);
    host.advance(11 * SECOND);
    host.receive(offence);
    expect(host.take()).toEqual(['ARP announce 10.0.0.1']);
    expect(conflicts).toEqual([RIGHT, RIGHT, RIGHT]);
  });

  it('does not take its own frames for a conflict', () => {
    const host = probing(2);
    host.receive(arpFrame(packet(request, 0, LEFT_ADDRESS, LEFT)));
    host.advance(5 * SECOND);
    expect(verdicts).toEqual(['false null']);
  });
});
