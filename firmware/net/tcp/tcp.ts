/** TCP (RFC 9293): connections, listeners, and whose turn it is to send. */
import type { Ipv4 } from '../../../hal/nic.ts';
import type { Rng } from '../../../hal/rng.ts';
import { type Instant, NEVER } from '../../../hal/timer.ts';
import { isMalformed } from '../../malformed.ts';
import { type Quotation, UNREACHABLE } from '../../wire/icmp.ts';
import * as ipv4 from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import type { Drops } from '../counters.ts';
import { DueHeap } from '../due-heap.ts';
import { chooseEphemeralPort } from '../ephemeral-port.ts';
import type { Ipv4Layer } from '../ipv4.ts';
import { MARKS } from '../marking.ts';
import type { ConnectOptions, Endpoint, Mark, TcpGone, TcpListener, TcpSink, TcpSocket } from '../sockets.ts';
import { Connection } from './connection.ts';
import { ConnectionTable } from './connection-table.ts';
import type { Listener, TcpContext } from './context.ts';
import { arrive, learnSyn } from './input.ts';
import { Output } from './output.ts';
import { ahead, plus, type Sequence } from './sequence.ts';
import { MINIMUM_MSS, type TcpSettings } from './settings.ts';
import { earliest, expire } from './timeouts.ts';

const { fin: FIN, syn: SYN, rst: RST, ack: ACK } = tcp.FLAG;
/** What a router means that sends "fragmentation needed" without a size (RFC 1191 section 5: the next plateau is 576). */
const FALLBACK_MTU = 576;

export class Tcp implements TcpContext {
  readonly settings: TcpSettings;
  /** Of connections that name none. */
  defaultMark: Mark = MARKS.signalling;
  readonly #network: Ipv4Layer;
  readonly #rng: Rng;
  readonly #drops: Drops;
  readonly #output: Output;
  readonly #connections: ConnectionTable;
  /** Null while nobody listens. */
  #listeners: Map<number, Listener> | null = null;
  readonly #deadlines = new DueHeap<Connection>();
  /** In the order in which they entered TIME-WAIT; null before the first. */
  #lingering: Set<Connection> | null = null;
  #scheduled: Connection[] = [];
  #departed: Connection[] = [];
  readonly #segment = tcp.blank();

  constructor(network: Ipv4Layer, rng: Rng, drops: Drops, settings: TcpSettings) {
    this.settings = settings;
    this.#network = network;
    this.#rng = rng;
    this.#drops = drops;
    this.#output = new Output(network, settings.receiveWindow);
    this.#connections = new ConnectionTable(rng.u32());
  }

  /** Connections in any state, TIME-WAIT included. */
  get size(): number {
    return this.#connections.size;
  }

  connect(now: Instant, remote: Endpoint, sink: TcpSink, options: ConnectOptions): TcpSocket {
    const isFree = (port: number): boolean =>
      this.#connections.find(port, remote.address, remote.port) === null && !this.#isListening(port);
    const port = options.localPort ?? chooseEphemeralPort(this.#rng, isFree) ?? 0;
    const connection = this.#create(now, port, remote, sink, options);
    if (port === 0 || this.#connections.find(port, remote.address, remote.port) !== null) {
      connection.enter('CLOSED');
      connection.why = 'aborted';
      this.#departed.push(connection);
      return connection;
    }
    this.#connections.add(connection);
    connection.giveUpAt = now + (options.connectTimeout ?? this.settings.connectTimeout);
    this.schedule(connection);
    return connection;
  }

  listen(port: number, accept: (now: Instant, socket: TcpSocket) => TcpSink): TcpListener | null {
    if (this.#isListening(port)) return null;
    const listener: Listener = { port, accept, halfOpen: 0, close: (now) => this.#closeListener(now, listener) };
    this.#listeners ??= new Map();
    this.#listeners.set(port, listener);
    return listener;
  }

  /** A unicast packet for us. */
  receive(now: Instant, packet: ipv4.Packet, bytes: Uint8Array): void {
    const segment = tcp.parse(bytes, packet.payloadOffset, packet.payloadLength, this.#segment);
    if (isMalformed(segment)) {
      this.#drops.malformed++;
      return;
    }
    if (!tcp.isIntact(bytes, packet.payloadOffset, packet.payloadLength, packet.source, packet.destination)) {
      this.#drops['bad-checksum']++;
      return;
    }
    const connection = this.#connections.find(segment.destinationPort, packet.source, segment.sourcePort);
    if (connection === null || this.#isReincarnation(connection, segment)) {
      this.#receiveListening(now, packet, segment, connection);
      return;
    }
    arrive(this, now, connection, segment, bytes);
    this.schedule(connection);
  }

  /** RFC 9293 3.9.2.2 and RFC 5927: only what concerns a segment in flight is believed. */
  unreachable(code: number, nextHopMtu: number, quotation: Quotation): void {
    const { packet, sourcePort, destinationPort } = quotation;
    const connection = this.#connections.find(sourcePort, packet.destination, destinationPort);
    if (connection === null) return;
    const sequence = quotation.sequence | 0;
    if (ahead(sequence, connection.sndUna) < 0 || ahead(sequence, connection.sndMax) >= 0) return;
    if (code === UNREACHABLE.fragmentationNeeded) {
      const mss = (nextHopMtu || FALLBACK_MTU) - ipv4.HEADER_LENGTH - tcp.HEADER_LENGTH;
      if (mss >= connection.mss) return;
      connection.mss = Math.max(mss, MINIMUM_MSS);
      connection.timedAt = NEVER;
      connection.sndNxt = connection.sndUna;
      this.schedule(connection);
    } else if (!connection.isSynchronized && isHard(code)) {
      this.finish(connection, 'unreachable');
    } else {
      connection.softError = true;
    }
  }

  /** ARP found nobody at `nextHop`. */
  neighborFailed(nextHop: Ipv4): void {
    for (const connection of this.#connections) {
      if (this.#network.nextHop(connection.remoteAddress) === nextHop) connection.softError = true;
    }
  }

  /** Ends every connection without a word on the wire: the address they were bound to is no longer ours. */
  abortAll(): void {
    for (const connection of [...this.#connections]) this.finish(connection, 'aborted');
  }

  dispatch(now: Instant): void {
    for (let due = this.#deadlines.take(now); due !== null; due = this.#deadlines.take(now)) {
      expire(this, this.#output, now, due);
      this.schedule(due);
    }
    while (this.#scheduled.length > 0 || this.#departed.length > 0) {
      const scheduled = this.#scheduled;
      if (scheduled.length > 0) this.#scheduled = [];
      for (const connection of scheduled) this.#serve(now, connection);
      const departed = this.#departed;
      if (departed.length > 0) this.#departed = [];
      for (const connection of departed) {
        const { sink } = connection;
        connection.sink = null;
        sink?.gone(now, connection.why!);
      }
    }
  }

  pollAt(): Instant {
    return this.#scheduled.length > 0 || this.#departed.length > 0 ? 0 : this.#deadlines.earliest();
  }

  schedule(connection: Connection): void {
    if (connection.scheduled || connection.state === 'CLOSED') return;
    connection.scheduled = true;
    this.#scheduled.push(connection);
  }

  finish(connection: Connection, why: TcpGone): void {
    if (connection.state === 'CLOSED') return;
    if (connection.state === 'SYN-RECEIVED' && connection.listener !== null) connection.listener.halfOpen--;
    connection.enter('CLOSED');
    this.#connections.remove(connection);
    this.#lingering?.delete(connection);
    this.#deadlines.set(connection, NEVER);
    connection.queue = null;
    connection.held = null;
    this.#depart(connection, why);
  }

  linger(now: Instant, connection: Connection): void {
    connection.enter('TIME-WAIT');
    connection.retransmitAt = NEVER;
    connection.giveUpAt = now + this.settings.timeWait;
    this.#depart(connection, 'closed');
    this.#lingering ??= new Set();
    this.#lingering.add(connection);
    if (this.#lingering.size > this.settings.timeWaitLimit) {
      const [oldest] = this.#lingering;
      this.finish(oldest!, 'closed');
    }
  }

  sendReset(now: Instant, connection: Connection): void {
    this.#output.sendReset(now, connection);
  }

  refuse(now: Instant, local: Ipv4, remote: Ipv4, segment: tcp.Segment): void {
    this.#output.refuse(now, local, remote, segment);
  }

  #isListening(port: number): boolean {
    return this.#listeners?.has(port) === true;
  }

  #depart(connection: Connection, why: TcpGone): void {
    if (connection.why !== null) return;
    connection.why = why;
    this.#departed.push(connection);
  }

  #serve(now: Instant, connection: Connection): void {
    connection.scheduled = false;
    if (connection.state === 'CLOSED') return;
    if (!this.#output.sendDue(now, connection)) this.finish(connection, 'unreachable');
    else this.#deadlines.set(connection, earliest(connection));
  }

  /** RFC 9293 3.10.7.2, and 3.10.7.1 where nobody listens. @param previous the tuple's connection in TIME-WAIT. */
  #receiveListening(now: Instant, packet: ipv4.Packet, segment: tcp.Segment, previous: Connection | null): void {
    const listener = this.#listeners?.get(segment.destinationPort);
    if (listener === undefined || (segment.flags & (SYN | ACK | RST | FIN)) !== SYN) {
      this.#drops['no-socket']++;
      this.#output.refuse(now, packet.destination, packet.source, segment);
      return;
    }
    if (listener.halfOpen >= this.settings.backlog) {
      this.#drops['backlog-full']++;
      return;
    }
    if (previous !== null) this.finish(previous, 'closed');
    const remote = { address: packet.source, port: segment.sourcePort };
    const connection = this.#create(now, listener.port, remote, listener, {});
    // RFC 6191: the new numbers begin beyond the old ones.
    if (previous !== null) {
      connection.sndUna = connection.sndNxt = connection.sndMax = plus(previous.sndMax, this.settings.sendBuffer);
    }
    listener.halfOpen++;
    learnSyn(connection, segment);
    connection.giveUpAt = now + this.settings.connectTimeout;
    this.#connections.add(connection);
    this.schedule(connection);
  }

  /** A new connection with the tuple of one in TIME-WAIT (RFC 9293 3.10.7.4, RFC 1122 4.2.2.13). */
  #isReincarnation(connection: Connection, segment: tcp.Segment): boolean {
    return (
      connection.state === 'TIME-WAIT' &&
      (segment.flags & (SYN | ACK | RST)) === SYN &&
      ahead(segment.sequence | 0, connection.rcvNxt) > 0 &&
      this.#isListening(segment.destinationPort)
    );
  }

  #create(
    now: Instant,
    port: number,
    remote: Endpoint,
    peer: TcpSink | Listener,
    { mark = this.defaultMark, userTimeout = this.settings.userTimeout, keepAlive = 0 }: ConnectOptions,
  ): Connection {
    const local = { address: this.#network.address, port };
    const initialSequence = this.#initialSequence(now, port, remote);
    return new Connection(this, local, remote, { mark, userTimeout, keepAlive, initialSequence, peer });
  }

  /** RFC 6528: a clock of 4 microseconds, offset by a secret function of the tuple (a seeded hash, not the RFC's MD5). */
  #initialSequence(now: Instant, port: number, remote: Endpoint): Sequence {
    return (Math.floor(now / 4) + this.#connections.hash(port, remote.address, remote.port)) | 0;
  }

  #closeListener(now: Instant, listener: Listener): void {
    if (this.#listeners?.get(listener.port) !== listener) return;
    this.#listeners.delete(listener.port);
    for (const connection of [...this.#connections]) {
      if (connection.listener !== listener || connection.state !== 'SYN-RECEIVED') continue;
      this.#output.sendReset(now, connection);
      this.finish(connection, 'aborted');
    }
  }
}

/** Protocol and port unreachable will not pass by themselves; the other codes may (RFC 9293 3.9.2.2). */
function isHard(code: number): boolean {
  return code === UNREACHABLE.protocol || code === UNREACHABLE.port;
}
