/** The IPv4 layer: own address, routes, and packets on their way out. */
import { BROADCAST_MAC, type Ipv4, type Mac } from '../../hal/nic.ts';
import type { Instant } from '../../hal/timer.ts';
import { ETHERTYPE, MTU } from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Drops } from './counters.ts';
import type { Interface, Write } from './interface.ts';
import { NeighborCache } from './neighbor.ts';
import type { Mark } from './sockets.ts';

/** RFC 1700's recommended default. */
const TIME_TO_LIVE = 64;
/** Payload of a packet that is not fragmented. */
export const MAX_PAYLOAD = MTU - ipv4.HEADER_LENGTH;
/** 01:00:5e and the low 23 bits of the group (RFC 1112 6.4). */
const MULTICAST_MAC: Mac = 0x0100_5e00_0000;

export interface AddressConfig {
  readonly address: Ipv4;
  readonly prefixLength: number;
  /** In order of preference (RFC 2132 3.5): the next one is used when ARP finds the one before it dead. */
  readonly routers: readonly Ipv4[];
}

/** `parked`: sent as soon as ARP answers. The others are counted as drops. */
export type SendOutcome = 'sent' | 'parked' | 'no-route' | 'failed';

export class Ipv4Layer {
  readonly neighbors: NeighborCache;
  readonly #interface: Interface;
  readonly #drops: Drops;
  #address: Ipv4 = 0;
  #mask = 0;
  #routers: readonly Ipv4[] = [];
  #router: Ipv4 = 0;
  #identification = 0;

  // The packet being written, for `#writePacket`.
  readonly #header: { -readonly [K in keyof ipv4.Header]: ipv4.Header[K] } = {
    ...ipv4.blank(),
    timeToLive: TIME_TO_LIVE,
  };
  #writePayload: Write | null = null;
  readonly #writePacket = (into: Uint8Array, offset: number): void => {
    this.#writePayload!(into, offset + ipv4.emit(this.#header, into, offset));
  };

  constructor(
    network: Interface,
    neighborCapacity: number,
    drops: Drops,
    failed: (now: Instant, address: Ipv4) => void,
  ) {
    this.#interface = network;
    this.#drops = drops;
    const release = (station: Mac, packet: Uint8Array, priority: number): void => {
      network.transmit(station, ETHERTYPE.ipv4, priority, packet.length, (into, offset) => into.set(packet, offset));
    };
    this.neighbors = new NeighborCache(network, neighborCapacity, { release, failed }, drops);
  }

  /** 0 while there is none. */
  get address(): Ipv4 {
    return this.#address;
  }

  /** Null takes the address away. */
  configure(config: AddressConfig | null): void {
    this.#address = config === null ? 0 : config.address;
    this.#mask = config === null || config.prefixLength === 0 ? 0 : (0xffff_ffff << (32 - config.prefixLength)) >>> 0;
    const routers = config?.routers ?? [];
    // A renewed lease names the same routers: the one that was found alive stays.
    if (!routers.includes(this.#router)) this.#router = routers[0] ?? 0;
    this.#routers = routers;
  }

  /** RFC 1122 3.3.1.4: a router that does not answer gives way to the next one, round and round. Null when `address` is not the one in use. */
  routerFailed(address: Ipv4): Ipv4 | null {
    if (address === 0 || address !== this.#router || this.#routers.length < 2) return null;
    const next = (this.#routers.indexOf(address) + 1) % this.#routers.length;
    this.#router = this.#routers[next]!;
    return this.#router;
  }

  /** All ones, or all ones in the host part of our own network. */
  isBroadcast(address: Ipv4): boolean {
    if (address === ipv4.BROADCAST) return true;
    const hostPart = ~this.#mask >>> 0;
    return this.#address !== 0 && hostPart > 1 && this.isOnLink(address) && (address & hostPart) >>> 0 === hostPart;
  }

  isOnLink(address: Ipv4): boolean {
    return this.#address !== 0 && ((address ^ this.#address) & this.#mask) === 0;
  }

  /** Who gets a unicast packet for `destination` on the link; 0 when there is no route. */
  nextHop(destination: Ipv4): Ipv4 {
    return this.isOnLink(destination) ? destination : this.#router;
  }

  /**
   * Sends a packet whose payload `write` fills in. `write` is called before this returns, if at all.
   * @param station sends to it without asking ARP.
   */
  send(
    now: Instant,
    source: Ipv4,
    destination: Ipv4,
    protocol: number,
    mark: Mark,
    flags: number,
    length: number,
    write: Write,
    station?: Mac,
  ): SendOutcome {
    if (length > MAX_PAYLOAD) {
      return this.#sendFragments(now, source, destination, protocol, mark, length, write, station);
    }
    this.#prepare(source, destination, protocol, mark, flags, 0);
    return this.#transmit(now, mark, length, write, station);
  }

  /** RFC 791 section 3.2, the example fragmentation procedure: equal pieces of the largest multiple of 8. */
  #sendFragments(
    now: Instant,
    source: Ipv4,
    destination: Ipv4,
    protocol: number,
    mark: Mark,
    length: number,
    write: Write,
    station?: Mac,
  ): SendOutcome {
    const payload = new Uint8Array(length);
    write(payload, 0);
    this.#prepare(source, destination, protocol, mark, 0, 0);
    const piece = MAX_PAYLOAD & ~7;
    let outcome: SendOutcome = 'failed';
    for (let at = 0; at < length; at += piece) {
      const end = Math.min(at + piece, length);
      this.#header.flags = end < length ? ipv4.FLAG.moreFragments : 0;
      this.#header.fragmentOffset = at;
      const octets = payload.subarray(at, end);
      outcome = this.#transmit(now, mark, octets.length, (into, offset) => into.set(octets, offset), station);
    }
    return outcome;
  }

  #prepare(source: Ipv4, destination: Ipv4, protocol: number, mark: Mark, flags: number, fragmentOffset: number): void {
    const header = this.#header;
    header.dscp = mark.dscp;
    header.identification = this.#identification = (this.#identification + 1) & 0xffff;
    header.flags = flags;
    header.fragmentOffset = fragmentOffset;
    header.protocol = protocol;
    header.source = source;
    header.destination = destination;
  }

  #transmit(now: Instant, mark: Mark, length: number, write: Write, known?: Mac): SendOutcome {
    this.#header.totalLength = ipv4.HEADER_LENGTH + length;
    const { destination, totalLength } = this.#header;
    this.#writePayload = write;
    let station = known ?? this.#groupStation(destination);
    if (station === null) {
      const hop = this.nextHop(destination);
      if (hop === 0) {
        this.#drops['no-route']++;
        return 'no-route';
      }
      station = this.neighbors.lookup(now, hop);
      if (station === null) {
        const packet = new Uint8Array(totalLength);
        this.#writePacket(packet, 0);
        this.neighbors.park(hop, packet, mark.priority);
        return 'parked';
      }
    }
    const sent = this.#interface.transmit(station, ETHERTYPE.ipv4, mark.priority, totalLength, this.#writePacket);
    return sent ? 'sent' : 'failed';
  }

  #groupStation(destination: Ipv4): Mac | null {
    if (this.isBroadcast(destination)) return BROADCAST_MAC;
    return ipv4.isMulticast(destination) ? MULTICAST_MAC + (destination & 0x7f_ffff) : null;
  }
}
