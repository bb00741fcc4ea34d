import type { KeyObject } from 'node:crypto';
import { Duplex } from 'node:stream';
import {
  connect,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type SecureVersion,
  TLSSocket,
} from 'node:tls';
import type { KeySlot, Operation } from '../secure.ts';
import type { Tls, TlsClientOptions, TlsHandshake, TlsProgress, TlsSession, TlsVersion } from '../tls.ts';
import type { StartedOperations } from './started-operations.ts';

/** A key and its certificate. */
export interface TlsIdentity {
  readonly privateKey: KeyObject;
  /** X.509 DER. */
  readonly certificate: Uint8Array;
}

export interface TlsEngineOptions {
  readonly operations: StartedOperations;
  readonly identity: (slot: KeySlot) => TlsIdentity | null;
  readonly keyLog?: (line: Uint8Array) => void;
}

/** What a server of the lab offers. */
export type TlsServerOptions = Pick<TlsClientOptions, 'versions' | 'ciphers' | 'legacy'> & {
  readonly identity: TlsIdentity;
  /** Asks clients for a certificate; one that shows none is let in all the same. */
  readonly asksForCertificate: boolean;
};

/**
 * Turns of the event loop without anything happening after which a session has come to rest. OpenSSL computes within a call, and Node needs at most two turns to
 * carry what comes out of it; no turn of it depends on how fast the machine is.
 */
const QUIET_TURNS = 3;

/** A session to take up again. Nobody shows a certificate then: the peer proves that it is the one of before. */
interface Ticket {
  readonly session: Buffer;
  readonly peerCertificate: Uint8Array | null;
}

/** How a session begins, and what is known of the one that it takes up. */
interface SessionPlan {
  readonly make: (stream: Duplex) => TLSSocket;
  readonly peerBefore: Uint8Array | null;
  readonly remember: ((ticket: Ticket) => void) | null;
}

/** Sessions that a phone can take up again: more than the servers it knows. */
const REMEMBERED_SESSIONS = 16;

/** OpenSSL wants a name for whom a server's sessions are good where clients show certificates. */
const SESSION_CONTEXT = 'sepia';

/** TLS on Node's own, over a stream in memory. */
export class TlsEngine implements Tls {
  readonly #options: TlsEngineOptions;
  /** By the name of the peer. */
  #tickets: Map<string, Ticket> | null = null;
  #sessions: Set<EngineSession> | null = null;

  constructor(options: TlsEngineOptions) {
    this.#options = options;
  }

  open(options: TlsClientOptions): TlsSession {
    const { certificate, resume } = options;
    const identity = certificate === null ? null : this.#options.identity(certificate);
    const secureContext = clientContext(options, identity);
    const ticket = resume === null ? undefined : this.#tickets?.get(resume);
    const take = ticket === undefined ? {} : { session: ticket.session };
    return this.#session({
      make: (stream) => {
        // A connection copies what the context has when it is made.
        if (identity !== null) showCertificate(secureContext, identity);
        return connect({ socket: stream, secureContext, rejectUnauthorized: false, ...take });
      },
      peerBefore: ticket?.peerCertificate ?? null,
      remember: resume === null ? null : (fresh) => this.#remember(resume, fresh),
    });
  }

  /** The other side, for servers. One context serves all connections of a listener: see `serverContext`. */
  accept(secureContext: SecureContext, asksForCertificate: boolean): TlsSession {
    const options = { isServer: true, secureContext, requestCert: asksForCertificate, rejectUnauthorized: false };
    return this.#session({
      make: (stream) => new TLSSocket(stream, options),
      peerBefore: null,
      remember: null,
    });
  }

  /** No session is taken up again: it would show the peer who the phone was before. */
  forget(): void {
    this.#tickets = null;
  }

  /** As after a power cut: sessions are gone, and none can be taken up again. */
  reset(): void {
    for (const session of this.#sessions ?? []) session.destroy();
    this.#sessions = null;
    this.forget();
  }

  #session(plan: SessionPlan): EngineSession {
    const session = new EngineSession(this.#options, plan, () => this.#sessions?.delete(session));
    this.#sessions ??= new Set();
    this.#sessions.add(session);
    return session;
  }

  #remember(peer: string, ticket: Ticket): void {
    this.#tickets ??= new Map();
    const oldest = this.#tickets.keys().next();
    if (this.#tickets.size >= REMEMBERED_SESSIONS && !oldest.done) this.#tickets.delete(oldest.value);
    this.#tickets.set(peer, ticket);
  }
}

/**
 * Contexts of clients by key, and by what else they are made from. To read a key takes as long as a handshake, and phones of a fleet share keys; the certificate, which is
 * each phone's own, is put in for each connection.
 */
const contextsByKey = new WeakMap<KeyObject, Map<string, SecureContext>>();
const contextsWithoutKey = new Map<string, SecureContext>();

function clientContext(options: TlsClientOptions, identity: TlsIdentity | null): SecureContext {
  const contexts = identity === null ? contextsWithoutKey : contextsOf(identity.privateKey);
  const name = JSON.stringify([options.versions, options.ciphers, options.legacy]);
  let context = contexts.get(name);
  if (context === undefined) {
    context = createSecureContext(contextOptions(options, identity));
    contexts.set(name, context);
  }
  return context;
}

function contextsOf(key: KeyObject): Map<string, SecureContext> {
  let contexts = contextsByKey.get(key);
  if (contexts === undefined) {
    contexts = new Map();
    contextsByKey.set(key, contexts);
  }
  return contexts;
}

/** The certificate that a context shows now. To put one in is a tenth of a handshake, and a phone that starts opens several connections one after the other. */
const shown = new WeakMap<SecureContext, Uint8Array>();

/** Node has this in every version and describes it in none; `createSecureContext` does no more than call it. */
function showCertificate(secureContext: SecureContext, { certificate }: TlsIdentity): void {
  if (shown.get(secureContext) === certificate) return;
  (secureContext.context as { setCert(pem: string): void }).setCert(pem('CERTIFICATE', certificate));
  shown.set(secureContext, certificate);
}

/** What the connections of a listener share; session tickets of one are good for all. */
export function serverContext(options: TlsServerOptions): SecureContext {
  return createSecureContext({
    ...contextOptions(options, options.identity),
    honorCipherOrder: true,
    sessionIdContext: SESSION_CONTEXT,
  });
}

function contextOptions(
  { versions, ciphers, legacy }: Pick<TlsClientOptions, 'versions' | 'ciphers' | 'legacy'>,
  identity: TlsIdentity | null,
): SecureContextOptions {
  const [lowest, highest] = versions;
  if (!legacy && lowest < '1.2') throw new RangeError(`TLS ${lowest} has to be asked for as legacy`);
  return {
    minVersion: `TLSv${lowest === '1.0' ? '1' : lowest}` as SecureVersion,
    maxVersion: `TLSv${highest === '1.0' ? '1' : highest}` as SecureVersion,
    ciphers: legacy ? withLegacy(ciphers) : ciphers.join(':'),
    ...(identity === null
      ? {}
      : {
          key: identity.privateKey.export({ type: 'pkcs8', format: 'pem' }),
          cert: pem('CERTIFICATE', identity.certificate),
        }),
  };
}

/** OpenSSL takes the level with older suites only; those of TLS 1.3 are kept in a list of their own. */
function withLegacy(ciphers: readonly string[]): string {
  const older = ciphers.some((cipher) => !cipher.startsWith('TLS_')) ? [] : ['DEFAULT'];
  return [...ciphers, ...older, '@SECLEVEL=0'].join(':');
}

function pem(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`;
}

/** One session. Whatever Node says about it is collected until it has come to rest, and is then what the operation came to. */
class EngineSession implements TlsSession {
  readonly #options: TlsEngineOptions;
  readonly #plan: SessionPlan;
  readonly #forget: () => void;
  readonly #stream: MemoryStream;
  #socket: TLSSocket | null = null;
  #records: Uint8Array[] = [];
  #received: Uint8Array[] = [];
  #handshake: TlsHandshake | null = null;
  #peerCertificate: Uint8Array | null = null;
  #ended: string | null = null;
  /** Grows with everything that happens. */
  #happened = 0;
  #busy = false;

  constructor(options: TlsEngineOptions, plan: SessionPlan, forget: () => void) {
    this.#options = options;
    this.#plan = plan;
    this.#forget = forget;
    this.#stream = new MemoryStream((records) => {
      this.#happened++;
      this.#records.push(records);
    });
  }

  start(): Operation {
    return this.#run(() => this.#begin());
  }

  feed(records: Uint8Array): Operation {
    // The octets are the software's again when this returns.
    const copy = Buffer.from(records);
    return this.#run(() => {
      this.#begin();
      this.#stream.push(copy);
    });
  }

  write(octets: Uint8Array): Operation {
    const copy = Buffer.from(octets);
    return this.#run(() => this.#socket?.write(copy));
  }

  end(): Operation {
    return this.#run(() => this.#socket?.end());
  }

  destroy(): void {
    this.#forget();
    this.#socket?.destroy();
    this.#stream.destroy();
  }

  #begin(): void {
    if (this.#socket !== null) return;
    const socket = this.#plan.make(this.#stream);
    this.#socket = socket;
    const { keyLog } = this.#options;
    if (keyLog !== undefined) socket.on('keylog', keyLog);
    socket.on('secure', () => this.#secured(socket));
    const { remember } = this.#plan;
    if (remember !== null) {
      socket.on('session', (session: Buffer) => remember({ session, peerCertificate: this.#peer(socket) }));
    }
    socket.on('data', (octets: Buffer) => {
      this.#happened++;
      this.#received.push(octets);
    });
    socket.on('end', () => this.#over('closed'));
    socket.on('error', (error) => this.#over(reasonOf(error)));
    socket.on('close', () => this.#over('closed'));
  }

  #secured(socket: TLSSocket): void {
    this.#happened++;
    const resumed = socket.isSessionReused();
    this.#handshake = {
      version: versionOf(socket),
      cipher: socket.getCipher().name,
      peerCertificate: this.#peer(socket),
      resumed,
    };
  }

  /** Asked for once and kept: Node takes the certificate out of the chain when it is asked for, and a session taken up again shows none. */
  #peer(socket: TLSSocket): Uint8Array | null {
    this.#peerCertificate ??= peerCertificate(socket) ?? (socket.isSessionReused() ? this.#plan.peerBefore : null);
    return this.#peerCertificate;
  }

  #over(reason: string): void {
    this.#happened++;
    this.#ended ??= reason;
  }

  #run(act: () => void): Operation {
    if (this.#busy) throw new Error('a TLS session does one operation at a time');
    this.#busy = true;
    return this.#options.operations.start((finish) => {
      act();
      this.#settle(this.#happened, 0, () => {
        this.#busy = false;
        finish({ ok: true, octets: joined(this.#records), tls: this.#progress() });
        this.#records = [];
      });
    });
  }

  #settle(seen: number, quiet: number, settled: () => void): void {
    if (quiet === QUIET_TURNS) {
      settled();
      return;
    }
    setImmediate(() => {
      const isQuiet = this.#happened === seen;
      this.#settle(this.#happened, isQuiet ? quiet + 1 : 0, settled);
    });
  }

  #progress(): TlsProgress {
    const progress = { handshake: this.#handshake, received: joined(this.#received), ended: this.#ended };
    this.#handshake = null;
    this.#received = [];
    return progress;
  }
}

/** The wire below: what is pushed is the peer's, what is written goes to it. */
class MemoryStream extends Duplex {
  readonly #written: (octets: Uint8Array) => void;

  constructor(written: (octets: Uint8Array) => void) {
    super({ allowHalfOpen: true });
    this.#written = written;
  }

  override _read(): void {}

  override _write(octets: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#written(octets);
    done();
  }
}

function versionOf(socket: TLSSocket): TlsVersion {
  const version = (socket.getProtocol() ?? 'TLSv1.2').replace('TLSv', '');
  return version === '1' ? '1.0' : (version as TlsVersion);
}

function peerCertificate(socket: TLSSocket): Uint8Array | null {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? null : new Uint8Array(certificate.raw);
}

/** OpenSSL's reason where it gave one. */
function reasonOf(error: Error & { readonly reason?: string; readonly code?: string }): string {
  return error.reason ?? error.code ?? error.message;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
