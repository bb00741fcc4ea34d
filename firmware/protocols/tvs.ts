/**
 * Client of the trust verification service: one question at a time, one connection a question, the next server when one cannot be reached. The owner opens TLS
 * and checks that the server's certificate stands in the installed lists as TVS's before it says `connected`: an answer is worth as much as that.
 */
import { type Duration, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import { Malformed } from '../malformed.ts';
import { emitLatin1, latin1 } from '../wire/text.ts';
import * as tvs from '../wire/tvs.ts';

export interface TvsServer {
  readonly host: string;
  readonly port: number;
}

export type TvsQuestion =
  /** Whose is this certificate? By the names that a signed file's header carries, octet for octet, with their NUL. */
  | { readonly kind: 'query'; readonly subject: Uint8Array; readonly issuer: Uint8Array; readonly serial: Uint8Array }
  /** Is this certificate one of the cluster's? X.509 DER. */
  | { readonly kind: 'verification'; readonly certificate: Uint8Array };

export type TvsIn =
  /** `servers` in the order of their priority. */
  | { readonly kind: 'ask'; readonly question: TvsQuestion; readonly servers: readonly TvsServer[] }
  | { readonly kind: 'connected' }
  | { readonly kind: 'data'; readonly octets: Uint8Array }
  /** The connection is no more, or never came about. */
  | { readonly kind: 'gone'; readonly why: string }
  /** Silence at once; the owner closes what is open. */
  | { readonly kind: 'stop' };

export type TvsOut =
  | { readonly kind: 'connect'; readonly server: TvsServer }
  | { readonly kind: 'write'; readonly octets: Uint8Array }
  | { readonly kind: 'close' }
  /** `answer` is null when no server answered; `why` is the last server's trouble. */
  | { readonly kind: 'answered'; readonly answer: tvs.Answer | null; readonly why: string };

type State =
  | { readonly name: 'idle' }
  | {
      readonly name: 'asking';
      readonly question: TvsQuestion;
      readonly servers: readonly TvsServer[];
      readonly index: number;
      readonly session: number;
      readonly giveUpAt: Instant;
      received: Uint8Array;
    };

interface Remembered {
  readonly answer: tvs.Answer;
  readonly until: Instant;
}

/** "Priority 0..4". */
const MAX_SERVERS = 5;
/** Sessions of a phone count from here (trace of an 8861). */
const FIRST_SESSION = 1_001;
/** More different certificates than a cluster shows to one phone. */
const MAX_REMEMBERED = 32;
/** A certificate and a little more; servers that send no end are not listened to. */
const MAX_ANSWER = 16_384;

export class TvsClient implements Machine<TvsIn, TvsOut> {
  /** `CP-7975G-SEP…`. */
  readonly #name: string;
  readonly #timeout: Duration;
  readonly #issuerTag: number;
  readonly #serialTag: number;
  readonly #remembered = new Map<string, Remembered>();
  #session = FIRST_SESSION;
  #state: State = { name: 'idle' };
  #out: TvsOut[] = [];

  constructor(name: string, tunables: TunableValues) {
    this.#name = name;
    this.#timeout = tunables['tvs.timeout'] * SECOND;
    this.#issuerTag = tunables['tvs.issuerTag'];
    this.#serialTag = tunables['tvs.serialTag'];
  }

  process(now: Instant, input: TvsIn): void {
    const state = this.#state;
    if (input.kind === 'ask') {
      this.#ask(now, input.question, input.servers.slice(0, MAX_SERVERS));
      return;
    }
    if (state.name === 'idle') return;
    switch (input.kind) {
      case 'connected':
        this.#out.push({ kind: 'write', octets: this.#request(state.question, state.session) });
        return;
      case 'data':
        this.#data(now, state, input.octets);
        return;
      case 'gone':
        this.#tryNext(now, state, input.why);
        return;
      case 'stop':
        this.#state = { name: 'idle' };
        this.#out = [];
        return;
    }
  }

  dispatch(now: Instant, emit: (out: TvsOut) => void): void {
    const state = this.#state;
    if (state.name === 'asking' && now >= state.giveUpAt) {
      this.#out.push({ kind: 'close' });
      this.#tryNext(now, state, 'timeout');
    }
    const out = this.#out;
    this.#out = [];
    for (const one of out) emit(one);
  }

  pollAt(): Instant {
    if (this.#out.length > 0) return 0;
    return this.#state.name === 'asking' ? this.#state.giveUpAt : NEVER;
  }

  #ask(now: Instant, question: TvsQuestion, servers: readonly TvsServer[]): void {
    if (this.#state.name !== 'idle') throw new Error('TVS client is busy with another question');
    const key = keyOf(question);
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined && now < remembered.until) {
      this.#out.push({ kind: 'answered', answer: remembered.answer, why: 'remembered' });
      return;
    }
    this.#remembered.delete(key);
    if (servers.length === 0) this.#out.push({ kind: 'answered', answer: null, why: 'no server is known' });
    else this.#connect(now, question, servers, 0);
  }

  #connect(now: Instant, question: TvsQuestion, servers: readonly TvsServer[], index: number): void {
    const session = this.#session++;
    const giveUpAt = now + this.#timeout;
    this.#state = { name: 'asking', question, servers, index, session, giveUpAt, received: new Uint8Array(0) };
    this.#out.push({ kind: 'connect', server: servers[index]! });
  }

  #tryNext(now: Instant, state: Extract<State, { name: 'asking' }>, why: string): void {
    const { question, servers, index } = state;
    if (index + 1 < servers.length) {
      this.#connect(now, question, servers, index + 1);
      return;
    }
    this.#state = { name: 'idle' };
    this.#out.push({ kind: 'answered', answer: null, why });
  }

  #data(now: Instant, state: Extract<State, { name: 'asking' }>, octets: Uint8Array): void {
    const received = new Uint8Array(state.received.length + octets.length);
    received.set(state.received);
    received.set(octets, state.received.length);
    state.received = received;
    const length = tvs.messageLength(received);
    if ((length === null || received.length < length) && received.length <= MAX_ANSWER) return;
    const answer = this.#answer(state, received);
    this.#out.push({ kind: 'close' });
    if (answer === null) {
      this.#tryNext(now, state, 'malformed answer');
      return;
    }
    this.#remember(now, state.question, answer);
    this.#state = { name: 'idle' };
    this.#out.push({ kind: 'answered', answer, why: 'answered' });
  }

  #answer({ question, session }: Extract<State, { name: 'asking' }>, octets: Uint8Array): tvs.Answer | null {
    const message = tvs.parse(octets);
    if (message instanceof Malformed || message.session !== session) return null;
    const { queryResponse, verificationResponse } = tvs.COMMANDS;
    const expected = question.kind === 'query' ? queryResponse : verificationResponse;
    return message.command === expected ? tvs.answerOf(message) : null;
  }

  #remember(now: Instant, question: TvsQuestion, answer: tvs.Answer): void {
    if (!answer.valid || answer.timeToLive === null || answer.timeToLive === 0) return;
    const oldest = this.#remembered.keys().next();
    if (this.#remembered.size === MAX_REMEMBERED && !oldest.done) this.#remembered.delete(oldest.value);
    this.#remembered.set(keyOf(question), { answer, until: now + answer.timeToLive * SECOND });
  }

  #request(question: TvsQuestion, session: number): Uint8Array {
    const device = new Uint8Array(1 + this.#name.length);
    device[0] = 1;
    emitLatin1(this.#name, device, 1);
    const isQuery = question.kind === 'query';
    const asked = isQuery
      ? [
          { tag: tvs.TAGS.subject, value: question.subject },
          { tag: this.#issuerTag, value: question.issuer },
          { tag: this.#serialTag, value: question.serial },
        ]
      : [{ tag: tvs.TAGS.certificate, value: question.certificate }];
    const message = {
      command: isQuery ? tvs.COMMANDS.queryRequest : tvs.COMMANDS.verificationRequest,
      filler: 0,
      session,
      elements: [{ tag: tvs.TAGS.device, value: device }, ...asked],
    };
    const octets = new Uint8Array(tvs.lengthOf(message));
    tvs.emit(message, octets);
    return octets;
  }
}

/** Different questions never have the same text: names end in NUL, and a certificate begins with its tag. */
function keyOf(question: TvsQuestion): string {
  if (question.kind === 'verification') return `certificate ${latin1(question.certificate)}`;
  return `query ${latin1(question.subject)}${latin1(question.issuer)}${latin1(question.serial)}`;
}
