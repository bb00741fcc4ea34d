/**
 * The router between the lab's VLANs: one leg in each network, whose host (`LabHost`) answers for the leg's own address. Here is only what
 * passes through: TTL and checksum (RFC 1812 5.2.1, 5.3.1), and the next station by ARP. It keeps one packet for a station it has to ask for.
 */

import { isMalformed } from '../firmware/malformed.ts';
import * as arp from '../firmware/wire/arp.ts';
import { mac, putMac, putU16, u16, u32 } from '../firmware/wire/octets.ts';
import { BROADCAST_MAC, type Ipv4, type Mac, type Nic } from '../hal/nic.ts';
import { type Instant, SECOND } from '../hal/timer.ts';

export interface RouterLeg {
  readonly address: Ipv4;
  readonly mask: Ipv4;
  /** Null until the leg's host is made. */
  nic: Nic | null;
  readonly stations: Map<Ipv4, Station>;
}

interface Station {
  mac: Mac | null;
  askedAt: Instant;
  /** The frame to send once the station answers, its destination not filled in. */
  parked: Uint8Array | null;
}

/** Neighbors of one leg. */
const MAX_STATIONS = 131_072;
/** RFC 1122 2.3.2.1: at most one request a second for one address. */
const ASK_SPACING = 1 * SECOND;

const HEADER = 14;
const MINIMUM_FRAME = 60;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const TTL_OFFSET = HEADER + 8;
const CHECKSUM_OFFSET = HEADER + 10;
const SOURCE_OFFSET = HEADER + 12;
const DESTINATION_OFFSET = HEADER + 16;

export class Router {
  readonly #legs: RouterLeg[] = [];
  forwarded = 0;
  /** No leg for the destination, TTL used up, or not a packet. */
  dropped = 0;

  addLeg(address: Ipv4, mask: Ipv4): RouterLeg {
    const leg: RouterLeg = { address, mask, nic: null, stations: new Map() };
    this.#legs.push(leg);
    return leg;
  }

  /** A frame that came to a leg. True when it was for somebody else and has been dealt with. */
  receive(now: Instant, leg: RouterLeg, bytes: Uint8Array, length: number): boolean {
    if (length < HEADER) return false;
    const etherType = u16(bytes, 12);
    if (etherType === ETHERTYPE_ARP) {
      this.#hearArp(leg, bytes, length);
      return false;
    }
    if (etherType !== ETHERTYPE_IPV4 || (bytes[0]! & 1) !== 0 || length < HEADER + 20) return false;
    this.#hearSource(leg, bytes);
    const destination = u32(bytes, DESTINATION_OFFSET);
    if (destination === leg.address || ((destination & leg.mask) | ~leg.mask) >>> 0 === destination) return false;
    const out = this.#legs.find(({ address, mask }) => ((address ^ destination) & mask) === 0);
    if (
      out === undefined ||
      out === leg ||
      out.nic === null ||
      bytes[TTL_OFFSET]! <= 1 ||
      destination === out.address
    ) {
      this.dropped += 1;
      return true;
    }
    this.#forward(now, out, destination, this.#passed(bytes, length));
    return true;
  }

  /** A copy with the TTL one less and the checksum brought along (RFC 1624). */
  #passed(bytes: Uint8Array, length: number): Uint8Array {
    const frame = bytes.slice(0, length);
    const before = u16(frame, TTL_OFFSET);
    frame[TTL_OFFSET]! -= 1;
    const sum = (~u16(frame, CHECKSUM_OFFSET) & 0xffff) + (~before & 0xffff) + u16(frame, TTL_OFFSET);
    const folded = (sum & 0xffff) + (sum >>> 16);
    putU16(frame, CHECKSUM_OFFSET, ~((folded & 0xffff) + (folded >>> 16)));
    return frame;
  }

  #forward(now: Instant, out: RouterLeg, destination: Ipv4, frame: Uint8Array): void {
    let station = out.stations.get(destination);
    if (station === undefined) {
      if (out.stations.size >= MAX_STATIONS) out.stations.clear();
      station = { mac: null, askedAt: Number.NEGATIVE_INFINITY, parked: null };
      out.stations.set(destination, station);
    }
    if (station.mac !== null) {
      this.#send(out, station.mac, frame);
      return;
    }
    station.parked = frame;
    if (now - station.askedAt < ASK_SPACING) return;
    station.askedAt = now;
    this.#ask(out, destination);
  }

  /** An address may have gone to another station since it was asked for: whoever sends from it has it. */
  #hearSource(leg: RouterLeg, bytes: Uint8Array): void {
    const station = leg.stations.get(u32(bytes, SOURCE_OFFSET));
    if (station !== undefined && station.mac !== null) station.mac = mac(bytes, 6);
  }

  #hearArp(leg: RouterLeg, bytes: Uint8Array, length: number): void {
    const packet = arp.parse(bytes, HEADER, length - HEADER);
    if (isMalformed(packet) || packet.senderProtocol === 0) return;
    const station = leg.stations.get(packet.senderProtocol);
    if (station === undefined) return;
    station.mac = packet.senderHardware;
    const { parked } = station;
    station.parked = null;
    if (parked !== null) this.#send(leg, packet.senderHardware, parked);
  }

  #send(leg: RouterLeg, to: Mac, frame: Uint8Array): void {
    this.forwarded += 1;
    const { nic } = leg;
    nic?.transmit(frame.length, (into) => {
      into.set(frame);
      putMac(into, 0, to);
      putMac(into, 6, nic.mac);
    });
  }

  #ask(leg: RouterLeg, target: Ipv4): void {
    const { nic } = leg;
    nic?.transmit(MINIMUM_FRAME, (into) => {
      putMac(into, 0, BROADCAST_MAC);
      putMac(into, 6, nic.mac);
      putU16(into, 12, ETHERTYPE_ARP);
      arp.emit(
        {
          operation: arp.OPERATION.request,
          senderHardware: nic.mac,
          senderProtocol: leg.address,
          targetHardware: 0,
          targetProtocol: target,
        },
        into,
        HEADER,
      );
    });
  }
}
