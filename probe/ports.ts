import type { Endpoint, TcpGone, TcpSink } from '../firmware/net/sockets.ts';
import type { CompletionResult } from '../hal/secure.ts';
import { SECOND } from '../hal/timer.ts';
import type { Tls, TlsVersion } from '../hal/tls.ts';
import type { Script, Station } from './station.ts';
import { GreetingReader } from './tls-greeting.ts';

/** TCP asks again after a second: one lost SYN does not matter. */
const CONNECT = 2.5 * SECOND;
/** A server that computes an RSA signature on a busy machine. */
const GREET = 5 * SECOND;

/** `open`, or why not. */
export type PortState = 'open' | TcpGone;

/** Opens a connection and lets it go at once. */
export function* connectTo(station: Station, remote: Endpoint): Script<PortState> {
  let state: PortState | null = null;
  const sink: TcpSink = {
    connected: (now) => {
      state = 'open';
      // From within the SYN-ACK: nothing has been said yet that the server would have to take note of.
      socket.abort(now);
    },
    data: () => {},
    ended: () => {},
    writable: () => {},
    gone: (_now, why) => {
      state ??= why;
    },
  };
  const socket = station.stack.connect(station.now(), remote, sink, { connectTimeout: CONNECT });
  yield* station.wait(() => state !== null, CONNECT + SECOND);
  return state ?? 'timeout';
}

export type SecurePort =
  | { readonly state: Exclude<PortState, 'open'> }
  | {
      readonly state: 'open';
      readonly version: TlsVersion | null;
      /** X.509 DER. */
      readonly certificate: Uint8Array | null;
      /** Why there is no certificate, in OpenSSL's words; null where there is one. */
      readonly failure: string | null;
    };

/** Everything that a server might still speak, weak as it may be: it is only looked at. */
const ANYTHING = { versions: ['1.0', '1.3'], ciphers: ['ALL'], legacy: true, certificate: null, resume: null } as const;

/** One look at a TLS server: ClientHello, what it shows of itself, and the connection is reset. */
class TlsLook implements TcpSink {
  state: PortState | null = null;
  failure: string | null = null;
  readonly reader = new GreetingReader();
  #version: TlsVersion | null = null;
  #certificate: Uint8Array | null = null;
  readonly #station: Station;
  readonly #session: ReturnType<Tls['open']>;
  #hello: Uint8Array | null = null;
  #toFeed: Uint8Array[] = [];
  #busy = false;
  #socket: ReturnType<Station['stack']['connect']> | null = null;

  constructor(station: Station, tls: Tls) {
    this.#station = station;
    this.#session = tls.open(ANYTHING);
  }

  /** The ClientHello first, so that it goes out with the ACK of the SYN-ACK. */
  start(remote: Endpoint): void {
    this.#expect(this.#session.start(), (result) => {
      this.#hello = result.ok ? result.octets : null;
      this.#socket = this.#station.stack.connect(this.#station.now(), remote, this, { connectTimeout: CONNECT });
    });
  }

  get version(): TlsVersion | null {
    return this.#version ?? this.reader.greeting.version;
  }

  get certificate(): Uint8Array | null {
    return this.#certificate ?? this.reader.greeting.certificate;
  }

  /** All that can be known is known. */
  get isOver(): boolean {
    return (this.state !== null && this.state !== 'open') || this.certificate !== null || this.failure !== null;
  }

  end(): void {
    this.#session.destroy();
    this.#socket?.abort(this.#station.now());
    this.#socket = null;
  }

  connected(now: Parameters<TcpSink['connected']>[0]): void {
    this.state = 'open';
    if (this.#hello !== null) this.#socket?.write(now, this.#hello);
  }

  data(_now: number, octets: Uint8Array): void {
    this.reader.feed(octets);
    if (this.certificate !== null) return;
    this.#toFeed.push(octets.slice());
    this.#feed();
  }

  ended(): void {
    this.failure ??= 'the server closed the connection';
  }

  writable(): void {}

  gone(_now: number, why: TcpGone): void {
    this.#socket = null;
    if (this.state === 'open') this.failure ??= `connection ${why}`;
    else this.state = why;
  }

  #feed(): void {
    const next = this.#busy ? undefined : this.#toFeed.shift();
    if (next === undefined) return;
    this.#expect(this.#session.feed(next), (result) => {
      const { handshake = null, ended = null } = result.ok ? (result.tls ?? {}) : {};
      this.#version = handshake?.version ?? this.#version;
      this.#certificate = handshake?.peerCertificate ?? this.#certificate;
      if (this.certificate === null && ended !== null) this.failure ??= ended;
      this.#feed();
    });
  }

  #expect(operation: number, then: (result: CompletionResult) => void): void {
    this.#busy = true;
    this.#station.completions.expect(operation, (_now, result) => {
      this.#busy = false;
      then(result);
    });
  }
}

/** Looks at a TLS server without saying more than a ClientHello. */
export function* greet(station: Station, tls: Tls, remote: Endpoint): Script<SecurePort> {
  const look = new TlsLook(station, tls);
  look.start(remote);
  yield* station.wait(() => look.isOver, CONNECT + GREET);
  const { state, version, certificate, failure } = look;
  look.end();
  if (state !== 'open') return { state: state ?? 'timeout' };
  return {
    state,
    version,
    certificate,
    failure: certificate === null ? (failure ?? 'no answer to ClientHello') : null,
  };
}
