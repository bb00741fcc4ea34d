/** What the parts of TCP need of each other; `tcp.ts` is all of it. */
import type { Ipv4 } from '../../../hal/nic.ts';
import type { Instant } from '../../../hal/timer.ts';
import type { Segment } from '../../wire/tcp.ts';
import type { TcpGone, TcpListener, TcpSink, TcpSocket } from '../sockets.ts';
import type { Connection } from './connection.ts';
import type { TcpSettings } from './settings.ts';

export interface Listener extends TcpListener {
  readonly port: number;
  readonly accept: (now: Instant, socket: TcpSocket) => TcpSink;
  /** Connections in SYN-RECEIVED. */
  halfOpen: number;
}

export interface TcpContext {
  readonly settings: TcpSettings;
  /** The connection has something to send: the next dispatch looks after it and its deadlines. */
  schedule(connection: Connection): void;
  /** The connection is dead: forgotten at once, its sink hears so with the next dispatch. */
  finish(connection: Connection, why: TcpGone): void;
  /** The connection enters TIME-WAIT: its sink hears that it is closed with the next dispatch. */
  linger(now: Instant, connection: Connection): void;
  /** Answers a segment that belongs to no connection, or to none in this state, with a reset (RFC 9293 3.10.7.1). */
  refuse(now: Instant, local: Ipv4, remote: Ipv4, segment: Segment): void;
  /** Sends a reset with the connection's own next sequence number. */
  sendReset(now: Instant, connection: Connection): void;
}
