/** SEGMENT ARRIVES: the steps of RFC 9293 3.10.7.3 and 3.10.7.4, in their order, with the checks of RFC 5961. */
import { type Duration, type Instant, MILLISECOND, NEVER } from '../../../hal/timer.ts';
import * as tcp from '../../wire/tcp.ts';
import * as congestion from './congestion.ts';
import type { Connection } from './connection.ts';
import type { TcpContext } from './context.ts';
import { hold, takeReady } from './reassembly.ts';
import { handshakeDone, measured } from './round-trip.ts';
import { ahead, plus } from './sequence.ts';
import { DEFAULT_MSS, MINIMUM_MSS, OWN_MSS } from './settings.ts';
import { heard } from './timeouts.ts';

const { fin: FIN, syn: SYN, rst: RST, ack: ACK } = tcp.FLAG;

/** RFC 5961 section 7 wants challenge ACKs limited; two peers that disagree would otherwise answer each other for ever. */
const CHALLENGE_INTERVAL: Duration = 500 * MILLISECOND;
/** RFC 9293 3.8.6.3: an acknowledgment for at least every second segment. */
const SEGMENTS_PER_ACK = 2;

/** A segment for `connection`; `bytes` holds its payload. The caller schedules the connection afterwards. */
export function arrive(
  context: TcpContext,
  now: Instant,
  connection: Connection,
  segment: tcp.Segment,
  bytes: Uint8Array,
): void {
  if (connection.state === 'SYN-SENT') {
    arriveSynSent(context, now, connection, segment);
    return;
  }
  if (!isAcceptable(connection, segment, context.settings.receiveWindow)) {
    if (isCrossedSynAck(connection, segment)) completeHandshake(context, now, connection, segment);
    else answerUnacceptable(context, now, connection, segment);
    return;
  }
  if ((segment.flags & RST) !== 0) {
    receiveReset(context, now, connection, segment);
    return;
  }
  heard(now, connection);
  if ((segment.flags & SYN) !== 0) {
    challenge(now, connection);
    return;
  }
  if ((segment.flags & ACK) === 0) return;
  if (connection.state === 'SYN-RECEIVED' && !completeHandshake(context, now, connection, segment)) return;
  if (!acknowledge(context, now, connection, segment)) return;
  if (isDead(connection)) return;
  if (segment.payloadLength > 0 || (segment.flags & FIN) !== 0) receiveText(context, now, connection, segment, bytes);
}

/** What a SYN says about the peer: its first number, window and MSS. */
export function learnSyn(connection: Connection, segment: tcp.Segment): void {
  connection.rcvNxt = plus(segment.sequence | 0, 1);
  connection.mss = Math.min(OWN_MSS, Math.max(tcp.mssOf(segment) ?? DEFAULT_MSS, MINIMUM_MSS));
  connection.sndWnd = connection.sndWndMax = segment.window;
  connection.sndWl1 = segment.sequence | 0;
  connection.sndWl2 = segment.acknowledgment | 0;
}

/** RFC 9293 3.10.7.3. */
function arriveSynSent(context: TcpContext, now: Instant, connection: Connection, segment: tcp.Segment): void {
  const { flags } = segment;
  const acknowledgment = segment.acknowledgment | 0;
  const hasAck = (flags & ACK) !== 0;
  if (hasAck && acknowledgment !== connection.sndMax) {
    context.refuse(now, connection.localAddress, connection.remoteAddress, segment);
    return;
  }
  if ((flags & RST) !== 0) {
    if (hasAck) context.finish(connection, 'refused');
    return;
  }
  if ((flags & SYN) === 0) return;
  learnSyn(connection, segment);
  if (!hasAck) {
    // Both sides opened at once (3.5, figure 8).
    connection.enter('SYN-RECEIVED');
    connection.ackNow = true;
    return;
  }
  connection.sndUna = connection.sndNxt = acknowledgment;
  connection.ackNow = true;
  establish(context, now, connection);
}

/** The first check of 3.10.7.4, for a receive window that is never closed. */
function isAcceptable(connection: Connection, segment: tcp.Segment, receiveWindow: number): boolean {
  const offset = ahead(segment.sequence | 0, connection.rcvNxt);
  if (offset >= 0) return offset < receiveWindow;
  const length = segment.payloadLength + (segment.flags & SYN ? 1 : 0) + (segment.flags & FIN ? 1 : 0);
  return length > 0 && offset + length > 0;
}

/**
 * When both sides open at once, each gets a SYN-ACK whose SYN it has seen already: not acceptable by the letter, and yet the
 * acknowledgment it waits for (3.5, figure 8, line 7; RFC 1122 4.2.2.10).
 */
function isCrossedSynAck(connection: Connection, segment: tcp.Segment): boolean {
  return (
    connection.state === 'SYN-RECEIVED' &&
    (segment.flags & (SYN | ACK | RST)) === (SYN | ACK) &&
    plus(segment.sequence | 0, 1) === connection.rcvNxt &&
    (segment.acknowledgment | 0) === connection.sndMax
  );
}

function answerUnacceptable(context: TcpContext, now: Instant, connection: Connection, segment: tcp.Segment): void {
  const { flags } = segment;
  if ((flags & RST) !== 0) return;
  if (connection.state === 'TIME-WAIT' && (flags & FIN) !== 0) {
    connection.giveUpAt = now + context.settings.timeWait;
  }
  // What occupies sequence space is a retransmission whose acknowledgment was lost; a bare one may be an endless dialogue.
  if (segment.payloadLength > 0 || (flags & FIN) !== 0) connection.ackNow = true;
  else if (connection.state === 'SYN-RECEIVED' && (flags & (SYN | ACK)) === SYN) connection.ackNow = true;
  else challenge(now, connection);
}

/** RFC 5961 3.2: only a reset with exactly the next number counts; any other may be forged. */
function receiveReset(context: TcpContext, now: Instant, connection: Connection, segment: tcp.Segment): void {
  if (connection.state === 'TIME-WAIT') return; // RFC 1337
  if ((segment.sequence | 0) !== connection.rcvNxt) challenge(now, connection);
  else if (connection.state === 'SYN-RECEIVED') context.finish(connection, 'refused');
  else if (connection.state === 'CLOSING' || connection.state === 'LAST-ACK') context.finish(connection, 'closed');
  else context.finish(connection, 'reset');
}

function challenge(now: Instant, connection: Connection): void {
  if (now < connection.challengeAt) return;
  connection.challengeAt = now + CHALLENGE_INTERVAL;
  connection.ackNow = true;
}

/** SYN-RECEIVED gets its acknowledgment; false when it is a wrong one. */
function completeHandshake(context: TcpContext, now: Instant, connection: Connection, segment: tcp.Segment): boolean {
  if ((segment.acknowledgment | 0) !== connection.sndMax) {
    context.refuse(now, connection.localAddress, connection.remoteAddress, segment);
    return false;
  }
  connection.sndUna = connection.sndNxt = connection.sndMax;
  establish(context, now, connection);
  return !isDead(connection);
}

function establish(context: TcpContext, now: Instant, connection: Connection): void {
  if (connection.timedAt !== NEVER) measured(connection, now - connection.timedAt, context.settings.minimumRto);
  connection.timedAt = NEVER;
  connection.retransmitAt = NEVER;
  handshakeDone(connection);
  congestion.begin(connection);
  connection.softError = false;
  connection.enter('ESTABLISHED');
  if (connection.closing) connection.enter('FIN-WAIT-1');
  connection.giveUpAt = connection.isOutstanding ? now + connection.userTimeout : NEVER;
  heard(now, connection);
  if (connection.listener === null) connection.sink!.connected(now);
  else {
    connection.listener.halfOpen--;
    connection.sink = connection.listener.accept(now, connection);
  }
}

/** The fifth check of 3.10.7.4. False when the segment is to be dropped. */
function acknowledge(context: TcpContext, now: Instant, connection: Connection, segment: tcp.Segment): boolean {
  const acknowledgment = segment.acknowledgment | 0;
  const advance = ahead(acknowledgment, connection.sndUna);
  // RFC 5961 5.2: neither what was never sent, nor what is older than any window.
  if (ahead(acknowledgment, connection.sndMax) > 0 || advance < -connection.sndWndMax) {
    challenge(now, connection);
    return false;
  }
  if (advance > 0) {
    advanceTo(context, now, connection, advance);
    if (isDead(connection)) return false;
  } else if (advance === 0 && isDuplicate(connection, segment)) {
    if (congestion.duplicate(connection)) connection.resend = true;
  }
  if (advance >= 0) updateWindow(now, connection, segment);
  if (advance > 0 && connection.starved && connection.isWritable) {
    connection.starved = false;
    connection.sink!.writable(now);
  }
  return true;
}

/** `advance` more octets of ours have arrived. */
function advanceTo(context: TcpContext, now: Instant, connection: Connection, advance: number): void {
  const { minimumRto, finWait2 } = context.settings;
  const wasFull = ahead(connection.sndNxt, connection.sndUna) + connection.mss > connection.cwnd;
  connection.sndUna = plus(connection.sndUna, advance);
  if (ahead(connection.sndNxt, connection.sndUna) < 0) connection.sndNxt = connection.sndUna;
  if (connection.timedAt !== NEVER && ahead(connection.sndUna, connection.timedSequence) > 0) {
    measured(connection, now - connection.timedAt, minimumRto);
    connection.timedAt = NEVER;
  }
  connection.softError = false;
  const octets = Math.min(advance, connection.queue?.length ?? 0);
  if (octets > 0) {
    connection.queue!.drop(octets);
    if (connection.queue!.length === 0) connection.queue = null;
  }
  if (congestion.acknowledged(connection, octets, wasFull)) connection.resend = true;
  connection.retransmitAt = connection.sndMax === connection.sndUna ? NEVER : now + connection.rto;
  const finAcknowledged = advance > octets;
  if (finAcknowledged) connection.closing = false;
  if (connection.state !== 'FIN-WAIT-2') {
    connection.giveUpAt = connection.isOutstanding ? now + connection.userTimeout : NEVER;
  }
  if (!finAcknowledged) return;
  if (connection.state === 'FIN-WAIT-1') {
    connection.enter('FIN-WAIT-2');
    connection.giveUpAt = now + finWait2;
  } else if (connection.state === 'CLOSING') context.linger(now, connection);
  else if (connection.state === 'LAST-ACK') context.finish(connection, 'closed');
}

/** RFC 5681 section 2; a closed window's answers to our probes look alike and are none. */
function isDuplicate(connection: Connection, segment: tcp.Segment): boolean {
  return (
    connection.sndMax !== connection.sndUna &&
    segment.payloadLength === 0 &&
    (segment.flags & FIN) === 0 &&
    segment.window === connection.sndWnd &&
    connection.sndWnd > 0
  );
}

function updateWindow(now: Instant, connection: Connection, segment: tcp.Segment): void {
  const sequence = segment.sequence | 0;
  const acknowledgment = segment.acknowledgment | 0;
  const newer = ahead(sequence, connection.sndWl1);
  if (newer > 0 || (newer === 0 && ahead(acknowledgment, connection.sndWl2) >= 0)) {
    connection.sndWnd = segment.window;
    connection.sndWndMax = Math.max(connection.sndWndMax, segment.window);
    connection.sndWl1 = sequence;
    connection.sndWl2 = acknowledgment;
  }
  if (connection.sndWnd === 0) {
    // RFC 9293 3.8.6.1: a peer that answers probes keeps the connection open.
    if (connection.isOutstanding && connection.probes > 0) connection.giveUpAt = now + connection.userTimeout;
  } else if (connection.probes > 0) {
    connection.probes = 0;
    connection.retransmitAt = NEVER;
  }
}

/** The seventh and eighth step of 3.10.7.4: octets in their order to the sink, those ahead of their turn aside. */
function receiveText(
  context: TcpContext,
  now: Instant,
  connection: Connection,
  segment: tcp.Segment,
  bytes: Uint8Array,
): void {
  const { state } = connection;
  if (state !== 'ESTABLISHED' && state !== 'FIN-WAIT-1' && state !== 'FIN-WAIT-2') return;
  const offset = ahead(segment.sequence | 0, connection.rcvNxt);
  const skip = Math.max(-offset, 0);
  const end = Math.min(segment.payloadLength, context.settings.receiveWindow - offset);
  const fin = (segment.flags & FIN) !== 0 && end === segment.payloadLength;
  const octets = bytes.subarray(segment.payloadOffset + skip, segment.payloadOffset + end);
  if (offset > 0) {
    hold(connection, segment.sequence | 0, octets, fin);
    connection.ackNow = true; // RFC 5681 4.2: a duplicate acknowledgment, at once
    return;
  }
  const filledGap = connection.held !== null;
  deliver(context, now, connection, octets, fin);
  for (let held = takeReady(connection); held !== null; held = takeReady(connection)) {
    if (isDead(connection)) return;
    deliver(context, now, connection, held.octets.subarray(ahead(connection.rcvNxt, held.sequence)), held.fin);
  }
  if (isDead(connection)) return;
  connection.unacknowledged++;
  if (filledGap || connection.unacknowledged >= SEGMENTS_PER_ACK) connection.ackNow = true;
  else if (connection.acknowledgeAt === NEVER) connection.acknowledgeAt = now + context.settings.delayedAck;
}

function deliver(context: TcpContext, now: Instant, connection: Connection, octets: Uint8Array, fin: boolean): void {
  connection.rcvNxt = plus(connection.rcvNxt, octets.length);
  if (connection.state === 'FIN-WAIT-2') connection.giveUpAt = now + context.settings.finWait2;
  if (octets.length > 0) connection.sink!.data(now, octets);
  if (!fin || isDead(connection)) return;
  connection.rcvNxt = plus(connection.rcvNxt, 1);
  connection.held = null;
  connection.ackNow = true;
  if (connection.state === 'ESTABLISHED') {
    connection.enter('CLOSE-WAIT');
    connection.sink!.ended(now);
  } else if (connection.state === 'FIN-WAIT-1') {
    connection.enter('CLOSING');
    connection.sink!.ended(now);
  } else if (connection.state === 'FIN-WAIT-2') {
    connection.sink!.ended(now);
    if (!isDead(connection)) context.linger(now, connection);
  }
}

/** A sink may have aborted the connection while it was called. */
function isDead(connection: Connection): boolean {
  return connection.state === 'CLOSED';
}
