/**
 * What the host stack offers above itself. Types only: the phone's stack implements them over the NIC (`stack.ts`), and
 * the lab has a second implementation over the kernel's sockets, so that its servers run on either.
 *
 * A sink is called from within the stack's `process` or `dispatch`, runs to completion, and may call any socket.
 * Octets handed to a sink are valid until it returns.
 */
import type { Ipv4, Mac } from '../../hal/nic.ts';
import type { Instant } from '../../hal/timer.ts';

export interface Endpoint {
  readonly address: Ipv4;
  readonly port: number;
}

export type UdpSink = (now: Instant, payload: Uint8Array, from: Endpoint, to: Ipv4) => void;

/** What is written into the frames of a socket: DSCP (RFC 2474), 0 to 63, and 802.1p priority, 0 to 7. */
export interface Mark {
  readonly dscp: number;
  readonly priority: number;
}

export interface UdpOptions {
  /**
   * DHCP's socket (RFC 2131 4.1): it sends from 0.0.0.0 while there is no address and gets whatever unicast frame reaches the
   * own MAC, whatever its IP destination.
   */
  readonly unconfigured?: boolean;
  readonly mark?: Mark;
  /** ICMP says that a datagram sent to `to` was not delivered; a repeated call for the same cause is possible. */
  readonly unreachable?: (now: Instant, to: Endpoint) => void;
}

export interface UdpSendOptions {
  /** Source address instead of the own one. */
  readonly source?: Ipv4;
  /** Station to send to without asking ARP: a DHCP server answers a client that cannot be asked yet (RFC 2131 4.1). */
  readonly station?: Mac;
}

export interface UdpSocket {
  readonly port: number;
  /** `to.address` may be 255.255.255.255. Copied before it returns. */
  send(now: Instant, to: Endpoint, payload: Uint8Array, options?: UdpSendOptions): void;
  close(): void;
}

/**
 * Why a TCP connection is gone. `closed`: both sides said FIN. `timeout`: the peer did not answer (connect or user timeout). `unreachable`:
 * ICMP said so, or no route, or ARP found nobody. `aborted`: we did it, or the address was lost.
 */
export type TcpGone = 'closed' | 'reset' | 'refused' | 'timeout' | 'unreachable' | 'aborted';

export interface TcpSink {
  /** The connection that `connect` asked for is open. Not called for an accepted one, which is open from the start. */
  connected(now: Instant): void;
  data(now: Instant, octets: Uint8Array): void;
  /** The peer sent FIN: no more data comes. The socket can still write; `close` it to finish. */
  ended(now: Instant): void;
  /** Room in the send buffer again after a short `write`. */
  writable(now: Instant): void;
  /** The last call: the socket is dead. */
  gone(now: Instant, why: TcpGone): void;
}

export interface TcpSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Queues octets and returns how many were taken; fewer than given when the send buffer is full. */
  write(now: Instant, octets: Uint8Array): number;
  /** FIN after what is queued. */
  close(now: Instant): void;
  /** RST at once. */
  abort(now: Instant): void;
}

export interface ConnectOptions {
  readonly localPort?: number;
  /** Gives up when no SYN-ACK came within this many microseconds. */
  readonly connectTimeout?: number;
  /** RFC 5482: gives up when written data stays unacknowledged for this long. */
  readonly userTimeout?: number;
  /** After so much silence the peer is asked whether it is still there (RFC 9293 3.8.4), and given up after the user timeout; 0 and absent: never. */
  readonly keepAlive?: number;
  readonly mark?: Mark;
}

export interface TcpListener {
  close(now: Instant): void;
}

export interface Sockets {
  /** `port` 0 takes an ephemeral one. Null when the port is taken. */
  udp(port: number, sink: UdpSink, options?: UdpOptions): UdpSocket | null;
  connect(now: Instant, remote: Endpoint, sink: TcpSink, options?: ConnectOptions): TcpSocket;
  /** `accept` is called for each connection that reached ESTABLISHED and returns its sink. Null when the port is taken. */
  listen(port: number, accept: (now: Instant, socket: TcpSocket) => TcpSink): TcpListener | null;
}
