/** UDP (RFC 768, RFC 1122 4.1): sockets by local port. */
import type { Ipv4 } from '../../hal/nic.ts';
import type { Rng } from '../../hal/rng.ts';
import type { Instant } from '../../hal/timer.ts';
import { isMalformed } from '../malformed.ts';
import type { Quotation } from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import type { Drops } from './counters.ts';
import { chooseEphemeralPort, isEphemeral } from './ephemeral-port.ts';
import type { Ipv4Layer } from './ipv4.ts';
import { MARKS } from './marking.ts';
import type { Endpoint, Mark, UdpOptions, UdpSendOptions, UdpSink, UdpSocket } from './sockets.ts';

/** Largest payload: what an IPv4 packet can hold. */
const MAX_PAYLOAD = 0xffff - ipv4.HEADER_LENGTH - udp.HEADER_LENGTH;

export class Udp {
  readonly #network: Ipv4Layer;
  readonly #rng: Rng;
  readonly #drops: Drops;
  readonly #portsChanged: (broadcastPorts: readonly number[]) => void;
  readonly #sockets = new Map<number, Socket>();
  readonly #datagram = udp.blank();

  // The datagram being written, for `#write`.
  readonly #header = { sourcePort: 0, destinationPort: 0, length: 0, checksum: 0 };
  #source: Ipv4 = 0;
  #destination: Ipv4 = 0;
  #payload: Uint8Array | null = null;
  readonly #write = (into: Uint8Array, offset: number): void => {
    into.set(this.#payload!, offset + udp.emit(this.#header, into, offset));
    udp.seal(into, offset, this.#header.length, this.#source, this.#destination);
  };

  /** @param portsChanged hears the ports to which broadcasts are wanted whenever they change. */
  constructor(network: Ipv4Layer, rng: Rng, drops: Drops, portsChanged: (broadcastPorts: readonly number[]) => void) {
    this.#network = network;
    this.#rng = rng;
    this.#drops = drops;
    this.#portsChanged = portsChanged;
  }

  open(port: number, sink: UdpSink, options: UdpOptions): UdpSocket | null {
    const chosen = port === 0 ? chooseEphemeralPort(this.#rng, (candidate) => !this.#sockets.has(candidate)) : port;
    if (chosen === null || this.#sockets.has(chosen)) return null;
    const socket = new Socket(this, chosen, sink, options);
    this.#sockets.set(chosen, socket);
    this.#announcePorts(chosen);
    return socket;
  }

  close(socket: Socket): void {
    if (this.#sockets.get(socket.port) !== socket) return;
    this.#sockets.delete(socket.port);
    this.#announcePorts(socket.port);
  }

  /** Whether a packet that came to our MAC, but not to our address, is for DHCP all the same. */
  wantsUnconfigured(packet: ipv4.Packet, bytes: Uint8Array): boolean {
    if (packet.protocol !== ipv4.PROTOCOL.udp || packet.payloadLength < udp.HEADER_LENGTH) return false;
    const port = (bytes[packet.payloadOffset + 2]! << 8) | bytes[packet.payloadOffset + 3]!;
    return this.#sockets.get(port)?.options.unconfigured === true;
  }

  /** Delivers a packet; false when no socket wants it. */
  receive(now: Instant, packet: ipv4.Packet, bytes: Uint8Array): boolean {
    const datagram = udp.parse(bytes, packet.payloadOffset, packet.payloadLength, this.#datagram);
    if (isMalformed(datagram)) {
      this.#drops.malformed++;
      return true;
    }
    const { payloadOffset, payloadLength } = datagram;
    if (!udp.isIntact(bytes, packet.payloadOffset, datagram.length, packet.source, packet.destination)) {
      this.#drops['bad-checksum']++;
      return true;
    }
    const socket = this.#sockets.get(datagram.destinationPort);
    if (socket === undefined) {
      this.#drops['no-socket']++;
      return false;
    }
    const payload = bytes.subarray(payloadOffset, payloadOffset + payloadLength);
    socket.sink(now, payload, { address: packet.source, port: datagram.sourcePort }, packet.destination);
    return true;
  }

  unreachable(now: Instant, { packet, sourcePort, destinationPort }: Quotation): void {
    const to = { address: packet.destination, port: destinationPort };
    this.#sockets.get(sourcePort)?.options.unreachable?.(now, to);
  }

  send(now: Instant, socket: Socket, to: Endpoint, payload: Uint8Array, options: UdpSendOptions): void {
    if (this.#sockets.get(socket.port) !== socket) return; // closed
    const source = options.source ?? this.#network.address;
    if (source === 0 && socket.options.unconfigured !== true) {
      this.#drops['no-address']++;
      return;
    }
    if (payload.length > MAX_PAYLOAD) {
      this.#drops['too-long']++;
      return;
    }
    const length = udp.HEADER_LENGTH + payload.length;
    this.#header.sourcePort = socket.port;
    this.#header.destinationPort = to.port;
    this.#header.length = length;
    this.#source = source;
    this.#destination = to.address;
    this.#payload = payload;
    const { mark } = socket;
    this.#network.send(now, source, to.address, ipv4.PROTOCOL.udp, mark, 0, length, this.#write, options.station);
    this.#payload = null;
  }

  /** An ephemeral port is a client's, who talks to one server: nobody broadcasts to it. */
  #announcePorts(changed: number): void {
    // `slice`: they are kept, and what `filter` returns has room for more.
    if (!isEphemeral(changed))
      this.#portsChanged([...this.#sockets.keys()].filter((port) => !isEphemeral(port)).slice());
  }
}

class Socket implements UdpSocket {
  readonly port: number;
  readonly sink: UdpSink;
  readonly options: UdpOptions;
  readonly #udp: Udp;

  constructor(owner: Udp, port: number, sink: UdpSink, options: UdpOptions) {
    this.#udp = owner;
    this.port = port;
    this.sink = sink;
    this.options = options;
  }

  get mark(): Mark {
    return this.options.mark ?? MARKS.bestEffort;
  }

  send(now: Instant, to: Endpoint, payload: Uint8Array, options: UdpSendOptions = NO_OPTIONS): void {
    this.#udp.send(now, this, to, payload, options);
  }

  close(): void {
    this.#udp.close(this);
  }
}

const NO_OPTIONS: UdpSendOptions = Object.freeze({});
