/**
 * Client of the certificate authority proxy function: one session at a time, in which the server says what is to be done: install, upgrade, delete or fetch the
 * LSC. The owner opens TLS, checks that the server's certificate stands in the installed lists as CAPF's before it says `connected`, has the secure element
 * make keys and sign, and keeps what is to be kept.
 */
import type { DigestAlgorithm, KeyKind, KeySlot } from '../../hal/secure.ts';
import { type Duration, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import { Malformed } from '../malformed.ts';
import * as capf from '../wire/capf.ts';
import { emitLatin1 } from '../wire/text.ts';

export interface CapfServer {
  readonly host: string;
  readonly port: number;
}

/** By what the phone shows that it is the one. */
export type CapfCredential =
  /** What a person was told; empty for the null string. */
  | { readonly kind: 'string'; readonly text: string }
  /** @param sudi the manufacturer's certificate, whose key is shown besides; null shows none */
  | {
      readonly kind: 'certificate';
      readonly slot: KeySlot;
      readonly certificate: Uint8Array;
      readonly sudi: Uint8Array | null;
    };

/** A message to be signed by the secure element. */
export interface SigningJob {
  readonly slot: KeySlot;
  readonly digest: DigestAlgorithm;
  readonly message: Uint8Array;
}

export type CapfIn =
  /** @param lsc the certificate that the phone has, DER */
  | {
      readonly kind: 'start';
      readonly servers: readonly CapfServer[];
      readonly credential: CapfCredential;
      readonly lsc: Uint8Array | null;
    }
  | { readonly kind: 'connected' }
  | { readonly kind: 'data'; readonly octets: Uint8Array }
  /** The connection is no more, or never came about. */
  | { readonly kind: 'gone'; readonly why: string }
  /** In the order of the jobs; null when the element could not. */
  | { readonly kind: 'signed'; readonly signatures: readonly Uint8Array[] | null }
  /** SubjectPublicKeyInfo, DER; null when the element could not. */
  | { readonly kind: 'key-made'; readonly publicKey: Uint8Array | null }
  /** False when the certificate is not for the key that was made, or the flash is full. */
  | { readonly kind: 'stored'; readonly ok: boolean }
  /** Silence at once; the owner closes what is open. */
  | { readonly kind: 'stop' };

/**
 * What came of it. `none`: nothing is to be done. `declined`: the server does not know the string, the certificate or the device, or has its own reasons. `later`: it
 * has no time. `failed`: there was no session with any server, or it broke off.
 */
export interface CapfResult {
  readonly outcome: 'installed' | 'deleted' | 'fetched' | 'none' | 'declined' | 'later' | 'failed';
  /** A stable slug, or the trouble of the last server. */
  readonly reason: string;
  /** The server that was spoken to last. */
  readonly server: CapfServer;
  /** Of `later`. */
  readonly wait: Duration;
}

export type CapfOut =
  | { readonly kind: 'connect'; readonly server: CapfServer }
  | { readonly kind: 'write'; readonly octets: Uint8Array }
  | { readonly kind: 'close' }
  | { readonly kind: 'sign'; readonly jobs: readonly SigningJob[] }
  | { readonly kind: 'make-key'; readonly key: KeyKind }
  /** X.509 DER, for the key that was made last. */
  | { readonly kind: 'store'; readonly certificate: Uint8Array }
  | { readonly kind: 'delete' }
  | { readonly kind: 'ended'; readonly result: CapfResult };

type Done = 'installed' | 'deleted' | 'fetched';

/** What a whole enrolment is about. */
interface Order {
  readonly servers: readonly CapfServer[];
  readonly credential: CapfCredential;
  readonly lsc: Uint8Array | null;
  /** Servers asked so far in this try, and tries before it. */
  readonly index: number;
  readonly tries: number;
}

/** What the phone waits for in a session. */
type Waiting = 'connection' | 'server' | 'signatures' | 'key' | 'storage';

interface Session {
  readonly name: 'session';
  readonly order: Order;
  waiting: Waiting;
  giveUpAt: Instant;
  /** The server's number; null until it has spoken. */
  number: number | null;
  received: Uint8Array;
  steps: number;
  lsc: Uint8Array | null;
  done: Done | null;
  /** Why the phone could not do what it was told. */
  problem: string | null;
}

type State =
  | { readonly name: 'idle' }
  | Session
  | { readonly name: 'pausing'; readonly order: Order; readonly until: Instant };

/** As many as a configuration names. */
const MAX_SERVERS = 5;
/** Requests in a session: two are usual. A server that orders more keys than this orders them for ever. */
const MAX_STEPS = 16;

const RSA_SIZES: Readonly<Record<number, KeyKind>> = Object.freeze({
  512: 'rsa-512',
  1024: 'rsa-1024',
  2048: 'rsa-2048',
  3072: 'rsa-3072',
  4096: 'rsa-4096',
});
const CURVES: readonly KeyKind[] = Object.freeze(['ec-p256', 'ec-p384', 'ec-p521'] as const);

const EMPTY = new Uint8Array(0);

const { COMMANDS, REASONS, TAGS } = capf;

export class CapfClient implements Machine<CapfIn, CapfOut> {
  /** `SEP…`. */
  readonly #deviceName: string;
  readonly #timeout: Duration;
  readonly #keyTimeout: Duration;
  readonly #tries: number;
  readonly #retryWait: Duration;
  readonly #retryLater: Duration;
  #state: State = { name: 'idle' };
  #out: CapfOut[] = [];

  constructor(deviceName: string, tunables: TunableValues) {
    this.#deviceName = deviceName;
    this.#timeout = tunables['capf.timeout'] * SECOND;
    this.#keyTimeout = tunables['capf.keyTimeout'] * SECOND;
    this.#tries = tunables['capf.tries'];
    this.#retryWait = tunables['capf.retryWait'] * SECOND;
    this.#retryLater = tunables['capf.retryLater'] * SECOND;
  }

  get idle(): boolean {
    return this.#state.name === 'idle' && this.#out.length === 0;
  }

  process(now: Instant, input: CapfIn): void {
    if (input.kind === 'stop') {
      this.#state = { name: 'idle' };
      this.#out = [];
      return;
    }
    if (input.kind === 'start') {
      if (this.#state.name !== 'idle') throw new Error('CAPF client is busy with another session');
      const { credential, lsc } = input;
      const servers = input.servers.slice(0, MAX_SERVERS);
      if (servers.length === 0) throw new RangeError('CAPF client needs a server');
      this.#connect(now, { servers, credential, lsc, index: 0, tries: 0 });
      return;
    }
    const state = this.#state;
    if (state.name === 'session') this.#hear(now, state, input);
  }

  dispatch(now: Instant, emit: (out: CapfOut) => void): void {
    const state = this.#state;
    if (state.name === 'session' && now >= state.giveUpAt) {
      this.#out.push({ kind: 'close' });
      this.#broken(now, state, 'timeout');
    } else if (state.name === 'pausing' && now >= state.until) this.#connect(now, state.order);
    const out = this.#out;
    if (out.length === 0) return;
    this.#out = [];
    for (const one of out) emit(one);
  }

  pollAt(): Instant {
    if (this.#out.length > 0) return 0;
    const state = this.#state;
    return state.name === 'session' ? state.giveUpAt : state.name === 'pausing' ? state.until : NEVER;
  }

  #hear(now: Instant, state: Session, input: Exclude<CapfIn, { kind: 'start' | 'stop' }>): void {
    switch (input.kind) {
      case 'connected':
        if (state.waiting === 'connection') this.#wait(now, state, 'server');
        return;
      case 'data':
        this.#data(now, state, input.octets);
        return;
      case 'gone':
        this.#broken(now, state, input.why);
        return;
      case 'signed':
        if (state.waiting === 'signatures') this.#signed(now, state, input.signatures);
        return;
      case 'key-made':
        if (state.waiting === 'key') this.#keyMade(now, state, input.publicKey);
        return;
      case 'stored':
        if (state.waiting !== 'storage') return;
        if (input.ok) state.done = 'installed';
        else state.problem = 'certificate-refused';
        this.#answer(now, state, COMMANDS.storeResponse, [reason(input.ok ? REASONS.ok : REASONS.declined)]);
        return;
    }
  }

  #connect(now: Instant, order: Order): void {
    this.#state = {
      name: 'session',
      order,
      waiting: 'connection',
      giveUpAt: now + this.#timeout,
      number: null,
      received: EMPTY,
      steps: 0,
      lsc: order.lsc,
      done: null,
      problem: null,
    };
    this.#out.push({ kind: 'connect', server: order.servers[order.index]! });
  }

  #wait(now: Instant, state: Session, waiting: Waiting): void {
    state.waiting = waiting;
    state.giveUpAt = now + (waiting === 'key' ? this.#keyTimeout : this.#timeout);
  }

  #data(now: Instant, state: Session, octets: Uint8Array): void {
    const received = new Uint8Array(state.received.length + octets.length);
    received.set(state.received);
    received.set(octets, state.received.length);
    state.received = received;
    this.#next(now, state);
  }

  /** Takes the next whole message, unless an answer is still being made: the rest waits. */
  #next(now: Instant, state: Session): void {
    while (this.#state === state && state.waiting === 'server') {
      const length = capf.messageLength(state.received);
      if (length === null || state.received.length < length) return;
      const message = capf.parse(state.received, 0, length);
      state.received = state.received.slice(length);
      const isOurs = !(message instanceof Malformed) && (state.number === null || message.session === state.number);
      if (!isOurs || ++state.steps > MAX_STEPS) {
        this.#out.push({ kind: 'close' });
        this.#broken(now, state, 'malformed');
        return;
      }
      state.number = message.session;
      this.#obey(now, state, message);
    }
  }

  #obey(now: Instant, state: Session, message: capf.Message): void {
    switch (message.command) {
      case COMMANDS.authRequest:
        this.#authenticate(now, state);
        return;
      case COMMANDS.keyRequest:
        this.#makeKey(now, state, message);
        return;
      case COMMANDS.storeRequest:
        this.#store(now, state, message);
        return;
      case COMMANDS.fetchRequest:
        this.#fetched(now, state);
        return;
      case COMMANDS.deleteRequest:
        this.#out.push({ kind: 'delete' });
        state.lsc = null;
        state.done = 'deleted';
        this.#answer(now, state, COMMANDS.deleteResponse, [reason(REASONS.ok)]);
        return;
      case COMMANDS.endSession:
        this.#end(state, outcomeOf(state, capf.numberOf(message, TAGS.reason)));
        return;
      case COMMANDS.retryLater: {
        const seconds = capf.numberOf(message, TAGS.retryDelay);
        const wait = seconds === null || seconds === 0 ? this.#retryLater : seconds * SECOND;
        this.#end(state, { outcome: 'later', reason: 'retry-later', wait });
        return;
      }
      default:
        // The answer to what nobody has described is not known either.
        this.#end(state, { outcome: state.done ?? 'failed', reason: 'unexpected-command', wait: 0 });
    }
  }

  #authenticate(now: Instant, state: Session): void {
    const { credential } = state.order;
    if (credential.kind === 'string') {
      this.#answer(now, state, COMMANDS.authResponse, this.#identity(credential.text));
      return;
    }
    this.#wait(now, state, 'signatures');
    this.#out.push({ kind: 'sign', jobs: this.#jobs(state.number!, credential) });
  }

  #jobs(session: number, credential: Extract<CapfCredential, { kind: 'certificate' }>): readonly SigningJob[] {
    const { slot, certificate, sudi } = credential;
    const name = new Uint8Array(this.#deviceName.length + 1);
    emitLatin1(this.#deviceName, name);
    const both = (key: KeySlot, message: Uint8Array): SigningJob[] => [
      { slot: key, digest: 'sha1', message },
      { slot: key, digest: 'sha512', message },
    ];
    const proofs = both(slot, joined(name, certificate));
    // Of all numbers of the protocol only this one is little-endian.
    const number = Uint8Array.of(session, session >>> 8, session >>> 16, session >>> 24);
    return sudi === null ? proofs : [...proofs, ...both('mic', joined(number, sudi))];
  }

  #signed(now: Instant, state: Session, signatures: readonly Uint8Array[] | null): void {
    const { credential } = state.order;
    if (signatures === null || credential.kind === 'string') {
      this.#end(state, { outcome: 'failed', reason: 'signature', wait: 0 });
      return;
    }
    const [short, long, sudiShort, sudiLong] = signatures;
    const { sudi, slot, certificate } = credential;
    const { SUDI_TAGS } = capf;
    const proofs = [
      capf.certificate(capf.CERTIFICATE_TYPES[slot], certificate),
      { tag: TAGS.signature, value: short! },
      capf.nested(TAGS.longSignature, [{ tag: SUDI_TAGS.longSignature, value: long! }]),
      ...(sudi === null
        ? []
        : [
            capf.nested(TAGS.sudi, [
              { tag: SUDI_TAGS.certificate, value: sudi },
              { tag: SUDI_TAGS.signature, value: sudiShort! },
              { tag: SUDI_TAGS.longSignature, value: sudiLong! },
            ]),
          ]),
    ];
    const elements = [...this.#identity(''), ...proofs].sort((a, b) => a.tag - b.tag);
    this.#answer(now, state, COMMANDS.authResponse, elements);
  }

  #identity(password: string): capf.Element[] {
    return [
      reason(REASONS.ok),
      capf.octet(TAGS.version, capf.VERSION),
      capf.text(TAGS.password, password),
      capf.text(TAGS.deviceName, this.#deviceName),
    ];
  }

  #makeKey(now: Instant, state: Session, message: capf.Message): void {
    const isElliptic = capf.numberOf(message, TAGS.keyType) === capf.KEY_TYPES.ec;
    const key = isElliptic
      ? CURVES[capf.numberOf(message, TAGS.curve) ?? 0]
      : RSA_SIZES[capf.numberOf(message, TAGS.keySize) ?? 0];
    if (key === undefined) {
      state.problem = 'key-kind';
      this.#answer(now, state, COMMANDS.keyResponse, [reason(REASONS.declined)]);
      return;
    }
    // Making a key may take long: the server is told that somebody is at it.
    this.#write(state, COMMANDS.inProgress, []);
    this.#wait(now, state, 'key');
    this.#out.push({ kind: 'make-key', key });
  }

  #keyMade(now: Instant, state: Session, publicKey: Uint8Array | null): void {
    if (publicKey === null) state.problem = 'key-failed';
    const elements = publicKey === null ? [reason(REASONS.declined)] : [{ tag: TAGS.publicKey, value: publicKey }];
    this.#answer(now, state, COMMANDS.keyResponse, elements);
  }

  #store(now: Instant, state: Session, message: capf.Message): void {
    const certificate = capf.certificateOf(message);
    if (certificate === null) {
      state.problem = 'certificate-refused';
      this.#answer(now, state, COMMANDS.storeResponse, [reason(REASONS.declined)]);
      return;
    }
    state.lsc = certificate.slice();
    this.#wait(now, state, 'storage');
    this.#out.push({ kind: 'store', certificate: state.lsc });
  }

  #fetched(now: Instant, state: Session): void {
    const { lsc } = state;
    if (lsc !== null) state.done ??= 'fetched';
    const elements =
      lsc === null
        ? [reason(REASONS.declined)]
        : [reason(REASONS.ok), capf.certificate(capf.CERTIFICATE_TYPES.lsc, lsc)];
    this.#answer(now, state, COMMANDS.fetchResponse, elements);
  }

  #answer(now: Instant, state: Session, command: number, elements: readonly capf.Element[]): void {
    this.#write(state, command, elements);
    this.#wait(now, state, 'server');
    this.#next(now, state);
  }

  /** In one piece: servers and phones stall on a message that comes in two. */
  #write(state: Session, command: number, elements: readonly capf.Element[]): void {
    this.#out.push({ kind: 'write', octets: capf.encode(command, state.number!, elements) });
  }

  /** No session, or it broke off: the next server, and after the last one the first again, a few times. What has been done stays done. */
  #broken(now: Instant, state: Session, why: string): void {
    const { order, done } = state;
    const { index, servers, tries } = order;
    if (done !== null) this.#end(state, { outcome: done, reason: why, wait: 0 });
    else if (index + 1 < servers.length) this.#connect(now, { ...order, index: index + 1 });
    else if (tries + 1 < this.#tries) {
      const again = { ...order, index: 0, tries: tries + 1 };
      this.#state = { name: 'pausing', order: again, until: now + this.#retryWait };
    } else this.#end(state, { outcome: 'failed', reason: why, wait: 0 });
  }

  #end({ order }: Session, result: Omit<CapfResult, 'server'>): void {
    this.#state = { name: 'idle' };
    this.#out.push({ kind: 'close' }, { kind: 'ended', result: { ...result, server: order.servers[order.index]! } });
  }
}

function reason(code: number): capf.Element {
  return capf.octet(TAGS.reason, code);
}

/** What the end of a session means for who has done that much in it. */
function outcomeOf({ done, problem }: Session, code: number | null): Omit<CapfResult, 'server'> {
  if (done !== null) return { outcome: done, reason: 'done', wait: 0 };
  if (problem !== null) return { outcome: 'failed', reason: problem, wait: 0 };
  switch (code) {
    case REASONS.none:
    case REASONS.ok:
      return { outcome: 'none', reason: 'nothing-pending', wait: 0 };
    case REASONS.unknownDevice:
      return { outcome: 'declined', reason: 'unknown-device', wait: 0 };
    case REASONS.declined:
      return { outcome: 'declined', reason: 'declined', wait: 0 };
    default:
      return { outcome: 'declined', reason: `reason-${code ?? 'none'}`, wait: 0 };
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
