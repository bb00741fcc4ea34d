/**
 * UDP without a wire: hosts that hand datagrams to each other, after a fixed delay on the timeline. For tests of servers, and for nothing else:
 * no loss, no ARP, no TCP.
 */
import type { Endpoint, Sockets, TcpListener, TcpSocket, UdpSink, UdpSocket } from '../../firmware/net/sockets.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import type { Timeline } from '../../hal/timeline.ts';
import { type Duration, type Instant, MILLISECOND } from '../../hal/timer.ts';

const DELAY: Duration = MILLISECOND;
const FIRST_EPHEMERAL = 49_152;
const BROADCAST: Ipv4 = 0xffff_ffff;

export class DirectNetwork {
  readonly timeline: Timeline;
  readonly hosts: DirectSockets[] = [];

  constructor(timeline: Timeline) {
    this.timeline = timeline;
  }

  /** A host; without an address it hears everything, as a DHCP client hears what is sent to its station. */
  host(address: Ipv4 | null): DirectSockets {
    const host = new DirectSockets(this, address);
    this.hosts.push(host);
    return host;
  }

  deliver(from: DirectSockets, fromPort: number, to: Endpoint, payload: Uint8Array, ownAddress: Ipv4): void {
    const copy = Uint8Array.from(payload);
    const alarm = this.timeline.createAlarm(() => {
      for (const host of this.hosts) {
        if (host === from) continue;
        if (host.address !== null && to.address !== host.address && to.address !== BROADCAST) continue;
        host.receive(this.timeline.now(), to.port, copy, { address: ownAddress, port: fromPort });
      }
    });
    alarm.arm(this.timeline.now() + DELAY);
  }
}

export class DirectSockets implements Sockets {
  readonly address: Ipv4 | null;
  readonly #network: DirectNetwork;
  readonly #sinks = new Map<number, UdpSink>();
  #nextPort = FIRST_EPHEMERAL;

  constructor(network: DirectNetwork, address: Ipv4 | null) {
    this.#network = network;
    this.address = address;
  }

  receive(now: Instant, port: number, payload: Uint8Array, from: Endpoint): void {
    this.#sinks.get(port)?.(now, payload, from, this.address ?? 0);
  }

  udp(port: number, sink: UdpSink): UdpSocket | null {
    let own = port;
    if (port === 0) own = this.#nextPort++;
    if (this.#sinks.has(own)) return null;
    this.#sinks.set(own, sink);
    return {
      port: own,
      send: (_now, to, payload) => this.#network.deliver(this, own, to, payload, this.address ?? 0),
      close: () => this.#sinks.delete(own),
    };
  }

  connect(): TcpSocket {
    throw new Error('no TCP here');
  }

  listen(): TcpListener | null {
    throw new Error('no TCP here');
  }
}
