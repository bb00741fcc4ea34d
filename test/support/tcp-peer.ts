/**
 * One stack against a peer made of hand-written segments, in virtual time. Sequence numbers are relative to each side's first; a sent
 * segment reads `S. 0 ack 1`, with ` len 5` when it carries octets, and times in ms before it.
 */
import type { TcpListener, TcpSocket } from '../../firmware/net/sockets.ts';
import { Stack, type StackOptions } from '../../firmware/net/stack.ts';
import * as arp from '../../firmware/wire/arp.ts';
import * as ethernet from '../../firmware/wire/ethernet.ts';
import * as ipv4 from '../../firmware/wire/ipv4.ts';
import * as tcp from '../../firmware/wire/tcp.ts';
import { type Duration, type Instant, MILLISECOND } from '../../hal/timer.ts';
import { describeFrame } from './describe-frame.ts';
import { LEFT, LEFT_ADDRESS, RecordingSink, RIGHT, RIGHT_ADDRESS, seededRng, TestNic, UNTAGGED } from './stack-pair.ts';

export const PEER_PORT = 2000;

const LETTERS: Readonly<Record<string, number>> = {
  F: tcp.FLAG.fin,
  S: tcp.FLAG.syn,
  R: tcp.FLAG.rst,
  P: tcp.FLAG.psh,
  '.': tcp.FLAG.ack,
};

export interface Segment {
  /** Relative to the peer's first number. */
  readonly seq: number;
  /** Relative to the stack's first number. */
  readonly ack?: number;
  readonly data?: Uint8Array | number;
  readonly window?: number;
  readonly options?: readonly tcp.Option[];
}

/** An Ethernet frame around an IPv4 payload. */
export function ipv4Frame(
  protocol: number,
  payload: Uint8Array,
  header: Partial<ipv4.Header> = {},
  link: Partial<ethernet.Header> = {},
): Uint8Array {
  const frame: ethernet.Header = {
    destination: LEFT,
    source: RIGHT,
    tci: null,
    lengthOrType: ethernet.ETHERTYPE.ipv4,
    ...link,
  };
  const packet: ipv4.Header = {
    ...ipv4.blank(),
    timeToLive: 64,
    protocol,
    source: RIGHT_ADDRESS,
    destination: LEFT_ADDRESS,
    totalLength: ipv4.HEADER_LENGTH + payload.length,
    ...header,
  };
  const length = ethernet.lengthOf(frame) + packet.totalLength;
  const bytes = new Uint8Array(Math.max(length, ethernet.MIN_FRAME_LENGTH));
  const offset = ethernet.emit(frame, bytes);
  bytes.set(payload, offset + ipv4.emit(packet, bytes, offset));
  return bytes;
}

export function arpFrame(packet: arp.Packet, link: Partial<ethernet.Header> = {}): Uint8Array {
  const bytes = new Uint8Array(ethernet.MIN_FRAME_LENGTH);
  const offset = ethernet.emit(
    { destination: LEFT, source: RIGHT, tci: null, lengthOrType: ethernet.ETHERTYPE.arp, ...link },
    bytes,
  );
  arp.emit(packet, bytes, offset);
  return bytes;
}

/** The stack under test is `LEFT`, at `LEFT_ADDRESS`; frames are made as if from `RIGHT`. */
export class Host {
  now: Instant = 0;
  readonly nic: TestNic;
  readonly stack: Stack;
  sent: Uint8Array[] = [];

  constructor(options: Partial<StackOptions> = {}) {
    this.nic = new TestNic(LEFT, (frame) => this.sent.push(frame));
    this.stack = new Stack({ nic: this.nic, rng: seededRng(7), ...options });
  }

  /** Untagged, with an address, and the peer's MAC known. */
  static configured(options: Partial<StackOptions> = {}): Host {
    const host = new Host(options);
    host.stack.setVlan(0, UNTAGGED);
    host.stack.setAddress(0, { address: LEFT_ADDRESS, prefixLength: 24, routers: [] });
    host.meet();
    return host;
  }

  /** The peer asks for our MAC, and thereby tells its own. */
  meet(): void {
    this.receive(
      arpFrame({
        operation: arp.OPERATION.request,
        senderHardware: RIGHT,
        senderProtocol: RIGHT_ADDRESS,
        targetHardware: 0,
        targetProtocol: LEFT_ADDRESS,
      }),
    );
    this.sent = [];
  }

  receive(frame: Uint8Array): void {
    this.stack.process(this.now, frame, frame.length);
    this.stack.dispatch(this.now);
  }

  /** Frames sent since the last call, as text. */
  take(): string[] {
    return this.sent.splice(0).map(describeFrame);
  }

  /** Lets time pass, with every deadline on its way. */
  advance(duration: Duration, each: () => void = () => {}): void {
    const until = this.now + duration;
    for (;;) {
      this.stack.dispatch(this.now);
      each();
      const at = Math.max(this.stack.pollAt(), this.now);
      if (at > until) break;
      this.now = at;
    }
    this.now = until;
  }
}

export class TcpPeer {
  readonly host: Host;
  readonly sink = new RecordingSink();
  socket: TcpSocket | null = null;
  listener: TcpListener | null = null;
  /** The peer's first sequence number. */
  readonly base: number;
  /** The window that the peer offers when a segment does not say. */
  window = 8192;
  /** What the stack sent up to, and what it last acknowledged; relative. */
  sentTo = 0;
  acknowledged = 0;
  #stackBase: number | null = null;
  #localPort = 0;
  #remotePort = 0;
  #log: string[] = [];

  private constructor(host: Host, base: number) {
    this.host = host;
    this.base = base;
  }

  /** The stack has begun to connect to the peer: SYN-SENT. */
  static connecting(options: Partial<StackOptions> = {}, { base = 1000, connect = {} } = {}): TcpPeer {
    const peer = new TcpPeer(Host.configured(options), base);
    const { stack, now } = peer.host;
    peer.socket = stack.connect(now, { address: RIGHT_ADDRESS, port: PEER_PORT }, peer.sink, connect);
    stack.dispatch(now);
    peer.#localPort = peer.socket.local.port;
    peer.#remotePort = PEER_PORT;
    return peer;
  }

  /** The stack listens; nothing was sent yet. */
  static listening(options: Partial<StackOptions> = {}, { base = 1000 } = {}): TcpPeer {
    const peer = new TcpPeer(Host.configured(options), base);
    peer.#localPort = PEER_PORT;
    peer.#remotePort = 50000;
    peer.listener = peer.host.stack.listen(PEER_PORT, (_now, socket) => {
      peer.socket = socket;
      return peer.sink;
    });
    return peer;
  }

  /** An established connection that the stack opened; the handshake is not in the log. */
  static connected(options: Partial<StackOptions> = {}, { base = 1000, mss = 1460, connect = {} } = {}): TcpPeer {
    const peer = TcpPeer.connecting(options, { base, connect });
    peer.take();
    peer.send('S.', { seq: 0, ack: 1, options: [{ kind: 'mss', mss }] });
    peer.take();
    return peer;
  }

  /** An established connection that the peer opened; the handshake is not in the log. */
  static accepted(options: Partial<StackOptions> = {}, { base = 1000 } = {}): TcpPeer {
    const peer = TcpPeer.listening(options, { base });
    peer.send('S', { seq: 0, options: [{ kind: 'mss', mss: 1460 }] });
    peer.take();
    peer.send('.', { seq: 1, ack: 1 });
    peer.take();
    return peer;
  }

  /** The peer sends a segment; the stack has answered when this returns. */
  send(flags: string, { seq, ack, data = 0, window = this.window, options = [] }: Segment): void {
    this.host.stack.dispatch(this.host.now);
    this.#collect();
    const octets = typeof data === 'number' ? new Uint8Array(data).map((_, index) => seq + index) : data;
    const header: tcp.Header = {
      ...tcp.blank(),
      sourcePort: this.#remotePort,
      destinationPort: this.#localPort,
      sequence: (this.base + seq) >>> 0,
      acknowledgment: ack === undefined ? 0 : ((this.#stackBase ?? 0) + ack) >>> 0,
      flags: [...flags].reduce((sum, letter) => sum | LETTERS[letter]!, 0),
      window,
      options,
    };
    const payload = new Uint8Array(tcp.lengthOf(header) + octets.length);
    payload.set(octets, tcp.emit(header, payload));
    tcp.seal(payload, 0, payload.length, RIGHT_ADDRESS, LEFT_ADDRESS);
    this.host.receive(ipv4Frame(ipv4.PROTOCOL.tcp, payload));
  }

  /** What the stack sent since the last call. */
  take(): string[] {
    this.host.stack.dispatch(this.host.now);
    this.#collect();
    return this.#log.splice(0);
  }

  /** Lets time pass. */
  advance(duration: Duration): void {
    this.host.advance(duration, () => this.#collect());
  }

  #collect(): void {
    for (const frame of this.host.sent.splice(0)) this.#log.push(`${this.host.now / MILLISECOND} ${this.#text(frame)}`);
  }

  #text(frame: Uint8Array): string {
    const offset = ethernet.HEADER_LENGTH;
    const packet = ipv4.parse(frame, offset);
    if (packet.constructor.name === 'Malformed') return describeFrame(frame);
    const { payloadOffset, payloadLength, protocol, source, destination } = packet as ipv4.Packet;
    const segment = tcp.parse(frame, payloadOffset, payloadLength) as tcp.Segment;
    if (protocol !== ipv4.PROTOCOL.tcp || segment.destinationPort !== this.#remotePort) return describeFrame(frame);
    if (!tcp.isIntact(frame, payloadOffset, payloadLength, source, destination)) return 'bad checksum';
    if ((segment.flags & tcp.FLAG.syn) !== 0) this.#stackBase ??= segment.sequence;
    const flags = ['F', 'S', 'R', 'P', '.'].filter((letter) => (segment.flags & LETTERS[letter]!) !== 0).join('');
    // A reset that takes its numbers from the peer's segment may come before any number of ours.
    const seq = (segment.sequence - (this.#stackBase ?? 0)) | 0;
    const { syn, fin, rst } = tcp.FLAG;
    if ((segment.flags & rst) === 0) {
      const length = segment.payloadLength + (segment.flags & syn ? 1 : 0) + (segment.flags & fin ? 1 : 0);
      this.sentTo = Math.max(this.sentTo, seq + length);
      if ((segment.flags & tcp.FLAG.ack) !== 0) this.acknowledged = (segment.acknowledgment - this.base) | 0;
    }
    const ack = (segment.flags & tcp.FLAG.ack) === 0 ? '' : ` ack ${(segment.acknowledgment - this.base) | 0}`;
    return `${flags} ${seq}${ack}${segment.payloadLength > 0 ? ` len ${segment.payloadLength}` : ''}`;
  }
}
