/**
 * The host stack: from the NIC to sockets. It composes the layers and routes what arrives between them.
 *
 * The owner calls `process` for each frame and, after any call that may have given it work, `dispatch` until the next frame; `pollAt`
 * says when `dispatch` has work by itself. `dispatch` is where TCP sends and where sinks hear that a connection is gone; UDP datagrams and ARP
 * answers leave at once.
 */
import type { Ipv4, Mac, Nic } from '../../hal/nic.ts';
import type { Rng } from '../../hal/rng.ts';
import { type Duration, earlier, type Instant } from '../../hal/timer.ts';
import { isMalformed } from '../malformed.ts';
import { ipv4Text, macText } from '../wire/address.ts';
import * as arp from '../wire/arp.ts';
import * as ethernet from '../wire/ethernet.ts';
import { type Quotation, UNREACHABLE } from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as llc from '../wire/llc.ts';
import { AddressClaim, type ProbeResult } from './address-claim.ts';
import { type Drops, noDrops } from './counters.ts';
import { Icmp } from './icmp.ts';
import { CDP_GROUP, type DiscoveryKind, Interface, LLDP_GROUP, type VlanDecision, type Write } from './interface.ts';
import { type AddressConfig, Ipv4Layer } from './ipv4.ts';
import { Reassembly } from './reassembly.ts';
import type {
  ConnectOptions,
  Endpoint,
  Mark,
  Sockets,
  TcpListener,
  TcpSink,
  TcpSocket,
  UdpOptions,
  UdpSink,
  UdpSocket,
} from './sockets.ts';
import { DEFAULT_SETTINGS, type TcpSettings } from './tcp/settings.ts';
import { Tcp } from './tcp/tcp.ts';
import { Udp } from './udp.ts';

const { PROTOCOL } = ipv4;
const NO_UDP_OPTIONS: UdpOptions = Object.freeze({});
const NO_CONNECT_OPTIONS: ConnectOptions = Object.freeze({});
/** A phone talks to a router, a few servers and other phones. */
const DEFAULT_NEIGHBORS = 8;

/**
 * A CDP or LLDP frame, from whatever VLAN it came: `length` octets of its PDU begin at `offset`, behind the SNAP header of CDP. The octets and the
 * frame are only valid until the call returns.
 */
export type DiscoverySink = (
  now: Instant,
  kind: DiscoveryKind,
  bytes: Uint8Array,
  offset: number,
  length: number,
  frame: ethernet.Frame,
) => void;

export interface StackHooks {
  /** One line about why something was ignored. */
  readonly onDebug?: (line: string) => void;
  /** Somebody else uses our address; it was defended (RFC 5227 2.4). */
  readonly onConflict?: (now: Instant, mac: Mac) => void;
}

export interface StackOptions {
  readonly nic: Nic;
  readonly rng: Rng;
  readonly hooks?: StackHooks;
  /** Subscribes to the groups of CDP and LLDP. */
  readonly discovery?: DiscoverySink;
  /** Entries of the neighbor cache at most; a server of a whole site wants thousands. */
  readonly neighbors?: number;
  readonly tcp?: Partial<TcpSettings>;
}

export class Stack implements Sockets {
  /** What was dropped, and why. */
  readonly drops: Drops = noDrops();
  readonly #interface: Interface;
  readonly #network: Ipv4Layer;
  readonly #claim: AddressClaim;
  readonly #reassembly: Reassembly;
  readonly #icmp: Icmp;
  readonly #udp: Udp;
  readonly #tcp: Tcp;
  readonly #discovery: DiscoverySink | null;
  readonly #hooks: StackHooks;
  #routers: readonly Ipv4[] = [];
  #quiet = false;
  readonly #frame = ethernet.blank();
  readonly #packet = ipv4.blank();

  constructor(options: StackOptions) {
    const { nic, rng, hooks = {}, discovery, neighbors = DEFAULT_NEIGHBORS } = options;
    this.#hooks = hooks;
    this.#discovery = discovery ?? null;
    this.#interface = new Interface(nic, this.drops);
    this.#network = new Ipv4Layer(this.#interface, neighbors, this.drops, (_now, address) =>
      this.#neighborFailed(address),
    );
    this.#claim = new AddressClaim(
      nic.mac,
      (destination, packet) => this.#network.neighbors.send(destination, packet),
      (now, mac) => this.#conflict(now, mac),
    );
    this.#reassembly = new Reassembly(this.drops);
    this.#icmp = new Icmp(this.#network, this.drops, (now, code, nextHopMtu, quotation) =>
      this.#unreachable(now, code, nextHopMtu, quotation),
    );
    this.#udp = new Udp(this.#network, rng, this.drops, (ports) => this.#interface.setBroadcastPorts(ports));
    this.#tcp = new Tcp(this.#network, rng, this.drops, { ...DEFAULT_SETTINGS, ...options.tcp });
    this.#interface.subscribe(discovery === undefined ? [] : [CDP_GROUP, LLDP_GROUP]);
  }

  /** The own address, 0 while there is none. */
  get address(): Ipv4 {
    return this.#network.address;
  }

  get vlan(): VlanDecision {
    return this.#interface.decision;
  }

  /** TCP connections in any state. */
  get connectionCount(): number {
    return this.#tcp.size;
  }

  /** A frame from the NIC. False when a sink has said that nothing follows from it: no deadline is another, and the owner need not look. */
  process(now: Instant, bytes: Uint8Array, length: number): boolean {
    this.#quiet = false;
    this.#take(now, bytes, length);
    return !this.#quiet;
  }

  /** Said by a sink of the datagram that it has just been given. A phone in a call hears fifty a second. */
  nothingFollows(): void {
    this.#quiet = true;
  }

  #take(now: Instant, bytes: Uint8Array, length: number): void {
    const frame = ethernet.parse(bytes, 0, length, this.#frame);
    if (isMalformed(frame)) {
      this.drops.malformed++;
      return;
    }
    const { lengthOrType } = frame;
    if (lengthOrType === ethernet.ETHERTYPE.ipv4) {
      if (this.#interface.accepts(frame)) this.#processIpv4(now, frame, bytes);
    } else if (lengthOrType === ethernet.ETHERTYPE.arp) {
      if (this.#interface.accepts(frame)) this.#processArp(now, frame, bytes);
    } else this.#processOther(now, frame, bytes);
  }

  dispatch(now: Instant): void {
    this.#claim.dispatch(now);
    this.#reassembly.dispatch(now);
    this.#network.neighbors.dispatch(now);
    this.#tcp.dispatch(now);
    this.#wantAddresses();
  }

  pollAt(): Instant {
    const tcpAndArp = earlier(this.#tcp.pollAt(), this.#network.neighbors.pollAt());
    return earlier(tcpAndArp, earlier(this.#claim.pollAt(), this.#reassembly.pollAt()));
  }

  /**
   * Which VLAN ARP and IP use. While it is undecided only discovery frames leave. On another VLAN than before everything learned and opened
   * there is dropped: neighbors, connections (gone `aborted`), the address.
   */
  setVlan(now: Instant, decision: VlanDecision): void {
    // Before anything can be sent on the new one; `abortAll` says nothing on the wire.
    if (this.#interface.decide(decision)) this.clearAddress(now);
  }

  /** Sends a frame of CDP or LLDP. `fill` writes the PDU. @param vlan tags it; null leaves it untagged. False when the link is down. */
  sendDiscovery(
    _now: Instant,
    destination: Mac,
    kind: DiscoveryKind,
    length: number,
    fill: Write,
    vlan: number | null = null,
  ): boolean {
    return this.#interface.transmitDiscovery(destination, kind, length, fill, vlan);
  }

  /** Takes an address into use. A renewal that changes nothing but the routers leaves all connections alone. */
  setAddress(now: Instant, config: AddressConfig): void {
    if (config.address !== this.#network.address) this.clearAddress(now);
    const isNew = config.address !== this.#network.address;
    this.#network.configure(config);
    this.#routers = config.routers;
    this.#watchRouters();
    if (isNew) {
      this.#network.neighbors.reset(config.address);
      this.#claim.reset(config.address);
    }
    this.#wantAddresses();
  }

  /** Whether gratuitous ARP of others changes the neighbor cache; it does at first. */
  acceptGratuitousArp(accept: boolean): void {
    this.#network.neighbors.acceptsGratuitous = accept;
    this.#watchRouters();
  }

  /** How frames of connections are marked that name no mark of their own; CS3 and priority 3 at first. Those that are open keep theirs. */
  markSignalling(mark: Mark): void {
    this.#tcp.defaultMark = mark;
  }

  /** The address is lost: connections are gone `aborted`, without a word on the wire. */
  clearAddress(_now: Instant): void {
    this.#tcp.abortAll();
    this.#network.configure(null);
    this.#routers = [];
    this.#watchRouters();
    this.#network.neighbors.reset(0);
    this.#claim.reset(0);
    this.#wantAddresses();
  }

  /** RFC 5227 2.1: asks `count` times whether anybody has `address`; `result` is called once, from `dispatch`. */
  probeAddress(now: Instant, address: Ipv4, count: number, interval: Duration, result: ProbeResult): void {
    this.#claim.probe(now, address, count, interval, result);
    this.#wantAddresses();
  }

  /** RFC 5227 2.3: tells everybody on the link that the address is ours. */
  announce(now: Instant): void {
    this.#claim.announce(now);
  }

  udp(port: number, sink: UdpSink, options: UdpOptions = NO_UDP_OPTIONS): UdpSocket | null {
    return this.#udp.open(port, sink, options);
  }

  connect(now: Instant, remote: Endpoint, sink: TcpSink, options: ConnectOptions = NO_CONNECT_OPTIONS): TcpSocket {
    return this.#tcp.connect(now, remote, sink, options);
  }

  listen(port: number, accept: (now: Instant, socket: TcpSocket) => TcpSink): TcpListener | null {
    return this.#tcp.listen(port, accept);
  }

  #processOther(now: Instant, frame: ethernet.Frame, bytes: Uint8Array): void {
    const { payloadOffset, payloadLength } = frame;
    if (frame.lengthOrType === ethernet.ETHERTYPE.lldp) {
      this.#discovery?.(now, 'lldp', bytes, payloadOffset, payloadLength, frame);
      return;
    }
    const header = frame.lengthOrType < 0x0600 ? llc.parse(bytes, payloadOffset, payloadLength) : null;
    if (header !== null && !isMalformed(header) && llc.isCdp(header)) {
      const offset = payloadOffset + llc.SNAP_LENGTH;
      this.#discovery?.(now, 'snap-cdp', bytes, offset, payloadLength - llc.SNAP_LENGTH, frame);
      return;
    }
    this.drops['unknown-ethertype']++;
  }

  #processArp(now: Instant, frame: ethernet.Frame, bytes: Uint8Array): void {
    const packet = arp.parse(bytes, frame.payloadOffset, frame.payloadLength);
    if (isMalformed(packet) || ethernet.isGroup(packet.senderHardware)) {
      this.drops.malformed++;
      return;
    }
    this.#claim.receive(now, packet);
    this.#network.neighbors.receive(now, packet);
  }

  #processIpv4(now: Instant, frame: ethernet.Frame, bytes: Uint8Array): void {
    const packet = ipv4.parse(bytes, frame.payloadOffset, frame.payloadLength, this.#packet);
    if (isMalformed(packet)) {
      this.drops.malformed++;
      return;
    }
    if (!this.#isForUs(frame, packet, bytes)) {
      this.drops['not-for-us']++;
      return;
    }
    if (!this.#isFromSomebody(packet)) {
      this.drops['bad-source']++;
      return;
    }
    this.#network.neighbors.confirm(now, this.#network.nextHop(packet.source), frame.source);
    if (!ipv4.isFragment(packet)) {
      this.#deliver(now, packet, bytes);
      return;
    }
    const whole = this.#reassembly.add(now, packet, bytes);
    if (whole === null) return;
    const assembled = ipv4.parse(whole, 0, whole.length, this.#packet);
    if (!isMalformed(assembled)) this.#deliver(now, assembled, whole);
  }

  #deliver(now: Instant, packet: ipv4.Packet, bytes: Uint8Array): void {
    switch (packet.protocol) {
      case PROTOCOL.tcp:
        if (packet.destination === this.#network.address) this.#tcp.receive(now, packet, bytes);
        else this.drops['not-for-us']++;
        break;
      case PROTOCOL.udp:
        if (!this.#udp.receive(now, packet, bytes)) {
          this.#icmp.sendUnreachable(now, UNREACHABLE.port, packet, bytes);
        }
        break;
      case PROTOCOL.icmp:
        this.#icmp.receive(now, packet, bytes);
        break;
      default:
        this.drops['no-protocol']++;
        this.#icmp.sendUnreachable(now, UNREACHABLE.protocol, packet, bytes);
    }
  }

  /** RFC 1122 3.3.6: a packet for a unicast address that came as a link-layer broadcast is not for anybody. */
  #isForUs(frame: ethernet.Frame, packet: ipv4.Packet, bytes: Uint8Array): boolean {
    if (ethernet.isGroup(frame.destination)) return this.#network.isBroadcast(packet.destination);
    if (frame.destination !== this.#interface.mac) return false;
    const { address } = this.#network;
    return (
      (address !== 0 && packet.destination === address) ||
      this.#network.isBroadcast(packet.destination) ||
      this.#udp.wantsUnconfigured(packet, bytes)
    );
  }

  /** RFC 1122 3.2.1.3: no group is a source; 0.0.0.0 only of a host that asks for an address. */
  #isFromSomebody(packet: ipv4.Packet): boolean {
    const { source } = packet;
    if (source === ipv4.UNSPECIFIED) return packet.protocol === PROTOCOL.udp;
    return !ipv4.isMulticast(source) && !this.#network.isBroadcast(source) && source !== this.#network.address;
  }

  #unreachable(now: Instant, code: number, nextHopMtu: number, quotation: Quotation): void {
    const { protocol } = quotation.packet;
    if (protocol === PROTOCOL.tcp) this.#tcp.unreachable(code, nextHopMtu, quotation);
    else if (protocol === PROTOCOL.udp) this.#udp.unreachable(now, quotation);
  }

  #neighborFailed(address: Ipv4): void {
    this.#hooks.onDebug?.(`ARP: nobody answers for ${ipv4Text(address)}`);
    const router = this.#network.routerFailed(address);
    if (router === null) this.#tcp.neighborFailed(address);
    else this.#hooks.onDebug?.(`the router is ${ipv4Text(router)} now`);
  }

  #conflict(now: Instant, mac: Mac): void {
    this.#hooks.onDebug?.(`ARP: ${macText(mac)} uses our address ${ipv4Text(this.#network.address)}`);
    this.#hooks.onConflict?.(now, mac);
  }

  #watchRouters(): void {
    this.#interface.setGratuitous(this.#network.neighbors.acceptsGratuitous ? this.#routers : []);
  }

  #wantAddresses(): void {
    this.#interface.setAddresses(this.#network.address, this.#claim.probed);
  }
}
