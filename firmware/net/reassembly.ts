/**
 * Reassembly of IPv4 fragments (RFC 791 section 3.2), small on purpose: nothing that a phone needs for its start comes in fragments, but a
 * long SIP message over UDP does. Overlapping fragments end the datagram, as RFC 5722 decided for IPv6.
 */
import { type Duration, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Drops } from './counters.ts';

/** Datagrams under way at once: two senders may interleave. */
const MAX_DATAGRAMS = 2;
/** Largest payload put together: a jumbo frame's worth, six times any message we know. */
const MAX_OCTETS = 9216;
/** Shortest useful fragments would otherwise cost a list entry for 8 octets each. */
const MAX_FRAGMENTS = 16;
/** RFC 791 suggests 15 seconds. */
const LIFETIME: Duration = 15 * SECOND;

interface Datagram {
  readonly header: ipv4.Header;
  readonly expiresAt: Instant;
  /** In the order of their offsets. */
  readonly fragments: { readonly offset: number; readonly octets: Uint8Array }[];
  /** Known once the last fragment is here. */
  length: number | null;
}

export class Reassembly {
  #datagrams: Datagram[] = [];
  readonly #drops: Drops;

  constructor(drops: Drops) {
    this.#drops = drops;
  }

  /** Takes a fragment; returns the whole packet, header included, when it was the last missing one. */
  add(now: Instant, packet: ipv4.Packet, bytes: Uint8Array): Uint8Array | null {
    const datagram = this.#find(packet) ?? this.#begin(now, packet);
    const { fragmentOffset: offset, payloadLength: length } = packet;
    const isLast = (packet.flags & ipv4.FLAG.moreFragments) === 0;
    if (datagram.fragments.some((known) => known.offset === offset && known.octets.length === length)) return null;
    const misshapen = (!isLast && length % 8 !== 0) || length === 0 || offset + length > MAX_OCTETS;
    if (misshapen || datagram.fragments.length === MAX_FRAGMENTS || overlaps(datagram, offset, length)) {
      this.#drop(datagram);
      return null;
    }
    const octets = bytes.slice(packet.payloadOffset, packet.payloadOffset + length);
    datagram.fragments.push({ offset, octets });
    datagram.fragments.sort((a, b) => a.offset - b.offset);
    if (isLast) datagram.length = offset + length;
    if (!isComplete(datagram)) return null;
    this.#datagrams = this.#datagrams.filter((other) => other !== datagram);
    return assemble(datagram);
  }

  dispatch(now: Instant): void {
    if (this.pollAt() > now) return;
    for (const datagram of this.#datagrams.filter(({ expiresAt }) => expiresAt <= now)) this.#drop(datagram);
  }

  pollAt(): Instant {
    return this.#datagrams[0]?.expiresAt ?? NEVER;
  }

  #find(packet: ipv4.Packet): Datagram | undefined {
    return this.#datagrams.find(
      ({ header }) =>
        header.identification === packet.identification &&
        header.source === packet.source &&
        header.destination === packet.destination &&
        header.protocol === packet.protocol,
    );
  }

  #begin(now: Instant, packet: ipv4.Packet): Datagram {
    if (this.#datagrams.length === MAX_DATAGRAMS) this.#drop(this.#datagrams[0]!);
    const datagram: Datagram = {
      header: { ...packet, options: packet.options.slice() },
      expiresAt: now + LIFETIME,
      fragments: [],
      length: null,
    };
    this.#datagrams.push(datagram);
    return datagram;
  }

  #drop(datagram: Datagram): void {
    this.#drops['fragment-limit']++;
    this.#datagrams = this.#datagrams.filter((other) => other !== datagram);
  }
}

function overlaps(datagram: Datagram, offset: number, length: number): boolean {
  if (datagram.length !== null && offset + length > datagram.length) return true;
  return datagram.fragments.some(
    (known) => offset < known.offset + known.octets.length && known.offset < offset + length,
  );
}

function isComplete(datagram: Datagram): boolean {
  let end = 0;
  for (const { offset, octets } of datagram.fragments) {
    if (offset !== end) return false;
    end += octets.length;
  }
  return end === datagram.length;
}

function assemble(datagram: Datagram): Uint8Array {
  const headerLength = ipv4.lengthOf(datagram.header);
  const packet = new Uint8Array(headerLength + datagram.length!);
  const totalLength = packet.length;
  ipv4.emit({ ...datagram.header, totalLength, flags: 0, fragmentOffset: 0 }, packet);
  for (const { offset, octets } of datagram.fragments) packet.set(octets, headerLength + offset);
  return packet;
}
