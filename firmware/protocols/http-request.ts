/** Reader of one HTTP/1.1 request without a body (RFC 9112), fed with whatever pieces TCP delivers, and the head of the answer to it. */
import { emitLatin1, latin1 } from '../wire/text.ts';

/** Request line and header fields: a phone sends two lines. */
const MAX_HEAD = 2_048;

const REQUEST_LINE = /^GET (\S+) HTTP\/1\.\d$/;

export class HttpRequest {
  #head = '';

  /** The target once the request is whole, `/NAME` as it stands; `malformed` for what is no GET, or never ends. */
  feed(octets: Uint8Array): { readonly target: string } | 'more' | 'malformed' {
    this.#head += latin1(octets, 0, Math.min(octets.length, MAX_HEAD));
    const end = this.#head.indexOf('\r\n\r\n');
    if (end === -1) return this.#head.length < MAX_HEAD ? 'more' : 'malformed';
    const target = REQUEST_LINE.exec(this.#head.slice(0, this.#head.indexOf('\r\n')))?.[1];
    return target === undefined ? 'malformed' : { target };
  }
}

const REASONS = { 200: 'OK', 400: 'Bad Request', 404: 'Not Found', 503: 'Service Unavailable' } as const;

/** @param length octets of the body that follows */
export function httpAnswerHead(status: keyof typeof REASONS, length: number): Uint8Array {
  const text = `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`;
  const octets = new Uint8Array(text.length);
  emitLatin1(text, octets);
  return octets;
}
