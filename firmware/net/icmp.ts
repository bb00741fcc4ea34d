/** ICMP of a host (RFC 792, RFC 1122 3.2.2): answers echo, reports closed ports, and hands news of unreachable peers on. */
import { type Duration, type Instant, SECOND } from '../../hal/timer.ts';
import { isMalformed } from '../malformed.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Drops } from './counters.ts';
import type { Ipv4Layer } from './ipv4.ts';
import { MARKS } from './marking.ts';

/** RFC 1122 3.2.2.1: the header and at least 8 octets; no more, as RFC 1122 3.2.2 allows. */
const QUOTED_OCTETS = 8;
/** RFC 1812 4.3.2.8 asks for a limit on the rate of errors sent: a port scan should not turn us into a flood. */
const ERRORS_PER_INTERVAL = 10;
const ERROR_INTERVAL: Duration = 1 * SECOND;

/** An ICMP destination unreachable that quotes a packet of ours. */
export type UnreachableSink = (now: Instant, code: number, nextHopMtu: number, quotation: icmp.Quotation) => void;

export class Icmp {
  readonly #network: Ipv4Layer;
  readonly #drops: Drops;
  readonly #unreachable: UnreachableSink;
  #errorsSent = 0;
  #intervalEndsAt: Instant = 0;

  constructor(network: Ipv4Layer, drops: Drops, unreachable: UnreachableSink) {
    this.#network = network;
    this.#drops = drops;
    this.#unreachable = unreachable;
  }

  receive(now: Instant, packet: ipv4.Packet, bytes: Uint8Array): void {
    const message = icmp.parse(bytes, packet.payloadOffset, packet.payloadLength);
    if (isMalformed(message)) {
      this.#drops.malformed++;
      return;
    }
    if (message.kind === 'echo-request') {
      // RFC 1122 3.2.2.6: an echo request to a broadcast address MAY be silently discarded.
      if (packet.destination === this.#network.address) {
        this.#send(now, packet, { ...message, kind: 'echo-reply' });
      }
      return;
    }
    if (message.kind !== 'unreachable') return;
    const quotation = icmp.parseQuotation(message.payload);
    if (isMalformed(quotation)) this.#drops.malformed++;
    else if (quotation.packet.source === this.#network.address) {
      this.#unreachable(now, message.code, message.nextHopMtu, quotation);
    }
  }

  /** Tells the sender of a unicast `packet`, never a fragment, that it could not be delivered here (RFC 1122 3.2.2 says when not to). */
  sendUnreachable(now: Instant, code: number, packet: ipv4.Packet, bytes: Uint8Array): void {
    if (packet.destination !== this.#network.address || packet.source === ipv4.UNSPECIFIED) return;
    if (now >= this.#intervalEndsAt) {
      this.#intervalEndsAt = now + ERROR_INTERVAL;
      this.#errorsSent = 0;
    }
    if (this.#errorsSent === ERRORS_PER_INTERVAL) return;
    this.#errorsSent++;
    const start = packet.payloadOffset - ipv4.lengthOf(packet);
    const end = packet.payloadOffset + Math.min(packet.payloadLength, QUOTED_OCTETS);
    this.#send(now, packet, { kind: 'unreachable', code, nextHopMtu: 0, payload: bytes.subarray(start, end) });
  }

  #send(now: Instant, to: ipv4.Packet, message: icmp.Message): void {
    const { address } = this.#network;
    const write = (into: Uint8Array, offset: number): void => {
      icmp.emit(message, into, offset);
    };
    this.#network.send(now, address, to.source, ipv4.PROTOCOL.icmp, MARKS.bestEffort, 0, icmp.lengthOf(message), write);
  }
}
