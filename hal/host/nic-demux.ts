/**
 * Many telephones behind one wire, each with a wire end of its own: a small switch, as a real one never sends a frame back out of the port it came from.
 *
 *     wire ─▶ unicast ─▶ the one end with that address
 *          ─▶ group   ─▶ ends whose receive filter may want it, the same octets for all; never all of them for an ARP or DHCP meant for one
 *     end  ─▶ unicast to an address here ─▶ that end, not the wire
 *          ─▶ all else                   ─▶ the wire, and groups that a switch floods to the other ends too
 */
import type { Ipv4, LinkState, Mac, ReceiveFilter } from '../nic.ts';
import { BROADCAST_MAC } from '../nic.ts';
import type { WireEnd, WireReceiver } from '../wire-end.ts';

export interface WireDemuxOptions {
  readonly wire: WireEnd;
  /** Told once a turn in which addresses came or went, so that the kernel's filter can follow. */
  readonly macsChanged?: (macs: Iterable<Mac>) => void;
  /** A frame from outside bears an address of ours as its source: somebody else has it, or a loop. */
  readonly conflict?: (mac: Mac) => void;
}

export interface DemuxCounters {
  /** Delivered from one end to another without the wire. */
  readonly localFrames: number;
  /** From the wire, to nobody here. */
  readonly strayFrames: number;
}

const ETHERNET_HEADER = 14;
const TAG_OCTETS = 4;
const TYPE_VLAN = 0x8100;
const TYPE_ARP = 0x0806;
const TYPE_IPV4 = 0x0800;
const ARP_SENDER = 14;
const ARP_TARGET = 24;
const ARP_OCTETS = 28;
const PROTOCOL_UDP = 17;
const PORT_DHCP_CLIENT = 68;
const DHCP_CHADDR = 8 + 28;
const FRAGMENT_OFFSET = 0x1fff;

/** Never forwarded by a bridge: 01:80:c2:00:00:00 to 0f (802.1Q table 8-1), and Cisco's CDP, VTP, DTP and UDLD. */
const LINK_LOCAL_FIRST: Mac = 0x0180c2000000;
const LINK_LOCAL_LAST: Mac = 0x0180c200000f;
const CISCO_GROUP: Mac = 0x01000ccccccc;

const LINK_DOWN: LinkState = { up: false, speed: 0, fullDuplex: false };

interface LocalFrame {
  readonly from: DemuxEnd;
  readonly bytes: Uint8Array;
}

export class WireDemux {
  readonly #options: WireDemuxOptions;
  readonly #ends = new Map<Mac, DemuxEnd>();
  /** Ends that have not told their filter: they are offered everything that is for a group. */
  readonly #unfiltered = new Set<DemuxEnd>();
  readonly #byGroup = new Map<Mac, Set<DemuxEnd>>();
  readonly #byAddress = new Map<Ipv4, Set<DemuxEnd>>();
  readonly #byGratuitous = new Map<Ipv4, Set<DemuxEnd>>();
  readonly #byPort = new Map<number, Set<DemuxEnd>>();
  #local: LocalFrame[] = [];
  #macsChangeQueued = false;
  #localFrames = 0;
  #strayFrames = 0;

  constructor(options: WireDemuxOptions) {
    this.#options = options;
    options.wire.attach({
      frame: (bytes, length) => this.#fromWire(bytes, length),
      link: () => {
        for (const end of this.#ends.values()) end.linkChanged();
      },
    });
  }

  get wire(): WireEnd {
    return this.#options.wire;
  }

  /** A wire end for the NIC with that address. Throws Error when the address is taken. */
  plug(mac: Mac): DemuxEnd {
    if (this.#ends.has(mac)) throw new Error(`the address ${mac.toString(16).padStart(12, '0')} is plugged in already`);
    const end = new DemuxEnd(this, mac);
    this.#ends.set(mac, end);
    this.#unfiltered.add(end);
    this.#macsChanged();
    return end;
  }

  unplug(end: DemuxEnd): void {
    if (this.#ends.get(end.mac) !== end) return;
    this.#ends.delete(end.mac);
    this.refilter(end, end.filterTold, null);
    this.#unfiltered.delete(end);
    this.#macsChanged();
  }

  counters(): DemuxCounters {
    return { localFrames: this.#localFrames, strayFrames: this.#strayFrames };
  }

  /** Moves an end in the indexes. */
  refilter(end: DemuxEnd, before: ReceiveFilter | null, now: ReceiveFilter | null): void {
    this.#unfiltered.delete(end);
    replace(this.#byGroup, end, before?.groups, now?.groups);
    replace(this.#byAddress, end, before?.addresses, now?.addresses);
    replace(this.#byGratuitous, end, before?.gratuitous, now?.gratuitous);
    replace(this.#byPort, end, before?.broadcastPorts, now?.broadcastPorts);
  }

  /** From one of the ends. */
  send(from: DemuxEnd, bytes: Uint8Array, length: number): void {
    if (length < ETHERNET_HEADER) return;
    const destination = macAt(bytes, 0);
    if ((bytes[0]! & 1) === 0) {
      if (this.#ends.has(destination)) this.#queueLocal(from, bytes, length);
      else this.#options.wire.transmit(bytes, length);
      return;
    }
    this.#options.wire.transmit(bytes, length);
    if (!isLinkLocal(destination)) this.#queueLocal(from, bytes, length);
  }

  /** Later, never from within the sender: it is still at work, and its buffer is about to be used again. */
  #queueLocal(from: DemuxEnd, bytes: Uint8Array, length: number): void {
    if (this.#ends.size < 2 || !this.#options.wire.link().up) return;
    if ((bytes[0]! & 1) !== 0 && this.#candidates(bytes, length).size === 0) return;
    if (this.#local.length === 0) queueMicrotask(() => this.#deliverLocal());
    this.#local.push({ from, bytes: bytes.slice(0, length) });
  }

  #deliverLocal(): void {
    const frames = this.#local;
    this.#local = [];
    for (const { from, bytes } of frames) {
      if ((bytes[0]! & 1) === 0) {
        const end = this.#ends.get(macAt(bytes, 0));
        if (end === undefined || end === from) continue;
        this.#localFrames++;
        end.deliver(bytes, bytes.length);
        continue;
      }
      for (const end of this.#candidates(bytes, bytes.length)) {
        if (end === from) continue;
        this.#localFrames++;
        end.deliver(bytes, bytes.length);
      }
    }
  }

  #fromWire(bytes: Uint8Array, length: number): void {
    if (length < ETHERNET_HEADER) return;
    const source = macAt(bytes, 6);
    if (this.#ends.has(source)) this.#options.conflict?.(source);
    if ((bytes[0]! & 1) === 0) {
      const end = this.#ends.get(macAt(bytes, 0));
      if (end === undefined) this.#strayFrames++;
      else end.deliver(bytes, length);
      return;
    }
    const ends = this.#candidates(bytes, length);
    if (ends.size === 0) this.#strayFrames++;
    for (const end of ends) end.deliver(bytes, length);
  }

  /** Ends whose filter may let this group frame through; a set of its own, since a delivery may change any filter. */
  #candidates(bytes: Uint8Array, length: number): Set<DemuxEnd> {
    const found = new Set(this.#unfiltered);
    const destination = macAt(bytes, 0);
    addAll(found, this.#byGroup.get(destination));
    if (destination !== BROADCAST_MAC) return found;
    const tagged = u16(bytes, 12) === TYPE_VLAN;
    const payload = ETHERNET_HEADER + (tagged ? TAG_OCTETS : 0);
    if (length < payload) return found;
    const type = u16(bytes, payload - 2);
    if (type === TYPE_ARP && length >= payload + ARP_OCTETS) {
      const sender = u32(bytes, payload + ARP_SENDER);
      const target = u32(bytes, payload + ARP_TARGET);
      addAll(found, this.#byAddress.get(target));
      addAll(found, this.#byAddress.get(sender));
      if (sender === target) addAll(found, this.#byGratuitous.get(sender));
    } else if (type === TYPE_IPV4 && length >= payload + 20) {
      this.#addUdpCandidates(found, bytes, payload, length);
    }
    return found;
  }

  #addUdpCandidates(found: Set<DemuxEnd>, bytes: Uint8Array, ip: number, length: number): void {
    if (bytes[ip + 9] !== PROTOCOL_UDP || (u16(bytes, ip + 6) & FRAGMENT_OFFSET) !== 0) return;
    const udp = ip + (bytes[ip]! & 0x0f) * 4;
    if (length < udp + 8) return;
    const port = u16(bytes, udp + 2);
    if (port !== PORT_DHCP_CLIENT) {
      addAll(found, this.#byPort.get(port));
    } else if (length >= udp + DHCP_CHADDR + 6) {
      // A DHCP answer concerns the one client whose hardware address it bears (RFC 2131 4.1).
      const client = this.#ends.get(macAt(bytes, udp + DHCP_CHADDR));
      if (client !== undefined) found.add(client);
    }
  }

  #macsChanged(): void {
    const { macsChanged } = this.#options;
    if (macsChanged === undefined || this.#macsChangeQueued) return;
    this.#macsChangeQueued = true;
    queueMicrotask(() => {
      this.#macsChangeQueued = false;
      macsChanged(this.#ends.keys());
    });
  }
}

/** One telephone's end. */
export class DemuxEnd implements WireEnd {
  readonly mac: Mac;
  readonly #demux: WireDemux;
  #receiver: WireReceiver | null = null;
  #on = true;
  /** What the NIC told last; null before. */
  filterTold: ReceiveFilter | null = null;

  constructor(demux: WireDemux, mac: Mac) {
    this.#demux = demux;
    this.mac = mac;
  }

  transmit(bytes: Uint8Array, length: number): void {
    if (this.#on) this.#demux.send(this, bytes, length);
  }

  attach(receiver: WireReceiver): void {
    this.#receiver = receiver;
    receiver.link(this.link());
  }

  link(): LinkState {
    return this.#on ? this.#demux.wire.link() : LINK_DOWN;
  }

  /** Only this telephone's transceiver; the interface stays as it is. */
  phy(on: boolean): void {
    if (on === this.#on) return;
    this.#on = on;
    this.#receiver?.link(this.link());
  }

  filter(filter: ReceiveFilter): void {
    this.#demux.refilter(this, this.filterTold, filter);
    this.filterTold = filter;
  }

  /** Takes this end out for good. */
  close(): void {
    this.#on = false;
    this.#receiver = null;
    this.#demux.unplug(this);
  }

  /** For the demux. */
  deliver(bytes: Uint8Array, length: number): void {
    if (this.#on) this.#receiver?.frame(bytes, length);
  }

  /** For the demux. */
  linkChanged(): void {
    if (this.#on) this.#receiver?.link(this.link());
  }
}

function isLinkLocal(mac: Mac): boolean {
  return (mac >= LINK_LOCAL_FIRST && mac <= LINK_LOCAL_LAST) || mac === CISCO_GROUP;
}

function replace<K>(
  index: Map<K, Set<DemuxEnd>>,
  end: DemuxEnd,
  before: readonly K[] | undefined,
  now: readonly K[] | undefined,
): void {
  for (const key of before ?? []) {
    const ends = index.get(key);
    ends?.delete(end);
    if (ends?.size === 0) index.delete(key);
  }
  for (const key of now ?? []) {
    const ends = index.get(key);
    if (ends === undefined) index.set(key, new Set([end]));
    else ends.add(end);
  }
}

function addAll(found: Set<DemuxEnd>, more: ReadonlySet<DemuxEnd> | undefined): void {
  if (more !== undefined) for (const end of more) found.add(end);
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

function u32(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x1_0000 + u16(bytes, at + 2);
}

function macAt(bytes: Uint8Array, at: number): Mac {
  return u16(bytes, at) * 0x1_0000_0000 + u32(bytes, at + 2);
}
