/**
 * The `Sockets` contract over the kernel's own UDP and TCP, so that the lab's servers run on a real machine's addresses without a stack of their
 * own. Differences that the kernel forces:
 *  - a port that is taken shows only when the bind completes: `udp` and `listen` then return a socket, and `failed` is called;
 *  - marks (DSCP, 802.1p), `unconfigured` and `station` have no counterpart in Node: a DHCP reply to a client without an address
 *    is broadcast instead, which RFC 2131 section 4.1 allows;
 *  - the RFC 5482 user timeout is the kernel's own.
 */
import dgram from 'node:dgram';
import net from 'node:net';
import type {
  ConnectOptions,
  Endpoint,
  Sockets,
  TcpGone,
  TcpListener,
  TcpSink,
  TcpSocket,
  UdpOptions,
  UdpSendOptions,
  UdpSink,
  UdpSocket,
} from '../firmware/net/sockets.ts';
import { ipv4Text, parseIpv4 } from '../firmware/wire/address.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { Instant } from '../hal/timer.ts';

export interface KernelSocketsOptions {
  /** Gives the instants; nothing is armed on it except connect timeouts. */
  readonly timeline: Timeline;
  /** Local address to bind to; 0 for all. */
  readonly address?: Ipv4;
  /** A port could not be had, or a socket broke. */
  readonly failed?: (what: string, error: Error) => void;
}

/** Octets that a TCP socket queues in the process before `write` takes no more. */
const SEND_BUFFER = 65_536;

const BROADCAST: Ipv4 = 0xffff_ffff;

export class KernelSockets implements Sockets {
  readonly #timeline: Timeline;
  readonly #address: Ipv4;
  readonly #failed: (what: string, error: Error) => void;
  readonly #pending = new Set<Promise<void>>();
  readonly #open = new Set<{ destroy(): void }>();

  constructor(options: KernelSocketsOptions) {
    this.#timeline = options.timeline;
    this.#address = options.address ?? 0;
    this.#failed = options.failed ?? (() => {});
  }

  /** Resolves when every bind asked for so far has succeeded or failed. */
  async ready(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** Closes everything at once. */
  destroy(): void {
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  udp(port: number, sink: UdpSink, options: UdpOptions = {}): UdpSocket {
    const socket = dgram.createSocket({ type: 'udp4', reuseAddr: false, lookup: literally });
    const entry = { destroy: () => socket.close() };
    this.#open.add(entry);
    let closed = false;
    // A datagram sent before the bind completed waits for it.
    const waiting: (() => void)[] = [];
    let bound = false;
    // Before the bind, which may fail at once.
    socket.on('error', (error) => this.#failed(`udp ${port}`, error));
    this.#await(
      new Promise((resolve) => {
        socket.once('error', () => resolve());
        socket.bind({ port, address: this.#bindAddress(), exclusive: true }, () => {
          socket.setBroadcast(true);
          bound = true;
          for (const send of waiting.splice(0)) send();
          resolve();
        });
      }),
    );
    socket.on('message', (message, from) => {
      const address = parseIpv4(from.address);
      if (address !== null) sink(this.#timeline.now(), message, { address, port: from.port }, this.#address);
    });
    return {
      get port() {
        return bound && !closed ? socket.address().port : port;
      },
      send: (now: Instant, to: Endpoint, payload: Uint8Array, sendOptions?: UdpSendOptions) => {
        const copy = payload.slice();
        const target = sendOptions?.station === undefined ? to.address : BROADCAST;
        const send = () => {
          if (closed) return;
          socket.send(copy, to.port, ipv4Text(target), (error) => {
            if (error !== null && error !== undefined) options.unreachable?.(Math.max(now, this.#timeline.now()), to);
          });
        };
        if (bound) send();
        else waiting.push(send);
      },
      close: () => {
        if (closed) return;
        closed = true;
        this.#open.delete(entry);
        socket.close();
      },
    };
  }

  connect(now: Instant, remote: Endpoint, sink: TcpSink, options: ConnectOptions = {}): TcpSocket {
    const socket = net.connect({
      host: ipv4Text(remote.address),
      port: remote.port,
      allowHalfOpen: true,
      ...(this.#address === 0 ? {} : { localAddress: ipv4Text(this.#address) }),
      ...(options.localPort === undefined ? {} : { localPort: options.localPort }),
    });
    const connection = new KernelTcpSocket(this.#timeline, socket, remote, this.#open);
    if (options.connectTimeout !== undefined) connection.giveUpAt(now + options.connectTimeout);
    connection.setSink(sink);
    return connection;
  }

  listen(port: number, accept: (now: Instant, socket: TcpSocket) => TcpSink): TcpListener {
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const address = parseIpv4(socket.remoteAddress ?? '');
      if (address === null) {
        socket.destroy();
        return;
      }
      const remote = { address, port: socket.remotePort ?? 0 };
      const connection = new KernelTcpSocket(this.#timeline, socket, remote, this.#open);
      connection.setSink(accept(this.#timeline.now(), connection));
    });
    const entry = { destroy: () => server.close() };
    this.#open.add(entry);
    this.#await(
      new Promise((resolve) => {
        server.once('error', () => resolve());
        server.listen({ port, host: this.#bindAddress() }, resolve);
      }),
    );
    server.on('error', (error) => this.#failed(`tcp ${port}`, error));
    return {
      close: () => {
        this.#open.delete(entry);
        server.close();
      },
    };
  }

  #bindAddress(): string {
    return this.#address === 0 ? '0.0.0.0' : ipv4Text(this.#address);
  }

  #await(pending: Promise<void>): void {
    this.#pending.add(pending);
    pending.then(() => this.#pending.delete(pending));
  }
}

/** Node looks up even addresses, in a later turn of its loop: here there is never anything to look up. */
function literally(address: string, _options: unknown, found: (error: null, address: string, family: number) => void) {
  found(null, address, 4);
}

class KernelTcpSocket implements TcpSocket {
  readonly remote: Endpoint;
  readonly #timeline: Timeline;
  readonly #socket: net.Socket;
  #sink: TcpSink | null = null;
  #why: TcpGone | null = null;
  #peerEnded = false;

  constructor(timeline: Timeline, socket: net.Socket, remote: Endpoint, open: Set<{ destroy(): void }>) {
    this.#timeline = timeline;
    this.#socket = socket;
    this.remote = remote;
    open.add(socket);
    socket.setNoDelay(true);
    socket.on('connect', () => this.#sink?.connected(timeline.now()));
    socket.on('data', (octets) => this.#sink?.data(timeline.now(), octets as Uint8Array));
    socket.on('end', () => {
      this.#peerEnded = true;
      this.#sink?.ended(timeline.now());
    });
    socket.on('drain', () => this.#sink?.writable(timeline.now()));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#why ??= CAUSES[error.code ?? ''] ?? 'reset';
    });
    socket.on('close', () => {
      open.delete(socket);
      this.#sink?.gone(timeline.now(), this.#why ?? (this.#peerEnded ? 'closed' : 'aborted'));
      this.#sink = null;
    });
  }

  get local(): Endpoint {
    return { address: parseIpv4(this.#socket.localAddress ?? '') ?? 0, port: this.#socket.localPort ?? 0 };
  }

  setSink(sink: TcpSink): void {
    this.#sink = sink;
  }

  giveUpAt(at: Instant): void {
    const alarm = this.#timeline.createAlarm(() => {
      if (!this.#socket.connecting) return;
      this.#why = 'timeout';
      this.#socket.destroy();
    });
    alarm.arm(at);
  }

  write(_now: Instant, octets: Uint8Array): number {
    if (this.#socket.destroyed || this.#socket.writableEnded) return 0;
    const count = Math.min(octets.length, Math.max(0, SEND_BUFFER - this.#socket.writableLength));
    if (count > 0) this.#socket.write(Uint8Array.from(octets.subarray(0, count)));
    return count;
  }

  close(_now: Instant): void {
    this.#socket.end();
  }

  abort(_now: Instant): void {
    this.#why ??= 'aborted';
    this.#socket.resetAndDestroy();
  }
}

const CAUSES: Readonly<Record<string, TcpGone>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timeout',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
};
