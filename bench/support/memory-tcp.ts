import type {
  Endpoint,
  Sockets,
  TcpGone,
  TcpListener,
  TcpSink,
  TcpSocket,
  UdpSocket,
} from '../../firmware/net/sockets.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import type { Alarm, Timeline } from '../../hal/timeline.ts';
import { type Duration, type Instant, NEVER } from '../../hal/timer.ts';

interface Delivery {
  readonly at: Instant;
  readonly deliver: (now: Instant) => void;
}

/**
 * One host's TCP listeners without a wire, for tests and benches: octets arrive after a fixed delay, nothing is lost, and a send buffer
 * can be made small. Only for parts above the sockets: our own TCP is tested elsewhere.
 */
export class MemoryTcp implements Sockets {
  readonly address: Ipv4;
  /** Octets that a socket takes before its peer has got them. */
  sendBuffer = Number.POSITIVE_INFINITY;
  readonly #timeline: Timeline;
  readonly #delay: Duration;
  readonly #alarm: Alarm;
  readonly #queue: Delivery[] = [];
  readonly #listeners = new Map<number, (now: Instant, socket: TcpSocket) => TcpSink>();
  #nextPort = 0;

  constructor(timeline: Timeline, address: Ipv4, delay: Duration) {
    this.#timeline = timeline;
    this.address = address;
    this.#delay = delay;
    this.#alarm = timeline.createAlarm(() => this.#deliver());
  }

  udp(): UdpSocket | null {
    return null;
  }

  listen(port: number, accept: (now: Instant, socket: TcpSocket) => TcpSink): TcpListener | null {
    if (this.#listeners.has(port)) return null;
    this.#listeners.set(port, accept);
    return { close: () => void this.#listeners.delete(port) };
  }

  connect(_now: Instant, remote: Endpoint, sink: TcpSink): TcpSocket {
    return this.connectFrom(0x0a00_0005, remote.port, sink);
  }

  /** Connects a station of the given address to a listener here. */
  connectFrom(address: Ipv4, port: number, sink: TcpSink): TcpSocket {
    const near = { address, port: 49_152 + (this.#nextPort++ % 16_384) };
    const far = { address: this.address, port };
    const client = new MemorySocket(this, near, far);
    const server = new MemorySocket(this, far, near);
    client.peer = server;
    server.peer = client;
    client.sink = sink;
    this.later((now) => {
      const accept = this.#listeners.get(port);
      if (accept === undefined) {
        client.die(now, 'refused');
        return;
      }
      server.sink = accept(now, server);
      this.later((then) => client.sink?.connected(then));
    });
    return client;
  }

  later(deliver: (now: Instant) => void): void {
    const at = this.#timeline.now() + this.#delay;
    this.#queue.push({ at, deliver });
    if (this.#queue.length === 1) this.#alarm.arm(at);
  }

  #deliver(): void {
    const now = this.#timeline.now();
    let due = 0;
    while (due < this.#queue.length && this.#queue[due]!.at <= now) this.#queue[due++]!.deliver(now);
    this.#queue.splice(0, due);
    this.#alarm.arm(this.#queue[0]?.at ?? NEVER);
  }
}

class MemorySocket implements TcpSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly #network: MemoryTcp;
  peer: MemorySocket | null = null;
  sink: TcpSink | null = null;
  #inFlight = 0;
  #finSent = false;
  #finHeard = false;
  #dead = false;

  constructor(network: MemoryTcp, local: Endpoint, remote: Endpoint) {
    this.#network = network;
    this.local = local;
    this.remote = remote;
  }

  write(_now: Instant, octets: Uint8Array): number {
    if (this.#dead || this.#finSent) return 0;
    const taken = Math.min(octets.length, this.#network.sendBuffer - this.#inFlight);
    if (taken <= 0) return 0;
    const copy = octets.slice(0, taken);
    this.#inFlight += taken;
    this.#network.later((now) => {
      this.#inFlight -= taken;
      const peer = this.peer!;
      if (!peer.#dead) peer.sink?.data(now, copy);
      if (taken < octets.length && !this.#dead) this.sink?.writable(now);
    });
    return taken;
  }

  close(_now: Instant): void {
    if (this.#dead || this.#finSent) return;
    this.#finSent = true;
    this.#network.later((now) => {
      const peer = this.peer!;
      if (peer.#dead) return;
      peer.#finHeard = true;
      peer.sink?.ended(now);
      peer.#finish(now);
      this.#finish(now);
    });
  }

  abort(now: Instant): void {
    if (this.#dead) return;
    this.die(now, 'aborted');
    this.#network.later((then) => this.peer!.die(then, 'reset'));
  }

  #finish(now: Instant): void {
    if (this.#finSent && this.#finHeard) this.die(now, 'closed');
  }

  die(now: Instant, why: TcpGone): void {
    if (this.#dead) return;
    this.#dead = true;
    const sink = this.sink;
    this.sink = null;
    sink?.gone(now, why);
  }
}
