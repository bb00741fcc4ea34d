import { isMalformed } from '../../firmware/malformed.ts';
import type { TcpGone, TcpSink, TcpSocket } from '../../firmware/net/sockets.ts';
import * as sccp from '../../firmware/wire/sccp/message.ts';
import { FrameStream } from '../../firmware/wire/sccp/stream.ts';
import type { Instant } from '../../hal/timer.ts';
import type { Device } from '../device-table.ts';
import type { Slowness } from '../slowness.ts';
import type { SilenceWatch, Watched } from './silence-watch.ts';
import type { Stationery } from './stationery.ts';

/** What a session asks of its call manager. */
export interface SessionOwner {
  message(now: Instant, session: Session, m: sccp.Message): void;
  /** The stream is out of step: the session has been aborted. */
  garbled(session: Session): void;
  gone(now: Instant, session: Session, why: TcpGone): void;
  /** False while the call manager plays dead. */
  readonly listening: boolean;
  readonly slowness: Slowness;
}

/** Octets that wait for room in the send buffer; a peer that lets more pile up has stopped reading. */
const MAX_UNSENT = 65_536;

/** One connection of one phone. Small: there may be 40,000. */
export class Session implements TcpSink, Watched {
  readonly socket: TcpSocket;
  readonly #owner: SessionOwner;
  readonly #stream = new FrameStream();
  #unsent: Uint8Array | null = null;
  /** Closed by this side: what still comes in is not looked at. */
  #closed = false;
  stationery: Stationery;
  /** Common name of the certificate shown over TLS; null on a plain connection. */
  certifiedName: string | null = null;
  /** The device that registered here; empty until then and after it has left. */
  device = '';
  /** Its row, while the dialogue goes on and needs it: 40,000 of them for good would be too many. */
  row: Device | null = null;
  /** The dialogue is done: the phone has asked for the time. */
  complete = false;
  /** Its device has just been made: it is told to come again. */
  newcomer = false;
  heardAt: Instant = 0;
  watch: SilenceWatch | null = null;
  before: Watched | null = null;
  after: Watched | null = null;

  constructor(socket: TcpSocket, owner: SessionOwner, stationery: Stationery) {
    this.socket = socket;
    this.#owner = owner;
    this.stationery = stationery;
  }

  connected(): void {}

  data(now: Instant, octets: Uint8Array): void {
    const { slowness } = this.#owner;
    if (slowness.none) this.#take(now, octets);
    else slowness.later(now, octets, (at, kept) => this.#take(at, kept));
  }

  #take(now: Instant, octets: Uint8Array): void {
    if (this.#closed || !this.#owner.listening) return;
    const outOfStep = this.#stream.push(octets, (bytes, offset, length) => {
      const m = sccp.parse(bytes, offset, length, this.stationery.dialect.version);
      if (!isMalformed(m)) this.#owner.message(now, this, m);
      return !this.#closed;
    });
    if (outOfStep === null) return;
    this.#owner.garbled(this);
    this.abort(now);
  }

  ended(now: Instant): void {
    this.close(now);
  }

  writable(now: Instant): void {
    const unsent = this.#unsent;
    if (unsent === null) return;
    this.#unsent = null;
    this.send(now, unsent);
  }

  gone(now: Instant, why: TcpGone): void {
    this.watch?.drop(this);
    this.#unsent = null;
    this.#owner.gone(now, this, why);
  }

  /** FIN. */
  close(now: Instant): void {
    this.#closed = true;
    this.#stream.clear();
    this.socket.close(now);
  }

  /** RST. */
  abort(now: Instant): void {
    this.#closed = true;
    this.#stream.clear();
    this.#unsent = null;
    this.socket.abort(now);
  }

  /** Whole frames. What the socket does not take waits. */
  send(now: Instant, octets: Uint8Array): void {
    if (this.#closed) return;
    if (this.#unsent !== null) {
      this.#wait(now, this.#unsent, octets);
      return;
    }
    const taken = this.socket.write(now, octets);
    if (taken < octets.length) this.#unsent = octets.slice(taken);
  }

  #wait(now: Instant, held: Uint8Array, octets: Uint8Array): void {
    if (held.length + octets.length > MAX_UNSENT) {
      this.abort(now);
      return;
    }
    const longer = new Uint8Array(held.length + octets.length);
    longer.set(held);
    longer.set(octets, held.length);
    this.#unsent = longer;
  }
}
