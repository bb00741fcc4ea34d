/**
 * A connection: the transmission control block of RFC 9293 3.3.1, and what its owner sees of it as a socket. What happens to it stands in
 * `input.ts` (segments), `output.ts` (sending), `timeouts.ts`; all states are set by `enter`.
 *
 * Lean on purpose, since a call manager holds forty thousand: numbers, and lists only while there is something in them.
 */
import type { Ipv4 } from '../../../hal/nic.ts';
import { type Duration, type Instant, NEVER } from '../../../hal/timer.ts';
import type { Due } from '../due-heap.ts';
import type { Endpoint, Mark, TcpGone, TcpSink, TcpSocket } from '../sockets.ts';
import type { Listener, TcpContext } from './context.ts';
import type { Held } from './reassembly.ts';
import { SendQueue } from './send-queue.ts';
import type { Sequence } from './sequence.ts';
import { DEFAULT_MSS } from './settings.ts';

/** Figure 5 of RFC 9293; LISTEN is a `Listener`, and an active open begins in SYN-SENT. */
export type State =
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT'
  | 'CLOSED';

/** Every state may end in CLOSED, by a reset or a timeout. */
const SUCCESSORS: Readonly<Record<State, readonly State[]>> = Object.freeze({
  'SYN-SENT': ['SYN-RECEIVED', 'ESTABLISHED'],
  'SYN-RECEIVED': ['ESTABLISHED'],
  ESTABLISHED: ['FIN-WAIT-1', 'CLOSE-WAIT'],
  'FIN-WAIT-1': ['FIN-WAIT-2', 'CLOSING', 'TIME-WAIT'],
  'FIN-WAIT-2': ['TIME-WAIT'],
  'CLOSE-WAIT': ['LAST-ACK'],
  CLOSING: ['TIME-WAIT'],
  'LAST-ACK': [],
  'TIME-WAIT': [],
  CLOSED: [],
});

/** RFC 6298 (2.1): until there is a measurement. */
export const INITIAL_RTO: Duration = 1_000_000;

export class Connection implements TcpSocket, Due {
  readonly context: TcpContext;
  readonly localAddress: Ipv4;
  readonly localPort: number;
  readonly remoteAddress: Ipv4;
  readonly remotePort: number;
  readonly mark: Mark;
  readonly userTimeout: Duration;
  /** Silence after which the peer is probed; 0: never. */
  readonly keepAlive: Duration;
  /** Null for a connection we opened. */
  readonly listener: Listener | null;
  /** The next connection of the same hash. */
  chained: Connection | null = null;

  state: State;
  /** Null until a listener's `accept` has named it. */
  sink: TcpSink | null;
  /** Set once: why the connection is dead. */
  why: TcpGone | null = null;

  // Send sequence space. `sndNxt` goes back to `sndUna` when the retransmission timer expires, `sndMax` does not.
  sndUna: Sequence;
  sndNxt: Sequence;
  sndMax: Sequence;
  sndWnd = 0;
  /** Largest window ever offered by the peer. */
  sndWndMax = 0;
  sndWl1: Sequence = 0;
  sndWl2: Sequence = 0;
  rcvNxt: Sequence = 0;
  /** Largest payload of a segment that the peer and the path take. */
  mss = DEFAULT_MSS;

  /** What is written and unacknowledged, from `sndUna`; null when that is nothing. */
  queue: SendQueue | null = null;
  /** Segments that arrived out of order; null when there are none. */
  held: Held[] | null = null;

  // Congestion control (RFC 5681, RFC 6582).
  cwnd = 0;
  ssthresh = 0x7fff_ffff;
  recover: Sequence = 0;
  duplicateAcks = 0;
  inRecovery = false;

  // Retransmission timer (RFC 6298); `timedAt` is NEVER while no segment is being timed. `srtt` 0: no measurement yet.
  srtt: Duration = 0;
  rttvar: Duration = 0;
  rto: Duration = INITIAL_RTO;
  timedSequence: Sequence = 0;
  timedAt: Instant = NEVER;
  /** Window probes sent without the window opening. */
  probes = 0;

  /** Retransmission, or the next window probe. */
  retransmitAt: Instant = NEVER;
  /** A delayed acknowledgment goes out. */
  acknowledgeAt: Instant = NEVER;
  /** The peer is probed unless it is heard before. */
  keepAliveAt: Instant = NEVER;
  /** Connect timeout, user timeout, end of TIME-WAIT or FIN-WAIT-2, by state. */
  giveUpAt: Instant = NEVER;
  /** No challenge ACK before this (RFC 5961 section 7). */
  challengeAt: Instant = 0;
  dueAt: Instant = NEVER;
  heapIndex = -1;

  /** `close` was called and our FIN is not acknowledged yet. */
  closing = false;
  finSent = false;
  /** An acknowledgment must go out with the next dispatch. */
  ackNow = false;
  /** The segment at `sndUna` must be sent again with the next dispatch (fast retransmit). */
  resend = false;
  /** A keep-alive must go out with the next dispatch; one is out and not answered. */
  probeNow = false;
  probing = false;
  /** Segments received since we last acknowledged. */
  unacknowledged = 0;
  /** A `write` was cut short and the sink waits for `writable`. */
  starved = false;
  /** In the list of connections that have something to send. */
  scheduled = false;
  /** ICMP or ARP said that the peer cannot be reached, which may pass (RFC 9293 3.9.2.2). */
  softError = false;

  constructor(
    context: TcpContext,
    local: Endpoint,
    remote: Endpoint,
    options: {
      mark: Mark;
      userTimeout: Duration;
      keepAlive: Duration;
      initialSequence: Sequence;
      peer: TcpSink | Listener;
    },
  ) {
    this.context = context;
    this.localAddress = local.address;
    this.localPort = local.port;
    this.remoteAddress = remote.address;
    this.remotePort = remote.port;
    this.mark = options.mark;
    this.userTimeout = options.userTimeout;
    this.keepAlive = options.keepAlive;
    const passive = 'accept' in options.peer;
    this.listener = 'accept' in options.peer ? options.peer : null;
    this.sink = 'accept' in options.peer ? null : options.peer;
    this.state = passive ? 'SYN-RECEIVED' : 'SYN-SENT';
    this.sndUna = this.sndNxt = this.sndMax = options.initialSequence;
  }

  get local(): Endpoint {
    return { address: this.localAddress, port: this.localPort };
  }

  get remote(): Endpoint {
    return { address: this.remoteAddress, port: this.remotePort };
  }

  /** The one way from state to state. */
  enter(state: State): void {
    if (state !== 'CLOSED' && !SUCCESSORS[this.state].includes(state)) {
      throw new Error(`TCP: no way from ${this.state} to ${state}`);
    }
    this.state = state;
  }

  /** SYN-SENT and SYN-RECEIVED are not synchronized (RFC 9293 3.5.2). */
  get isSynchronized(): boolean {
    return this.state !== 'SYN-SENT' && this.state !== 'SYN-RECEIVED';
  }

  /** The user may still write. */
  get isWritable(): boolean {
    if (this.closing) return false;
    return (
      this.state === 'ESTABLISHED' ||
      this.state === 'CLOSE-WAIT' ||
      this.state === 'SYN-SENT' ||
      this.state === 'SYN-RECEIVED'
    );
  }

  /** Something is waiting to be sent or acknowledged. */
  get isOutstanding(): boolean {
    return this.queue !== null || this.closing;
  }

  write(now: Instant, octets: Uint8Array): number {
    if (!this.isWritable) return 0;
    const room = this.context.settings.sendBuffer - (this.queue?.length ?? 0);
    const count = Math.min(room, octets.length);
    if (count < octets.length) this.starved = true;
    if (count === 0) return 0;
    this.queue ??= new SendQueue();
    this.queue.append(count === octets.length ? octets : octets.subarray(0, count));
    this.#promise(now);
    return count;
  }

  close(now: Instant): void {
    if (!this.isWritable) return;
    if (this.state === 'SYN-SENT') {
      this.context.finish(this, 'aborted');
      return;
    }
    this.closing = true;
    if (this.state === 'ESTABLISHED') this.enter('FIN-WAIT-1');
    else if (this.state === 'CLOSE-WAIT') this.enter('LAST-ACK');
    this.#promise(now);
  }

  abort(now: Instant): void {
    if (this.state === 'CLOSED' || this.state === 'TIME-WAIT') return;
    if (this.state !== 'SYN-SENT') this.context.sendReset(now, this);
    this.context.finish(this, 'aborted');
  }

  /** There is something new to send, and the user timeout begins to run unless it does already. */
  #promise(now: Instant): void {
    if (this.isSynchronized && this.giveUpAt === NEVER) this.giveUpAt = now + this.userTimeout;
    this.context.schedule(this);
  }
}
