import type { CompletionResult, Operation } from '../../hal/secure.ts';
import type { Instant } from '../../hal/timer.ts';
import type { TlsHandshake, TlsSession } from '../../hal/tls.ts';
import type { Completions } from './completions.ts';
import type { Endpoint, TcpGone, TcpSink, TcpSocket } from './sockets.ts';

/** What a secure connection is made with. */
export interface Securing {
  readonly session: TlsSession;
  readonly completions: Completions;
  /** This side says ClientHello. */
  readonly initiates: boolean;
  /**
   * Whether the peer is the right one: nothing is said to it or heard of it before `decide` is called, now or later. With the sink that gets what it
   * says the connection is open; with null it is closed.
   */
  readonly judge: (now: Instant, handshake: TlsHandshake, decide: (now: Instant, sink: TcpSink | null) => void) => void;
  /** There is no session, or no longer, and why. Followed by the sink's `gone`. */
  readonly failed?: (now: Instant, why: string) => void;
}

/** Plain octets that wait to be written, and those that come before the peer has been judged. */
const MAX_WAITING = 65_536;

/** TLS over a TCP connection, in the shape of a TCP connection: a sink below, a socket above. One started operation at a time. */
export class SecureSocket implements TcpSink, TcpSocket {
  readonly #securing: Securing;
  #below: TcpSocket | null = null;
  #above: TcpSink | null;
  #state: 'shaking' | 'judging' | 'open' | 'dead' = 'shaking';
  #busy = false;
  /** The owner wants to close; close_notify has been said; FIN as well. */
  #closing: 'no' | 'wanted' | 'said' | 'done' = 'no';
  /** Nothing more comes from the peer; the sink has been told. */
  #end: 'no' | 'heard' | 'told' = 'no';
  /** The connection below is no more, while an operation was under way. */
  #lost: TcpGone | null = null;
  readonly #toFeed = new Waiting();
  readonly #toWrite = new Waiting();
  readonly #toSend = new Waiting();
  /** What the peer said before it was let in. */
  readonly #early = new Waiting();
  #isShort = false;

  /** @param above hears of `gone` even when the connection never opens; null for an accepted one. */
  constructor(securing: Securing, above: TcpSink | null) {
    this.#securing = securing;
    this.#above = above;
  }

  /** Says what it runs over; an accepted connection is open from the start. */
  attach(below: TcpSocket): void {
    this.#below = below;
  }

  get local(): Endpoint {
    return this.#below!.local;
  }

  get remote(): Endpoint {
    return this.#below!.remote;
  }

  connected(now: Instant): void {
    if (this.#state === 'dead') return;
    if (this.#securing.initiates) this.#start(now, this.#securing.session.start());
  }

  data(now: Instant, octets: Uint8Array): void {
    if (this.#state === 'dead') return;
    this.#toFeed.add(octets);
    this.#proceed(now);
  }

  ended(now: Instant): void {
    if (this.#state === 'dead') return;
    if (this.#end === 'no') this.#end = 'heard';
    this.#proceed(now);
  }

  writable(now: Instant): void {
    if (this.#state === 'dead') return;
    this.#send(now);
    this.#proceed(now);
  }

  gone(now: Instant, why: TcpGone): void {
    if (this.#state === 'dead') return;
    this.#lost = why;
    this.#proceed(now);
  }

  write(now: Instant, octets: Uint8Array): number {
    if (this.#state !== 'open' || this.#closing !== 'no') return octets.length;
    const taken = Math.min(octets.length, Math.max(0, MAX_WAITING - this.#toWrite.size));
    this.#isShort = taken < octets.length;
    this.#toWrite.add(octets.subarray(0, taken));
    this.#proceed(now);
    return taken;
  }

  close(now: Instant): void {
    if (this.#state === 'dead') return;
    if (this.#state !== 'open') {
      this.abort(now);
      return;
    }
    if (this.#closing === 'no') this.#closing = 'wanted';
    this.#proceed(now);
  }

  abort(now: Instant): void {
    if (this.#state === 'dead') return;
    this.#die();
    this.#below?.abort(now);
  }

  /** Starts the next operation, or does what can only be done when all before it is through. */
  #proceed(now: Instant): void {
    if (this.#busy || this.#state === 'dead') return;
    const { session } = this.#securing;
    if (this.#toFeed.size > 0) this.#start(now, session.feed(this.#toFeed.take()));
    else if (this.#lost !== null) this.#over(now, this.#lost);
    else if (this.#state === 'judging') return;
    else if (this.#toWrite.size > 0) this.#start(now, session.write(this.#toWrite.take()));
    else if (this.#closing === 'wanted') {
      this.#closing = 'said';
      this.#start(now, session.end());
    } else this.#rest(now);
  }

  #rest(now: Instant): void {
    if (this.#closing === 'said' && this.#toSend.size === 0) {
      this.#closing = 'done';
      this.#below!.close(now);
    }
    if (this.#end === 'heard' && this.#state === 'shaking') {
      this.#fail(now, 'closed');
      return;
    }
    if (this.#end === 'heard') {
      this.#end = 'told';
      this.#above?.ended(now);
    }
  }

  #start(_now: Instant, operation: Operation): void {
    this.#busy = true;
    this.#securing.completions.expect(operation, (now, result) => this.#completed(now, result));
  }

  #completed(now: Instant, result: CompletionResult): void {
    this.#busy = false;
    if (this.#state === 'dead') return;
    if (!result.ok || result.tls === undefined) {
      this.#fail(now, result.ok ? 'no TLS' : result.reason);
      return;
    }
    const { handshake, received, ended } = result.tls;
    this.#toSend.add(result.octets);
    this.#send(now);
    if (received.length > 0) this.#hear(now, received);
    if (ended !== null && ended !== 'closed') {
      this.#fail(now, ended);
      return;
    }
    if (ended !== null && this.#end === 'no') this.#end = 'heard';
    if (handshake !== null && this.#state === 'shaking') {
      this.#state = 'judging';
      this.#securing.judge(now, handshake, (at, sink) => this.#decided(at, sink));
    }
    this.#proceed(now);
    if (this.#isShort && this.#state === 'open' && this.#toWrite.size === 0) {
      this.#isShort = false;
      this.#above?.writable(now);
    }
  }

  #hear(now: Instant, octets: Uint8Array): void {
    if (this.#state === 'open') {
      this.#above?.data(now, octets);
      return;
    }
    this.#early.add(octets);
    if (this.#early.size > MAX_WAITING) this.#fail(now, 'too much was said too early');
  }

  #decided(now: Instant, sink: TcpSink | null): void {
    if (this.#state !== 'judging') return;
    if (sink === null) {
      this.#fail(now, 'refused');
      return;
    }
    this.#state = 'open';
    this.#above = sink;
    if (this.#securing.initiates) sink.connected(now);
    if (this.#early.size > 0) sink.data(now, this.#early.take());
    this.#proceed(now);
  }

  #send(now: Instant): void {
    if (this.#toSend.size === 0 || this.#below === null || this.#lost !== null) return;
    const octets = this.#toSend.take();
    const taken = this.#below.write(now, octets);
    if (taken < octets.length) this.#toSend.add(octets.subarray(taken));
  }

  /** What is still to be sent, an alert perhaps, goes out with FIN. */
  #fail(now: Instant, why: string): void {
    const wasOpen = this.#state === 'open';
    this.#die();
    this.#below?.close(now);
    this.#securing.failed?.(now, why);
    this.#above?.gone(now, wasOpen ? 'reset' : 'refused');
  }

  #over(now: Instant, why: TcpGone): void {
    if (this.#state !== 'open') this.#securing.failed?.(now, why);
    this.#die();
    this.#above?.gone(now, why);
  }

  #die(): void {
    this.#state = 'dead';
    this.#securing.session.destroy();
  }
}

/** Octets in a queue. */
class Waiting {
  #pieces: Uint8Array[] = [];
  size = 0;

  /** Copied. */
  add(octets: Uint8Array): void {
    if (octets.length === 0) return;
    this.#pieces.push(octets.slice());
    this.size += octets.length;
  }

  /** All of it. */
  take(): Uint8Array {
    const [first, ...others] = this.#pieces;
    const size = this.size;
    this.#pieces = [];
    this.size = 0;
    if (others.length === 0) return first ?? new Uint8Array(0);
    const whole = new Uint8Array(size);
    let at = 0;
    for (const piece of [first!, ...others]) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
}
