import { isMalformed } from '../../firmware/malformed.ts';
import type { Endpoint, TcpGone, TcpSink, TcpSocket, UdpSocket } from '../../firmware/net/sockets.ts';
import { type Message, parse } from '../../firmware/wire/sip/message.ts';
import { MessageStream } from '../../firmware/wire/sip/stream.ts';
import type { Instant } from '../../hal/timer.ts';
import type { Slowness } from '../slowness.ts';

/** Where a phone is heard and answered. */
export interface Peer {
  readonly transport: 'tcp' | 'tls' | 'udp';
  readonly remote: Endpoint;
  /** Common name of the certificate shown over TLS. */
  readonly certifiedName?: string | null;
  send(now: Instant, octets: Uint8Array): void;
}

/** What peers ask of their call manager. */
export interface PeerOwner {
  message(now: Instant, peer: Peer, m: Message): void;
  /** What came is no SIP. */
  garbled(peer: Peer): void;
  gone(now: Instant, peer: TcpPeer, why: TcpGone): void;
  /** False while the call manager plays dead. */
  readonly listening: boolean;
  readonly slowness: Slowness;
}

/** Octets that wait for room in the send buffer; a peer that lets more pile up has stopped reading. */
const MAX_UNSENT = 65_536;

/** One TCP connection. Small: there may be 40,000. */
export class TcpPeer implements Peer, TcpSink {
  readonly transport: 'tcp' | 'tls';
  /** Common name of the certificate shown over TLS; null on a plain connection. */
  readonly certifiedName: string | null;
  readonly #socket: TcpSocket;
  readonly #owner: PeerOwner;
  readonly #stream = new MessageStream();
  #unsent: Uint8Array | null = null;
  #closed = false;
  /** The device that registered over this connection; empty until then. */
  device = '';

  constructor(socket: TcpSocket, owner: PeerOwner, certifiedName: string | null = null) {
    this.transport = certifiedName === null ? 'tcp' : 'tls';
    this.certifiedName = certifiedName;
    this.#socket = socket;
    this.#owner = owner;
  }

  get remote(): Endpoint {
    return this.#socket.remote;
  }

  connected(): void {}

  data(now: Instant, octets: Uint8Array): void {
    const { slowness } = this.#owner;
    if (slowness.none) this.#take(now, octets);
    else slowness.later(now, octets, (at, kept) => this.#take(at, kept));
  }

  #take(now: Instant, octets: Uint8Array): void {
    if (this.#closed || !this.#owner.listening) return;
    const outOfStep = this.#stream.push(octets, (bytes, offset, length) => {
      const m = parse(bytes, offset, length);
      if (isMalformed(m)) this.#owner.garbled(this);
      else this.#owner.message(now, this, m);
      return !this.#closed;
    });
    if (outOfStep === null) return;
    this.#owner.garbled(this);
    this.abort(now);
  }

  ended(now: Instant): void {
    this.close(now);
  }

  writable(now: Instant): void {
    const unsent = this.#unsent;
    this.#unsent = null;
    if (unsent !== null) this.send(now, unsent);
  }

  gone(now: Instant, why: TcpGone): void {
    this.#unsent = null;
    this.#owner.gone(now, this, why);
  }

  /** FIN. */
  close(now: Instant): void {
    this.#closed = true;
    this.#stream.clear();
    this.#socket.close(now);
  }

  /** RST. */
  abort(now: Instant): void {
    this.#closed = true;
    this.#stream.clear();
    this.#unsent = null;
    this.#socket.abort(now);
  }

  send(now: Instant, octets: Uint8Array): void {
    if (this.#closed) return;
    const held = this.#unsent;
    if (held === null) {
      const taken = this.#socket.write(now, octets);
      if (taken < octets.length) this.#unsent = octets.slice(taken);
      return;
    }
    if (held.length + octets.length > MAX_UNSENT) {
      this.abort(now);
      return;
    }
    const longer = new Uint8Array(held.length + octets.length);
    longer.set(held);
    longer.set(octets, held.length);
    this.#unsent = longer;
  }
}

/** Who sent a datagram. Nothing is kept of it. */
export class UdpPeer implements Peer {
  readonly transport = 'udp';
  readonly remote: Endpoint;
  readonly #socket: UdpSocket;

  constructor(socket: UdpSocket, remote: Endpoint) {
    this.#socket = socket;
    this.remote = remote;
  }

  send(now: Instant, octets: Uint8Array): void {
    this.#socket.send(now, this.remote, octets);
  }
}
