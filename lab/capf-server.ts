/**
 * The certificate authority proxy function of a lab cluster: installs, deletes and fetches phones' locally significant certificates as the administrator has ordered,
 * each phone by what it has to show for it.
 */
import { Malformed } from '../firmware/malformed.ts';
import type { Sockets, TcpSink, TcpSocket } from '../firmware/net/sockets.ts';
import * as capf from '../firmware/wire/capf.ts';
import type { KeyKind } from '../hal/secure.ts';
import type { Instant } from '../hal/timer.ts';
import { type CertificateProof, isProven } from './pki/certificate-proof.ts';
import type { Identity } from './pki/lab-pki.ts';
import { issueLsc } from './pki/lsc-issuer.ts';
import { SecureHomes } from './secure-homes.ts';
import type { SecureListenerOptions, SecureServices } from './secure-listener.ts';

/** Install stands for upgrade too, troubleshoot fetches the certificate that the phone has. */
export type CapfOperation = 'install' | 'delete' | 'troubleshoot';

/** By what a phone shows that it is the one; values of `capfAuthMode` from 1 on, in this order. */
export const CAPF_AUTHENTICATIONS = ['auth-string', 'null-string', 'lsc-first', 'mic-first'] as const;

export type CapfAuthentication = (typeof CAPF_AUTHENTICATIONS)[number];

/** What the administrator has ordered for a phone, on its device page or in bulk. */
export interface CapfOrder {
  readonly operation: CapfOperation;
  readonly authentication: CapfAuthentication;
  /** Of `auth-string`: what the phone's user is told. */
  readonly string?: string;
  /** Of the certificate to be installed; RSA-2048 unless given. */
  readonly key?: KeyKind;
}

export interface CapfServerOptions {
  readonly services: SecureServices;
  readonly tls: SecureListenerOptions;
  /** Signs the certificates. */
  readonly authority: Identity;
  /** Who may have signed the certificates that phones show: DER. */
  readonly trusted: readonly Uint8Array[];
  /** Unix seconds. */
  readonly now: number;
  /** Whether the cluster has that phone. */
  readonly isKnown: (deviceName: string) => boolean;
  /** For every phone that has no order of its own. */
  readonly order?: CapfOrder;
  /** The phone has this certificate from now on; null: none any more. Also of one that was fetched. */
  readonly learned?: (deviceName: string, certificate: Uint8Array | null) => void;
}

interface Session {
  readonly number: number;
  readonly socket: TcpSocket;
  received: Uint8Array;
  /** Null until the phone has said who it is. */
  deviceName: string | null;
  /** What the phone has to answer next. */
  awaits: number;
  /** Issued in this session. */
  certificate: Uint8Array | null;
}

/** Sessions of a CUCM count up. */
const FIRST_SESSION = 0x1001;
/** A certificate or two with their signatures; what is longer is no message. */
const MAX_MESSAGE = 16_384;

const KEY_PARAMETERS: Readonly<Record<'ec-p256' | 'ec-p384' | 'ec-p521', number>> = {
  'ec-p256': 0,
  'ec-p384': 1,
  'ec-p521': 2,
};

const { COMMANDS, TAGS, REASONS } = capf;

export class CapfServer {
  /** Sessions, and what came of their operations. */
  readonly counters = { sessions: 0, installed: 0, deleted: 0, fetched: 0, refused: 0, putOff: 0 };
  /** Seconds after which phones that have something to do are told to come again; null serves them at once. */
  busyFor: () => number | null = () => null;
  readonly #options: CapfServerOptions;
  readonly #orders = new Map<string, CapfOrder>();
  readonly #done = new Set<string>();
  readonly #homes: SecureHomes;
  #lastSession = FIRST_SESSION - 1;

  constructor(options: CapfServerOptions) {
    this.#options = options;
    const { services, tls } = options;
    this.#homes = new SecureHomes({ services, tls, port: capf.SERVER_PORT, accept: (socket) => this.#accept(socket) });
  }

  serve(sockets: Sockets): void {
    this.#homes.add(sockets);
  }

  start(): void {
    this.#homes.start();
  }

  stop(now: Instant): void {
    this.#homes.stop(now);
  }

  /** Orders an operation for one phone, which it does when it next asks. */
  order(deviceName: string, order: CapfOrder): void {
    this.#orders.set(deviceName, order);
    this.#done.delete(deviceName);
  }

  /** `capfAuthMode` of the phone's configuration; 0 where nothing was ever ordered. */
  authMode(deviceName: string): number {
    const order = this.#orders.get(deviceName) ?? this.#options.order;
    return order === undefined ? 0 : 1 + CAPF_AUTHENTICATIONS.indexOf(order.authentication);
  }

  #accept(socket: TcpSocket): TcpSink {
    this.counters.sessions++;
    const session: Session = {
      number: ++this.#lastSession,
      socket,
      received: new Uint8Array(0),
      deviceName: null,
      awaits: COMMANDS.authResponse,
      certificate: null,
    };
    const hello = [capf.octet(TAGS.version, capf.VERSION), capf.octet(TAGS.authType, capf.AUTH_TYPES.none)];
    return {
      connected: (at) => write(at, session, COMMANDS.authRequest, hello),
      data: (at, octets) => this.#heard(at, session, octets),
      ended: (at) => socket.close(at),
      writable: () => undefined,
      gone: () => undefined,
    };
  }

  #heard(now: Instant, session: Session, octets: Uint8Array): void {
    session.received = new Uint8Array(Buffer.concat([session.received, octets]));
    for (;;) {
      const length = capf.messageLength(session.received);
      if (session.received.length > MAX_MESSAGE) {
        session.socket.abort(now);
        return;
      }
      if (length === null || session.received.length < length) return;
      const message = capf.parse(session.received, 0, length);
      session.received = session.received.slice(length);
      if (message instanceof Malformed || message.session !== session.number) {
        session.socket.abort(now);
        return;
      }
      if (message.command !== COMMANDS.inProgress) this.#answer(now, session, message);
    }
  }

  #answer(now: Instant, session: Session, message: capf.Message): void {
    if (message.command !== session.awaits) {
      this.#refuse(now, session, REASONS.declined);
      return;
    }
    switch (message.command) {
      case COMMANDS.authResponse:
        this.#authenticated(now, session, message);
        return;
      case COMMANDS.keyResponse:
        this.#issue(now, session, capf.elementOf(message, TAGS.publicKey));
        return;
      default:
        this.#finish(now, session, message);
    }
  }

  #authenticated(now: Instant, session: Session, message: capf.Message): void {
    const { isKnown } = this.#options;
    const deviceName = capf.textOf(message, TAGS.deviceName) ?? '';
    session.deviceName = deviceName;
    if (!isKnown(deviceName)) {
      this.#refuse(now, session, REASONS.unknownDevice);
      return;
    }
    const order = this.#pending(deviceName);
    if (order === null) {
      this.#end(now, session, REASONS.none);
      return;
    }
    const wait = this.busyFor();
    if (wait !== null) {
      this.counters.putOff++;
      session.awaits = 0;
      const delay = { tag: TAGS.retryDelay, value: Uint8Array.of(wait >> 8, wait) };
      write(now, session, COMMANDS.retryLater, [delay]);
    } else if (this.#isEntitled(order, deviceName, message)) this.#begin(now, session, order);
    else this.#refuse(now, session, REASONS.declined);
  }

  #pending(deviceName: string): CapfOrder | null {
    if (this.#done.has(deviceName)) return null;
    return this.#orders.get(deviceName) ?? this.#options.order ?? null;
  }

  #isEntitled({ authentication, string }: CapfOrder, deviceName: string, message: capf.Message): boolean {
    const password = capf.textOf(message, TAGS.password);
    if (authentication === 'auth-string') return string !== undefined && password === string;
    if (authentication === 'null-string') return password === '';
    const proof: CertificateProof = {
      deviceName,
      certificate: capf.certificateOf(message),
      signature: capf.elementOf(message, TAGS.signature),
      longSignature: nestedIn(message, TAGS.longSignature, capf.SUDI_TAGS.longSignature),
    };
    return isProven(proof, this.#options.trusted);
  }

  #begin(now: Instant, session: Session, { operation, key = 'rsa-2048' }: CapfOrder): void {
    switch (operation) {
      case 'install':
        session.awaits = COMMANDS.keyResponse;
        write(now, session, COMMANDS.keyRequest, keyElements(key));
        return;
      case 'delete':
        session.awaits = COMMANDS.deleteResponse;
        write(now, session, COMMANDS.deleteRequest, []);
        return;
      case 'troubleshoot':
        session.awaits = COMMANDS.fetchResponse;
        write(now, session, COMMANDS.fetchRequest, []);
    }
  }

  #issue(now: Instant, session: Session, publicKey: Uint8Array | null): void {
    const { authority, now: clock } = this.#options;
    const deviceName = session.deviceName!;
    const certificate = publicKey === null ? null : issueLsc(authority, { deviceName, publicKey }, clock);
    if (certificate === null) {
      this.#refuse(now, session, REASONS.declined);
      return;
    }
    session.certificate = certificate;
    session.awaits = COMMANDS.storeResponse;
    const type = capf.CERTIFICATE_TYPES.lsc;
    const elements = [capf.octet(TAGS.certificateType, type), capf.certificate(type, certificate)];
    write(now, session, COMMANDS.storeRequest, elements);
  }

  /** The phone says how the operation went. */
  #finish(now: Instant, session: Session, message: capf.Message): void {
    const { command } = message;
    const isOk = capf.numberOf(message, TAGS.reason) === REASONS.ok;
    const deviceName = session.deviceName!;
    if (command === COMMANDS.fetchResponse) {
      // A phone without a certificate has done what it could: there is nothing to be fetched.
      this.#done.add(deviceName);
      const certificate = capf.certificateOf(message);
      if (isOk && certificate !== null) {
        this.counters.fetched++;
        this.#options.learned?.(deviceName, certificate.slice());
      }
      this.#end(now, session, REASONS.none);
      return;
    }
    if (!isOk) {
      this.#refuse(now, session, REASONS.declined);
      return;
    }
    this.#done.add(deviceName);
    if (command === COMMANDS.deleteResponse) this.counters.deleted++;
    else this.counters.installed++;
    this.#options.learned?.(deviceName, session.certificate);
    this.#end(now, session, REASONS.ok);
  }

  #refuse(now: Instant, session: Session, reason: number): void {
    this.counters.refused++;
    this.#end(now, session, reason);
  }

  #end(now: Instant, session: Session, reason: number): void {
    session.awaits = 0;
    write(now, session, COMMANDS.endSession, [capf.octet(TAGS.reason, reason)]);
  }
}

function keyElements(key: KeyKind): readonly capf.Element[] {
  const [kind, size] = key.split('-') as ['rsa' | 'ec', string];
  if (kind === 'ec') {
    const curve = KEY_PARAMETERS[key as keyof typeof KEY_PARAMETERS];
    return [capf.octet(TAGS.keyType, capf.KEY_TYPES.ec), capf.octet(TAGS.curve, curve)];
  }
  const bits = Number(size);
  return [{ tag: TAGS.keySize, value: Uint8Array.of(bits >> 8, bits) }, capf.octet(TAGS.keyType, capf.KEY_TYPES.rsa)];
}

function nestedIn(message: capf.Message, tag: number, inner: number): Uint8Array | null {
  const value = capf.elementOf(message, tag);
  return value === null ? null : capf.nestedValue(value, inner);
}

function write(now: Instant, session: Session, command: number, elements: readonly capf.Element[]): void {
  session.socket.write(now, capf.encode(command, session.number, elements));
}
