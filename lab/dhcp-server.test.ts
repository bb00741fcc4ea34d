import { describe, expect, it } from 'vitest';
import { isMalformed } from '../firmware/malformed.ts';
import type { UdpSocket } from '../firmware/net/sockets.ts';
import * as dhcp from '../firmware/wire/dhcp.ts';
import { SECOND } from '../hal/timer.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { type DhcpPool, DhcpServer } from './dhcp-server.ts';
import { DirectNetwork, type DirectSockets } from './testing/direct-sockets.ts';

const SERVER = 0x0a640001;
const MAC = 0x02005ec0ffee;

const POOL: DhcpPool = {
  network: SERVER,
  prefixLength: 16,
  first: 0x0a640100,
  last: 0x0a64feff,
  leaseSeconds: 3600,
  routers: [SERVER],
  domainNameServers: [SERVER],
  domainName: 'lab.example',
  tftpServers: [0x0a640002, 0x0a640003],
  tftpServerName: '10.100.0.2',
};

const DISCOVER: dhcp.Message = {
  op: dhcp.BOOTREQUEST,
  hops: 0,
  xid: 0x1234,
  secs: 0,
  flags: 0,
  ciaddr: 0,
  yiaddr: 0,
  siaddr: 0,
  giaddr: 0,
  chaddr: MAC,
  sname: '',
  file: '',
  options: { messageType: dhcp.DISCOVER, parameterRequestList: [1, 66, 6, 3, 15, 150, 35] },
};

/** Sends a client's messages and collects what the server answers. */
class Client {
  readonly answers: dhcp.Message[] = [];
  readonly #timeline: VirtualTimeline;
  readonly #socket: UdpSocket;

  constructor(timeline: VirtualTimeline, sockets: DirectSockets) {
    this.#timeline = timeline;
    this.#socket = sockets.udp(dhcp.CLIENT_PORT, (_now, payload) => {
      const message = dhcp.parse(Uint8Array.from(payload));
      if (!isMalformed(message)) this.answers.push(message);
    })!;
  }

  /** Sends, lets a second pass, and returns the answer, if any. */
  ask(changes: Partial<dhcp.Message>, options: dhcp.Options): dhcp.Message | null {
    const message = { ...DISCOVER, ...changes, options: { ...DISCOVER.options, ...options } };
    const octets = new Uint8Array(dhcp.lengthOf(message));
    dhcp.emit(message, octets);
    const before = this.answers.length;
    this.#socket.send(this.#timeline.now(), { address: 0xffff_ffff, port: dhcp.SERVER_PORT }, octets);
    this.#timeline.runUntil(this.#timeline.now() + 1 * SECOND);
    expect(this.answers.length - before).toBeLessThanOrEqual(1);
    return this.answers[before] ?? null;
  }

  discover(mac: number): dhcp.Message | null {
    return this.ask({ chaddr: mac }, {});
  }

  select(mac: number, address: number, server = SERVER): dhcp.Message | null {
    return this.ask(
      { chaddr: mac },
      { messageType: dhcp.REQUEST, requestedAddress: address, serverIdentifier: server },
    );
  }

  bind(mac: number): number {
    const address = this.discover(mac)?.yiaddr ?? 0;
    expect(this.select(mac, address)?.options.messageType).toBe(dhcp.ACK);
    return address;
  }
}

function world(pool: Partial<DhcpPool> = {}, authoritative = true) {
  const timeline = new VirtualTimeline();
  const network = new DirectNetwork(timeline);
  const server = new DhcpServer({ timeline, authoritative });
  const leases = server.addPool({ ...POOL, ...pool });
  server.serve(network.host(SERVER), SERVER);
  server.start();
  const client = new Client(timeline, network.host(null));
  return { timeline, server, leases, client };
}

describe('a DHCP server', () => {
  it('offers and acknowledges what the phone asked for', () => {
    const { client } = world({ nextServer: 0x0a640009 });
    const offer = client.discover(MAC);
    expect(offer).toMatchObject({ op: dhcp.BOOTREPLY, yiaddr: 0x0a640100, siaddr: 0x0a640009, xid: 0x1234 });
    expect(offer?.options).toMatchObject({
      messageType: dhcp.OFFER,
      serverIdentifier: SERVER,
      subnetMask: 0xffff0000,
      routers: [SERVER],
      tftpServers: [0x0a640002, 0x0a640003],
      tftpServerName: '10.100.0.2',
      domainName: 'lab.example',
      leaseTime: 3600,
      renewalTime: 1800,
      rebindingTime: 3150,
    });
    expect(client.select(MAC, 0x0a640100)?.options.messageType).toBe(dhcp.ACK);
  });

  it('leaves out what was not asked for', () => {
    const { client } = world();
    const offer = client.ask({}, { parameterRequestList: [1, 3] });
    expect(offer?.options.routers).toEqual([SERVER]);
    expect(offer?.options.tftpServers).toBeUndefined();
  });

  it('gives a client its address again, and another client another one', () => {
    const { client } = world();
    const first = client.bind(MAC);
    expect(client.bind(MAC + 1)).toBe(first + 1);
    expect(client.bind(MAC)).toBe(first);
  });

  it('keeps out of reserved and excluded addresses', () => {
    const { client } = world({
      excluded: [0x0a640100],
      reservations: new Map([[MAC + 7, 0x0a640101]]),
    });
    expect(client.bind(MAC)).toBe(0x0a640102);
    expect(client.bind(MAC + 7)).toBe(0x0a640101);
  });

  it('says NAK to an address that is another client’s or another network’s', () => {
    const { client } = world();
    const address = client.bind(MAC);
    expect(client.select(MAC + 1, address)?.options.messageType).toBe(dhcp.NAK);
    const foreign = client.ask({ chaddr: MAC + 2 }, { messageType: dhcp.REQUEST, requestedAddress: 0xc0a80105 });
    expect(foreign?.options.messageType).toBe(dhcp.NAK);
    expect(foreign?.options.tftpServers).toBeUndefined();
  });

  it('acknowledges a reboot of a client it knows, also after the lease ended', () => {
    const { client, timeline, leases } = world({}, false);
    const address = client.bind(MAC);
    const reboot = () => client.ask({}, { messageType: dhcp.REQUEST, requestedAddress: address });
    expect(reboot()?.options.messageType).toBe(dhcp.ACK);
    timeline.runUntil(timeline.now() + 3601 * SECOND);
    expect(leases.count('bound')).toBe(0);
    expect(reboot()).toMatchObject({ yiaddr: address, options: { messageType: dhcp.ACK } });
  });

  it('stays silent to a reboot it has no record of, unless it is the only server', () => {
    const request = { messageType: dhcp.REQUEST, requestedAddress: 0x0a640123 };
    expect(world({}, false).client.ask({}, request)).toBeNull();
    expect(world({}, true).client.ask({}, request)).toMatchObject({ yiaddr: 0x0a640123 });
  });

  it('renews by ciaddr, and expires exactly at the end of the last lease', () => {
    const { client, timeline, server, leases } = world({ leaseSeconds: 120 });
    const address = client.bind(MAC);
    const boundAt = timeline.now();
    timeline.runUntil(boundAt + 60 * SECOND);
    const renewed = client.ask({ ciaddr: address }, { messageType: dhcp.REQUEST });
    expect(renewed).toMatchObject({ ciaddr: address, yiaddr: address, options: { messageType: dhcp.ACK } });
    timeline.runUntil(boundAt + 179 * SECOND);
    expect(leases.count('bound')).toBe(1);
    timeline.runUntil(boundAt + 181 * SECOND);
    expect(leases.count('bound')).toBe(0);
    expect(server.counters.expired).toBe(1);
  });

  it('never ends an infinite lease', () => {
    const { client, timeline, leases } = world({ leaseSeconds: Number.POSITIVE_INFINITY });
    const address = client.bind(MAC);
    expect(client.ask({ ciaddr: address }, { messageType: dhcp.REQUEST })?.options.leaseTime).toBe(dhcp.INFINITE);
    timeline.runUntil(timeline.now() + 1e6 * SECOND);
    expect(leases.count('bound')).toBe(1);
  });

  it('withdraws an offer that goes to another server, and one that nobody takes', () => {
    const { client, timeline, leases } = world();
    const address = client.discover(MAC)?.yiaddr ?? 0;
    expect(client.select(MAC, 0xc0a80105, 0xc0a80101)).toBeNull();
    expect(leases.count('offered')).toBe(0);
    expect(client.discover(MAC)?.yiaddr).toBe(address);
    timeline.runUntil(timeline.now() + 61 * SECOND);
    expect(leases.count('offered')).toBe(0);
  });

  it('leaves a declined address alone for a while', () => {
    const { client, timeline, leases, server } = world({ last: 0x0a640101 });
    const address = client.bind(MAC);
    client.ask({}, { messageType: dhcp.DECLINE, requestedAddress: address, serverIdentifier: SERVER });
    expect(server.counters.decline).toBe(1);
    expect(leases.count('declined')).toBe(1);
    expect(client.bind(MAC)).toBe(address + 1);
    expect(client.discover(MAC + 1)).toBeNull();
    expect(server.counters.noAddress).toBe(1);
    timeline.runUntil(timeline.now() + 601 * SECOND);
    expect(client.bind(MAC + 1)).toBe(address);
  });

  it('takes a released address for another client only when the pool is dry', () => {
    const { client, leases } = world({ last: 0x0a640101 });
    const address = client.bind(MAC);
    client.ask({ ciaddr: address }, { messageType: dhcp.RELEASE, serverIdentifier: SERVER });
    expect(leases.count('bound')).toBe(0);
    expect(client.bind(MAC + 1)).toBe(address + 1);
    expect(client.bind(MAC + 2)).toBe(address);
    expect(leases.find(MAC)).toBeNull();
  });

  it('answers INFORM without a lease', () => {
    const { client, leases } = world();
    const reply = client.ask({ ciaddr: 0x0a640777 }, { messageType: dhcp.INFORM });
    expect(reply).toMatchObject({ yiaddr: 0, options: { messageType: dhcp.ACK, tftpServers: POOL.tftpServers } });
    expect(reply?.options.leaseTime).toBeUndefined();
    expect(leases.count('bound')).toBe(0);
  });

  it('is deaf while stopped, and has its leases when it comes back', () => {
    const { client, server } = world();
    const address = client.bind(MAC);
    server.stop();
    expect(client.discover(MAC)).toBeNull();
    server.start();
    expect(client.bind(MAC)).toBe(address);
  });

  it('takes garbage without a word', () => {
    const { client, server } = world();
    expect(client.ask({ op: dhcp.BOOTREPLY }, {})).toBeNull();
    expect(client.ask({}, { messageType: 99 })).toBeNull();
    expect(server.counters.malformed).toBe(2);
  });

  it('accounts for 3,000 leases exactly, through a second and third life of each phone', () => {
    const { client, server, leases, timeline } = world({ leaseSeconds: 86_400 });
    const held = new Map<number, number>();
    for (let phone = 0; phone < 3000; phone += 1) held.set(MAC + phone, client.bind(MAC + phone));
    expect(new Set(held.values()).size).toBe(3000);
    expect(leases.count('bound')).toBe(3000);
    expect(server.counters).toMatchObject({ discover: 3000, offer: 3000, request: 3000, ack: 3000, nak: 0 });
    for (const [mac, address] of held) expect(client.bind(mac)).toBe(address);
    expect(server.counters.ack).toBe(6000);
    // A third of them gives its address back; the counts follow one by one.
    let released = 0;
    for (const [mac, address] of held) {
      if (mac % 3 !== 0) continue;
      client.ask({ chaddr: mac, ciaddr: address }, { messageType: dhcp.RELEASE, serverIdentifier: SERVER });
      released += 1;
    }
    expect(leases.count('bound')).toBe(3000 - released);
    expect(leases.count('remembered')).toBe(released);
    timeline.runUntil(timeline.now() + 86_401 * SECOND);
    expect(leases.count('bound')).toBe(0);
    expect(server.counters.expired).toBe(3000 - released);
  });
});
