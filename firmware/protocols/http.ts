/**
 * HTTP/1.1 client for one file, as the phone does it: a TCP connection for each file, a request of two lines, and the
 * phone closes after the body. The request is that of an 8861 with load 12.1(1)SR1, octet for octet as a CUCM trace shows it.
 */
import type { Ipv4 } from '../../hal/nic.ts';
import { type Duration, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import { ipv4Text } from '../wire/address.ts';
import { emitUtf8, utf8Length } from '../wire/text.ts';
import type { FileOutcome, FileSink } from './file-outcome.ts';
import { type HttpProgress, HttpResponse } from './http-response.ts';

/** Where the call manager's TFTP service listens for HTTP. */
export const HTTP_PORT = 6970;

/** The same over TLS. */
export const HTTPS_PORT = 6971;

export type HttpIn =
  | {
      readonly kind: 'start';
      readonly server: Ipv4;
      readonly port: number;
      /** What the Host field names; the address as text unless given. */
      readonly host?: string;
      /** File name without the leading slash. */
      readonly name: string;
      /** Octets. */
      readonly maxSize: number;
      readonly sink?: FileSink;
    }
  | { readonly kind: 'connected' }
  | { readonly kind: 'data'; readonly octets: Uint8Array }
  /** The server has closed its side. */
  | { readonly kind: 'ended' }
  /** The connection is no more, or never came about. */
  | { readonly kind: 'gone'; readonly why: string }
  /** Silence at once; the owner closes what is open. */
  | { readonly kind: 'stop' };

export type HttpOut =
  | { readonly kind: 'connect'; readonly address: Ipv4; readonly port: number }
  | { readonly kind: 'write'; readonly octets: Uint8Array }
  /** FIN. */
  | { readonly kind: 'close' }
  /** RST: what still comes is not wanted. */
  | { readonly kind: 'abort' }
  | ({ readonly kind: 'done' } & FileOutcome);

type State =
  | { readonly name: 'idle' }
  | {
      readonly name: 'connecting';
      readonly request: Uint8Array;
      readonly response: HttpResponse;
      readonly giveUpAt: Instant;
    }
  | { readonly name: 'receiving'; readonly response: HttpResponse; giveUpAt: Instant };

export class HttpClient implements Machine<HttpIn, HttpOut> {
  readonly #connectTimeout: Duration;
  readonly #idleTimeout: Duration;
  #state: State = { name: 'idle' };
  #out: HttpOut[] = [];

  constructor(tunables: TunableValues) {
    this.#connectTimeout = tunables['http.connectTimeout'] * SECOND;
    this.#idleTimeout = tunables['http.idleTimeout'] * SECOND;
  }

  process(now: Instant, input: HttpIn): void {
    switch (input.kind) {
      case 'start':
        if (this.#state.name !== 'idle') throw new Error('HTTP client is busy with another file');
        this.#state = {
          name: 'connecting',
          request: httpRequest(input.host ?? ipv4Text(input.server), input.port, input.name),
          response: new HttpResponse(input.maxSize, input.sink ?? null),
          giveUpAt: now + this.#connectTimeout,
        };
        this.#out.push({ kind: 'connect', address: input.server, port: input.port });
        break;
      case 'connected':
        this.#connected(now);
        break;
      case 'data':
        this.#received(now, input.octets);
        break;
      case 'ended':
        if (this.#state.name === 'receiving') this.#ended(this.#state.response, this.#state.response.end());
        break;
      case 'gone':
        this.#gone(input.why);
        break;
      case 'stop':
        this.#out = [];
        this.#state = { name: 'idle' };
        break;
    }
  }

  dispatch(now: Instant, emit: (out: HttpOut) => void): void {
    for (;;) {
      const out = this.#out.shift();
      if (out !== undefined) emit(out);
      else if (this.#state.name !== 'idle' && now >= this.#state.giveUpAt)
        this.#finish('abort', { outcome: 'timeout' });
      else return;
    }
  }

  pollAt(): Instant {
    if (this.#out.length > 0) return 0;
    return this.#state.name === 'idle' ? NEVER : this.#state.giveUpAt;
  }

  #connected(now: Instant): void {
    if (this.#state.name !== 'connecting') return;
    const { request, response } = this.#state;
    this.#out.push({ kind: 'write', octets: request });
    this.#state = { name: 'receiving', response, giveUpAt: now + this.#idleTimeout };
  }

  #received(now: Instant, octets: Uint8Array): void {
    if (this.#state.name !== 'receiving') return;
    this.#state.giveUpAt = now + this.#idleTimeout;
    const progress = this.#state.response.feed(octets);
    if (progress !== 'more') this.#ended(this.#state.response, progress);
  }

  #ended(response: HttpResponse, progress: HttpProgress): void {
    if (progress === 'complete') this.#finish('close', outcomeOf(response));
    // The body of a refusal does not matter, whatever became of it.
    else if (response.status >= 300) this.#finish('abort', outcomeOf(response));
    else if (progress === 'too-large') this.#finish('abort', { outcome: 'too-large' });
    else this.#finish('abort', { outcome: 'error', code: 0, text: 'malformed or incomplete response' });
  }

  #gone(why: string): void {
    if (this.#state.name === 'idle') return;
    // A server may reset instead of closing; a body without a stated length that ends so cannot be told from a cut one.
    this.#state = { name: 'idle' };
    const outcome: FileOutcome = why === 'timeout' ? { outcome: 'timeout' } : { outcome: 'error', code: 0, text: why };
    this.#out.push({ kind: 'done', ...outcome });
  }

  #finish(how: 'close' | 'abort', outcome: FileOutcome): void {
    this.#state = { name: 'idle' };
    this.#out.push({ kind: how }, { kind: 'done', ...outcome });
  }
}

function outcomeOf(response: HttpResponse): FileOutcome {
  if (response.status === 200) return { outcome: 'received', octets: response.octets() };
  if (response.status === 404) return { outcome: 'not-found' };
  return { outcome: 'error', code: response.status, text: response.reason };
}

/** `GET /NAME HTTP/1.1`, `Host:HOST:PORT` without a blank, an empty line: no other field. */
function httpRequest(host: string, port: number, name: string): Uint8Array {
  const text = `GET /${percentEncoded(name)} HTTP/1.1\r\nHost:${host}:${port}\r\n\r\n`;
  const octets = new Uint8Array(utf8Length(text));
  emitUtf8(text, octets);
  return octets;
}

/** RFC 3986 section 2.1 for what cannot stand in a path; a name out of a configuration file may hold anything. */
function percentEncoded(name: string): string {
  return name.replace(/[^!$&'()*+,\-./0-9:;=@A-Z_a-z~]/gu, (character) => {
    const octets = new Uint8Array(utf8Length(character));
    emitUtf8(character, octets);
    return Array.from(octets, (octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  });
}
