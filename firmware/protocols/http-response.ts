/** Reader of one HTTP/1.1 response (RFC 9112), fed with whatever pieces TCP delivers. Bounded in all it keeps but the body, whose bound is given. */
import { latin1 } from '../wire/text.ts';
import { FileAssembly, type FileSink } from './file-outcome.ts';

export type HttpProgress = 'more' | 'complete' | 'too-large' | 'malformed';

/** Status line and all header fields: a server that sends more is none a phone talks to. */
const MAX_HEAD_LENGTH = 16_384;

/** One line of the chunked framing: size, extensions, a trailer field. */
const MAX_LINE_LENGTH = 1_024;

/** Trailer lines after the last chunk. */
const MAX_TRAILERS = 64;

const LF = 0x0a;

type Part =
  | { readonly name: 'head' }
  /** Content-Length: this much is missing; without one (RFC 9112 section 6.3, 8) until the server closes, `Infinity`. */
  | { readonly name: 'body'; left: number }
  | { readonly name: 'chunk-size' | 'chunk-end' | 'trailer' }
  | { readonly name: 'chunk'; left: number }
  | { readonly name: 'complete' };

export class HttpResponse {
  readonly #maxSize: number;
  readonly #sink: FileSink | null;
  #body: FileAssembly;
  #part: Part = { name: 'head' };
  #line = '';
  #head: string[] = [];
  #headLength = 0;
  #trailers = 0;
  status = 0;
  /** Reason phrase. */
  reason = '';

  constructor(maxSize: number, sink: FileSink | null = null) {
    this.#maxSize = maxSize;
    this.#sink = sink;
    this.#body = new FileAssembly(maxSize, null);
  }

  octets(): Uint8Array {
    return this.#body.octets();
  }

  feed(octets: Uint8Array): HttpProgress {
    let at = 0;
    while (at < octets.length && this.#part.name !== 'complete') {
      const part = this.#part;
      if (part.name === 'body' || part.name === 'chunk') {
        const taken = octets.subarray(at, at + Math.min(part.left, octets.length - at));
        if (!this.#body.push(taken)) return 'too-large';
        at += taken.length;
        part.left -= taken.length;
        if (part.left === 0) this.#part = part.name === 'body' ? { name: 'complete' } : { name: 'chunk-end' };
        continue;
      }
      const lf = octets.indexOf(LF, at);
      const end = lf === -1 ? octets.length : lf;
      this.#line += latin1(octets, at, end - at);
      at = end + 1;
      if (this.#line.length > (part.name === 'head' ? MAX_HEAD_LENGTH : MAX_LINE_LENGTH)) return 'malformed';
      if (lf === -1) break;
      const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
      this.#line = '';
      const problem = this.#takeLine(part.name, line);
      if (problem !== null) return problem;
    }
    return this.#part.name === 'complete' ? 'complete' : 'more';
  }

  /** The server has closed its side. */
  end(): HttpProgress {
    const whole = this.#part.name === 'complete' || (this.#part.name === 'body' && this.#part.left === Infinity);
    return whole ? 'complete' : 'malformed';
  }

  #takeLine(part: 'head' | 'chunk-size' | 'chunk-end' | 'trailer' | 'complete', line: string): HttpProgress | null {
    switch (part) {
      case 'head':
        return this.#takeHeadLine(line);
      case 'chunk-size': {
        const size = /^([0-9a-f]{1,8})\s*(?:;.*)?$/i.exec(line)?.[1];
        if (size === undefined) return 'malformed';
        const left = Number.parseInt(size, 16);
        if (this.#body.exceeds(left)) return 'too-large';
        this.#part = left === 0 ? { name: 'trailer' } : { name: 'chunk', left };
        return null;
      }
      case 'chunk-end':
        if (line !== '') return 'malformed';
        this.#part = { name: 'chunk-size' };
        return null;
      case 'trailer':
        if (line === '') this.#part = { name: 'complete' };
        else if (++this.#trailers > MAX_TRAILERS) return 'malformed';
        return null;
      case 'complete':
        return null;
    }
  }

  #takeHeadLine(line: string): HttpProgress | null {
    this.#headLength += line.length + 2;
    if (this.#headLength > MAX_HEAD_LENGTH) return 'malformed';
    if (line !== '') {
      this.#head.push(line);
      return null;
    }
    if (this.#head.length === 0) return null; // RFC 9112 section 2.2: empty lines before the start line are ignored.
    const [statusLine, ...fields] = this.#head;
    this.#head = [];
    const start = /^HTTP\/1\.\d (\d{3})(?: (.*))?$/.exec(statusLine!);
    if (start === null) return 'malformed';
    this.status = Number(start[1]);
    this.reason = (start[2] ?? '').trim();
    if (this.status < 200) return null; // Interim response: the real one follows.
    // The body of a refusal is nobody's file.
    if (this.status === 200) this.#body = new FileAssembly(this.#maxSize, this.#sink);
    const part = this.#bodyPart(fields);
    if (part === null) return 'malformed';
    this.#part = part;
    return part.name === 'body' && part.left !== Infinity && part.left > this.#maxSize ? 'too-large' : null;
  }

  /** How the body is delimited (RFC 9112 section 6.3). */
  #bodyPart(fields: readonly string[]): Part | null {
    if (this.status === 204 || this.status === 304) return { name: 'complete' };
    let length: string | null = null;
    for (const field of fields) {
      const colon = field.indexOf(':');
      const name = field.slice(0, Math.max(0, colon)).toLowerCase();
      const value = field.slice(colon + 1).trim();
      if (name === 'transfer-encoding' && value.toLowerCase().endsWith('chunked')) return { name: 'chunk-size' };
      if (name === 'content-length') {
        if (length !== null && length !== value) return null;
        length = value;
      }
    }
    if (length === null) return { name: 'body', left: Infinity };
    if (!/^\d{1,15}$/.test(length)) return null;
    return length === '0' ? { name: 'complete' } : { name: 'body', left: Number(length) };
  }
}
