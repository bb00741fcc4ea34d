import type { Endpoint, TcpGone, TcpSink, TcpSocket } from '../../../firmware/net/sockets.ts';
import { AfPacketWire } from '../../../hal/host/af-packet.ts';
import { HostTimeline } from '../../../hal/host/timeline.ts';
import type { Ipv4, Mac } from '../../../hal/nic.ts';
import type { Instant } from '../../../hal/timer.ts';
import { type ImpairedWire, type Impairment, impair } from '../../../hal/virtual/impair.ts';
import { SeededRng } from '../../../hal/virtual/rng.ts';
import { LabHost } from '../../../lab/lab-host.ts';
import { eventually } from './eventually.ts';
import { pattern, Receipt } from './pattern.ts';

export interface WireHostOptions {
  readonly interface: string;
  readonly mac: Mac;
  readonly address: Ipv4;
  /** Of the line's luck. */
  readonly seed?: number;
  readonly impairment?: Impairment;
}

/** Our stack on a network interface, in real time. */
export class WireHost {
  readonly timeline = new HostTimeline();
  readonly wire: AfPacketWire;
  readonly line: ImpairedWire;
  readonly host: LabHost;

  constructor(options: WireHostOptions) {
    const { timeline } = this;
    const { mac, address, seed = 1, impairment = {} } = options;
    this.wire = AfPacketWire.open({ interface: options.interface, macs: [mac] });
    this.line = impair(this.wire, { ...impairment, timeline, rng: new SeededRng(`line/${seed}`) });
    const rng = new SeededRng(`host/${seed}`);
    this.host = new LabHost({ timeline, rng, wire: this.line, mac, address, prefixLength: 24 });
  }

  /** The kernel reports the carrier of a new interface up to a second late. */
  async linked(): Promise<this> {
    await eventually('the link is up', 5, () => (this.wire.link().up ? true : null));
    return this;
  }

  connect(remote: Endpoint): Conversation {
    const conversation = new Conversation();
    conversation.socket = this.host.connect(this.timeline.now(), remote, conversation);
    return conversation;
  }

  /** The first connection that comes to this port. */
  async accept(port: number, seconds = 10): Promise<Conversation> {
    let accepted: Conversation | null = null;
    this.host.listen(port, (_now, socket) => {
      accepted = new Conversation();
      accepted.socket = socket;
      accepted.isOpen = true;
      return accepted;
    });
    return await eventually(`a connection to port ${port}`, seconds, () => accepted);
  }

  async close(): Promise<void> {
    this.timeline.close();
    await this.wire.close();
  }
}

/** One end of a connection of our stack: what it got, and the transfer it sends. */
export class Conversation implements TcpSink {
  socket!: TcpSocket;
  readonly receipt = new Receipt();
  isOpen = false;
  peerEnded = false;
  why: TcpGone | null = null;
  #toSend = 0;
  #position = 0;
  #closeAfter = false;

  connected(): void {
    this.isOpen = true;
  }

  data(_now: Instant, octets: Uint8Array): void {
    this.receipt.add(octets);
  }

  ended(): void {
    this.peerEnded = true;
  }

  writable(now: Instant): void {
    this.#push(now);
  }

  gone(_now: Instant, why: TcpGone): void {
    this.why = why;
  }

  /** Sends the pattern's first `length` octets, and then FIN. */
  transfer(now: Instant, length: number): void {
    this.#toSend = length;
    this.#closeAfter = true;
    this.#push(now);
  }

  say(now: Instant, text: string): void {
    this.socket.write(now, new TextEncoder().encode(text));
  }

  async opened(seconds = 10): Promise<void> {
    await eventually('the connection opens', seconds, () => (this.isOpen || this.why !== null ? true : null));
  }

  /** Resolves to why it is gone. */
  async over(seconds = 30): Promise<TcpGone> {
    const told = () => `received ${this.receipt.octets}, handed over ${this.#position} of ${this.#toSend}`;
    return await eventually('the connection is over', seconds, () => this.why, told);
  }

  #push(now: Instant): void {
    while (this.#position < this.#toSend) {
      const rest = Math.min(16_384, this.#toSend - this.#position);
      const taken = this.socket.write(now, pattern(this.#position, rest));
      this.#position += taken;
      if (taken < rest) return;
    }
    if (!this.#closeAfter) return;
    this.#closeAfter = false;
    this.socket.close(now);
  }
}
