/** A wire through UDP: one Ethernet frame a datagram, as QEMU's `-netdev dgram` speaks it. `udp:LOCAL:PORT,REMOTE:PORT`. */
import { createSocket, type Socket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import type { LinkState } from '../nic.ts';
import type { WireEnd, WireReceiver } from '../wire-end.ts';

export interface UdpWireAddress {
  readonly host: string;
  readonly port: number;
}

export interface UdpWireOptions {
  readonly local: UdpWireAddress;
  readonly remote: UdpWireAddress;
}

/** What a datagram says about itself: the tunnel has no speed of its own. */
const UP: LinkState = { up: true, speed: 1_000, fullDuplex: true };
const DOWN: LinkState = { up: false, speed: 0, fullDuplex: false };

/** Reads what stands behind `udp:`. Returns a sentence when it is none: `127.0.0.1:5000,127.0.0.1:5001` or `[::1]:5000,[::1]:5001`. */
export function parseUdpWire(text: string): UdpWireOptions | string {
  const [local, remote, ...rest] = text.split(',').map(parseAddress);
  if (local == null || remote == null || rest.length > 0) {
    return `"udp:${text}" is not udp:LOCAL:PORT,REMOTE:PORT with addresses such as 127.0.0.1:5000`;
  }
  if (isIPv6(local.host) !== isIPv6(remote.host)) return `"udp:${text}" mixes IPv4 and IPv6`;
  return { local, remote };
}

function parseAddress(text: string): UdpWireAddress | null {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  return isIP(host) !== 0 && port > 0 && port <= 0xffff ? { host, port } : null;
}

/** Nothing of this machine's network is touched. */
export function isLoopback({ local, remote }: UdpWireOptions): boolean {
  return [local, remote].every(({ host }) => host === '::1' || host.startsWith('127.'));
}

export class UdpWire implements WireEnd {
  readonly #socket: Socket;
  #receiver: WireReceiver | null = null;
  #link = UP;
  #closed = false;

  /** Resolves when the socket is bound. Rejects with Node's error when the local address cannot be had. */
  static open(options: UdpWireOptions): Promise<UdpWire> {
    const { local, remote } = options;
    const socket = createSocket({ type: isIPv6(local.host) ? 'udp6' : 'udp4' });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(local.port, local.host, () => {
        // Connected, so that only the peer is heard: whoever else finds the port is not plugged into this wire.
        socket.connect(remote.port, remote.host, () => {
          socket.off('error', reject);
          // Nobody is there yet: the datagram is lost, as on a cable without a peer.
          socket.on('error', () => {});
          resolve(new UdpWire(socket));
        });
      });
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', ({ buffer, byteOffset, length }) => {
      // Not the Buffer itself: its `slice` is no copy, and those who keep octets rely on that.
      this.#receiver?.frame(new Uint8Array(buffer, byteOffset, length), length);
    });
  }

  transmit(bytes: Uint8Array, length: number): void {
    if (this.#closed) return;
    // A copy: the socket sends later.
    this.#socket.send(bytes.slice(0, length), () => {});
  }

  attach(receiver: WireReceiver): void {
    this.#receiver = receiver;
    receiver.link(this.#link);
  }

  link(): LinkState {
    return this.#link;
  }

  /** Resolves when the port is free again. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#receiver = null;
    this.#link = DOWN;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}
