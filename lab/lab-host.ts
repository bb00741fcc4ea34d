/**
 * A server machine of the lab: our own stack on a NIC on any wire, driven by the timeline. What it offers upwards is `Sockets`, so that the
 * same servers run here and on the kernel's sockets.
 */
import type {
  ConnectOptions,
  Endpoint,
  Sockets,
  TcpListener,
  TcpSink,
  TcpSocket,
  UdpOptions,
  UdpSendOptions,
  UdpSink,
  UdpSocket,
} from '../firmware/net/sockets.ts';
import { Stack } from '../firmware/net/stack.ts';
import type { TcpSettings } from '../firmware/net/tcp/settings.ts';
import type { Ipv4, Mac } from '../hal/nic.ts';
import type { Rng } from '../hal/rng.ts';
import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Instant, NEVER } from '../hal/timer.ts';
import { WireNic } from '../hal/virtual/nic.ts';
import type { WireEnd } from '../hal/wire-end.ts';

export interface LabHostOptions {
  readonly timeline: Timeline;
  readonly rng: Rng;
  readonly wire: WireEnd;
  readonly mac: Mac;
  readonly address: Ipv4;
  readonly prefixLength: number;
  readonly router?: Ipv4;
  /** Looks at each frame first; true when it took it. A router hangs in here. */
  readonly intercept?: (now: Instant, bytes: Uint8Array, length: number) => boolean;
}

/** A whole site may talk to one server. */
const NEIGHBORS = 131_072;

/** Frames that may wait while the server works: a burst of every phone of a site. */
const RING_SIZE = 65_536;

/** A server takes connection requests of a whole site at once, and forgets closed connections soon. */
const SERVER_TCP: Partial<TcpSettings> = Object.freeze({ backlog: 65_536, timeWaitLimit: 1024 });

export class LabHost implements Sockets {
  readonly stack: Stack;
  readonly nic: WireNic;
  readonly address: Ipv4;
  readonly #timeline: Timeline;
  readonly #alarm: Alarm;
  readonly #intercept: ((now: Instant, bytes: Uint8Array, length: number) => boolean) | null;
  #armedFor: Instant = NEVER;
  #working = false;

  constructor(options: LabHostOptions) {
    this.#timeline = options.timeline;
    this.#intercept = options.intercept ?? null;
    this.address = options.address;
    this.#alarm = options.timeline.createAlarm(() => {
      this.#armedFor = NEVER;
      this.#work(null, 0);
    });
    this.nic = new WireNic({
      mac: options.mac,
      wire: options.wire,
      deliver: (bytes, length) => this.#work(bytes, length),
      linkChanged: () => {},
      busy: () => this.#working,
      ringSize: RING_SIZE,
    });
    this.stack = new Stack({ nic: this.nic, rng: options.rng, neighbors: NEIGHBORS, tcp: SERVER_TCP });
    const now = options.timeline.now();
    this.stack.setVlan(now, { vlan: null, priority: 0 });
    const { address, prefixLength, router } = options;
    this.stack.setAddress(now, { address, prefixLength, routers: router === undefined ? [] : [router] });
  }

  udp(port: number, sink: UdpSink, options?: UdpOptions): UdpSocket | null {
    const socket = this.stack.udp(port, sink, options);
    return socket === null ? null : new WakingUdpSocket(this, socket);
  }

  connect(now: Instant, remote: Endpoint, sink: TcpSink, options?: ConnectOptions): TcpSocket {
    const socket = this.stack.connect(now, remote, sink, options);
    this.wake();
    return new WakingSocket(this, socket);
  }

  listen(port: number, accept: (now: Instant, socket: TcpSocket) => TcpSink): TcpListener | null {
    return this.stack.listen(port, (now, socket) => accept(now, new WakingSocket(this, socket)));
  }

  /** The stack was given work from outside: TCP sends in `dispatch` only, and ARP asks again there. */
  wake(): void {
    if (!this.#working) this.#arm(this.#timeline.now());
  }

  #work(bytes: Uint8Array | null, length: number): void {
    const now = this.#timeline.now();
    this.#working = true;
    try {
      if (bytes !== null && this.#intercept?.(now, bytes, length) !== true) this.stack.process(now, bytes, length);
      this.stack.dispatch(now);
    } finally {
      this.#working = false;
    }
    this.#arm(this.stack.pollAt());
    this.nic.drain();
  }

  /** An alarm that comes too early is harmless, and cheaper than moving it for each segment of thousands of connections. */
  #arm(at: Instant): void {
    if (at >= this.#armedFor) return;
    this.#armedFor = at;
    this.#alarm.arm(at);
  }
}

/** Between frames too a datagram may have to wait for ARP. */
class WakingUdpSocket implements UdpSocket {
  readonly #host: LabHost;
  readonly #socket: UdpSocket;

  constructor(host: LabHost, socket: UdpSocket) {
    this.#host = host;
    this.#socket = socket;
  }

  get port(): number {
    return this.#socket.port;
  }

  send(now: Instant, to: Endpoint, payload: Uint8Array, options?: UdpSendOptions): void {
    this.#socket.send(now, to, payload, options);
    this.#host.wake();
  }

  close(): void {
    this.#socket.close();
  }
}

/** A connection that wakes its host when a server writes to it between frames. */
class WakingSocket implements TcpSocket {
  readonly #host: LabHost;
  readonly #socket: TcpSocket;

  constructor(host: LabHost, socket: TcpSocket) {
    this.#host = host;
    this.#socket = socket;
  }

  get local(): Endpoint {
    return this.#socket.local;
  }

  get remote(): Endpoint {
    return this.#socket.remote;
  }

  write(now: Instant, octets: Uint8Array): number {
    const taken = this.#socket.write(now, octets);
    this.#host.wake();
    return taken;
  }

  close(now: Instant): void {
    this.#socket.close(now);
    this.#host.wake();
  }

  abort(now: Instant): void {
    this.#socket.abort(now);
    this.#host.wake();
  }
}
