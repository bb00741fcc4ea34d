/** Segments on their way out: what may be sent now, and writing it straight into the NIC's buffer. */
import type { Ipv4 } from '../../../hal/nic.ts';
import { type Instant, NEVER } from '../../../hal/timer.ts';
import { FLAG as IP_FLAG, PROTOCOL } from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import type { Ipv4Layer, SendOutcome } from '../ipv4.ts';
import { MARKS } from '../marking.ts';
import type { Mark } from '../sockets.ts';
import * as congestion from './congestion.ts';
import type { Connection } from './connection.ts';
import { MAXIMUM_RTO } from './round-trip.ts';
import type { SendQueue } from './send-queue.ts';
import { ahead, plus, type Sequence } from './sequence.ts';
import { OWN_MSS } from './settings.ts';

const { fin: FIN, syn: SYN, rst: RST, psh: PSH, ack: ACK } = tcp.FLAG;
const NO_OPTIONS: readonly tcp.Option[] = Object.freeze([]);
/** All that our SYNs carry: windows up to 64 KiB need no scale, and without timestamps a header is 20 octets. */
const SYN_OPTIONS: readonly tcp.Option[] = Object.freeze([Object.freeze({ kind: 'mss', mss: OWN_MSS })]);

export class Output {
  readonly #network: Ipv4Layer;
  readonly #receiveWindow: number;

  // The segment being written, for `#write`.
  readonly #header: { -readonly [K in keyof tcp.Header]: tcp.Header[K] } = { ...tcp.blank() };
  #source: Ipv4 = 0;
  #destination: Ipv4 = 0;
  #queue: SendQueue | null = null;
  #queueOffset = 0;
  #payloadLength = 0;
  readonly #write = (into: Uint8Array, offset: number): void => {
    const headerLength = tcp.emit(this.#header, into, offset);
    const length = headerLength + this.#payloadLength;
    if (this.#payloadLength > 0) {
      this.#queue!.copy(this.#queueOffset, this.#payloadLength, into, offset + headerLength);
    }
    tcp.seal(into, offset, length, this.#source, this.#destination);
  };

  constructor(network: Ipv4Layer, receiveWindow: number) {
    this.#network = network;
    this.#receiveWindow = receiveWindow;
  }

  /** Sends all that may go now. Returns false when there is no route to the peer at all. */
  sendDue(now: Instant, connection: Connection): boolean {
    if (!connection.isSynchronized) {
      if (connection.sndNxt !== connection.sndUna && !connection.ackNow) return true;
      return this.#sendSyn(now, connection) !== 'no-route';
    }
    if (connection.resend) this.#resend(now, connection);
    while (this.#sendNext(now, connection));
    if (connection.probeNow) {
      // An octet that the peer has long acknowledged, and none of them at that: it can only say what it expects.
      connection.probeNow = false;
      this.#send(now, connection, plus(connection.sndUna, -1), ACK, 0);
    }
    if (connection.ackNow) this.#send(now, connection, connection.sndNxt, ACK, 0);
    if (this.#isBlocked(connection)) connection.retransmitAt = now + this.#probeInterval(connection);
    return true;
  }

  /** One octet, or the FIN, beyond a closed window (RFC 9293 3.8.6.1), so that a lost window update is not the end. */
  sendProbe(now: Instant, connection: Connection): void {
    connection.probes++;
    connection.timedAt = NEVER;
    const octets = connection.queue === null ? 0 : 1;
    const flags = octets === 0 ? FIN | ACK : ACK;
    if (octets === 0) connection.finSent = true;
    this.#send(now, connection, connection.sndUna, flags, octets);
    if (connection.sndMax === connection.sndUna) connection.sndMax = plus(connection.sndUna, 1);
    connection.retransmitAt = now + this.#probeInterval(connection);
  }

  /** Aborts at the peer, too. */
  sendReset(now: Instant, connection: Connection): void {
    this.#send(now, connection, connection.sndMax, RST | ACK, 0);
  }

  /** RFC 9293 3.10.7.1: the reset takes its numbers from the segment that provoked it. */
  refuse(now: Instant, local: Ipv4, remote: Ipv4, segment: tcp.Segment): void {
    if ((segment.flags & RST) !== 0) return;
    const header = this.#header;
    header.sourcePort = segment.destinationPort;
    header.destinationPort = segment.sourcePort;
    header.options = NO_OPTIONS;
    header.window = 0;
    if ((segment.flags & ACK) !== 0) {
      header.flags = RST;
      header.sequence = segment.acknowledgment;
      header.acknowledgment = 0;
    } else {
      header.flags = RST | ACK;
      header.sequence = 0;
      const { payloadLength: length, flags } = segment;
      header.acknowledgment = segment.sequence + length + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0);
    }
    this.#payloadLength = 0;
    this.#hand(now, local, remote, MARKS.bestEffort, tcp.HEADER_LENGTH);
  }

  #sendSyn(now: Instant, connection: Connection): SendOutcome {
    const isFirst = connection.sndMax === connection.sndUna;
    const flags = connection.state === 'SYN-SENT' ? SYN : SYN | ACK;
    connection.timedAt = isFirst ? now : NEVER;
    connection.timedSequence = connection.sndUna;
    connection.sndNxt = connection.sndMax = plus(connection.sndUna, 1);
    if (connection.retransmitAt === NEVER) connection.retransmitAt = now + connection.rto;
    return this.#send(now, connection, connection.sndUna, flags, 0);
  }

  /** The segment at `sndUna` once more. */
  #resend(now: Instant, connection: Connection): void {
    connection.resend = false;
    connection.timedAt = NEVER;
    const queued = connection.queue?.length ?? 0;
    const length = Math.min(queued, connection.mss);
    const flags = connection.finSent && length === queued ? FIN | ACK : ACK;
    if (length > 0 || flags !== ACK) this.#send(now, connection, connection.sndUna, flags, length);
  }

  /** Sends the segment at `sndNxt` if windows and sense allow it. */
  #sendNext(now: Instant, connection: Connection): boolean {
    if (!connection.isOutstanding) return false;
    const inFlight = ahead(connection.sndNxt, connection.sndUna);
    const unsent = (connection.queue?.length ?? 0) - inFlight;
    if (unsent < 0) return false; // our FIN is out
    const usable = Math.min(connection.sndWnd, congestion.window(connection)) - inFlight;
    const length = Math.min(unsent, connection.mss, Math.max(usable, 0));
    const withFin = connection.closing && length === unsent && usable > length;
    if (length === 0 && !withFin) return false;
    // Sender's side of the silly window syndrome (RFC 9293 3.8.6.2.1). There is no Nagle algorithm: what a machine writes in one turn
    // leaves in one segment anyway, and a telephone's signalling is not to wait for acknowledgments.
    const isShort = length < connection.mss && length < unsent;
    if (isShort && inFlight > 0 && length < connection.sndWndMax >> 1) return false;

    const sequence = connection.sndNxt;
    const flags = ACK | (length > 0 && length === unsent ? PSH : 0) | (withFin ? FIN : 0);
    connection.sndNxt = plus(sequence, length + (withFin ? 1 : 0));
    if (withFin) connection.finSent = true;
    if (sequence === connection.sndMax && connection.timedAt === NEVER) {
      connection.timedAt = now;
      connection.timedSequence = sequence;
    }
    if (ahead(connection.sndNxt, connection.sndMax) > 0) connection.sndMax = connection.sndNxt;
    if (connection.retransmitAt === NEVER) connection.retransmitAt = now + connection.rto;
    this.#send(now, connection, sequence, flags, length);
    return true;
  }

  /** There is something to send, nothing in flight that an acknowledgment could come for, and no timer runs. */
  #isBlocked(connection: Connection): boolean {
    return connection.isOutstanding && connection.retransmitAt === NEVER && connection.sndNxt === connection.sndUna;
  }

  #probeInterval(connection: Connection): number {
    return Math.min(connection.rto * 2 ** Math.min(connection.probes, 10), MAXIMUM_RTO);
  }

  #send(now: Instant, connection: Connection, sequence: Sequence, flags: number, length: number): SendOutcome {
    const header = this.#header;
    header.sourcePort = connection.localPort;
    header.destinationPort = connection.remotePort;
    header.sequence = sequence;
    header.flags = flags;
    header.acknowledgment = (flags & ACK) === 0 ? 0 : connection.rcvNxt;
    header.window = (flags & RST) === 0 ? this.#receiveWindow : 0;
    header.options = (flags & SYN) === 0 ? NO_OPTIONS : SYN_OPTIONS;
    this.#queue = connection.queue;
    this.#queueOffset = ahead(sequence, connection.sndUna);
    this.#payloadLength = length;
    if ((flags & ACK) !== 0) {
      connection.ackNow = false;
      connection.unacknowledged = 0;
      connection.acknowledgeAt = NEVER;
    }
    const headerLength = (flags & SYN) === 0 ? tcp.HEADER_LENGTH : tcp.lengthOf(header);
    return this.#hand(now, connection.localAddress, connection.remoteAddress, connection.mark, headerLength + length);
  }

  #hand(now: Instant, source: Ipv4, destination: Ipv4, mark: Mark, length: number): SendOutcome {
    this.#source = source;
    this.#destination = destination;
    const outcome = this.#network.send(
      now,
      source,
      destination,
      PROTOCOL.tcp,
      mark,
      IP_FLAG.dontFragment,
      length,
      this.#write,
    );
    this.#queue = null;
    return outcome;
  }
}
