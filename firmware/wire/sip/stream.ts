/**
 * Cuts a TCP stream into SIP messages by Content-Length (RFC 3261 section 18.3). Several share a segment, one spans several. Holds octets only
 * while a message is incomplete; at rest it holds nothing.
 */
import { Malformed } from '../../malformed.ts';
import { latin1 } from '../text.ts';
import { copyOf, headerEnd, MAX_MESSAGE } from './message.ts';

export const NO_FRAME = new Malformed('SIP', 'no message on the stream');
export const NO_LENGTH = new Malformed('SIP', 'a Content-Length that says nothing');

/** Octets in which a Content-Length field is looked for: white space and nine digits are well within. */
const LONGEST_LENGTH_FIELD = 64;

const LOWER_CASE = 0x20;
const LETTER_C = 0x63;
const LETTER_L = 0x6c;
const CR = 13;
const LF = 10;

export class MessageStream {
  #held: Uint8Array | null = null;

  /**
   * @param each gets one whole message; `bytes` is valid until it returns. It returns false to have the rest thrown away
   * @returns why the stream is of no more use; else null
   */
  push(octets: Uint8Array, each: (bytes: Uint8Array, offset: number, length: number) => boolean): Malformed | null {
    const held = this.#held;
    this.#held = null;
    const bytes = held === null ? octets : joined(held, octets);
    let at = 0;
    for (;;) {
      // Line ends between messages keep a connection alive (7.5, RFC 5626 4.4.1).
      while (at < bytes.length && (bytes[at] === CR || bytes[at] === LF)) at++;
      if (at === bytes.length) return null;
      const length = messageLength(bytes, at);
      if (typeof length !== 'number') return length;
      if (length === 0 || at + length > bytes.length) {
        this.#held = copyOf(bytes, at, bytes.length);
        return null;
      }
      if (!each(bytes, at, length)) return null;
      at += length;
    }
  }

  clear(): void {
    this.#held = null;
  }
}

/** Octets of the message that begins at `at`; 0 while its header is incomplete. */
function messageLength(bytes: Uint8Array, at: number): number | Malformed {
  const end = headerEnd(bytes, at, bytes.length);
  if (end === -1) return bytes.length - at > MAX_MESSAGE ? NO_FRAME : 0;
  if (end - at > MAX_MESSAGE) return NO_FRAME;
  let body: number | null = null;
  for (let line = lineAfter(bytes, at, end); line < end; line = lineAfter(bytes, line, end)) {
    const first = bytes[line]! | LOWER_CASE;
    if (first !== LETTER_C && first !== LETTER_L) continue;
    const text = latin1(bytes, line, Math.min(end - line, LONGEST_LENGTH_FIELD));
    const match = /^(?:content-length|l)[ \t]*:[ \t]*([^\r]*)\r/i.exec(text);
    if (match === null) continue;
    if (!/^\d{1,9}[ \t]*$/.test(match[1]!)) return NO_LENGTH;
    if (body !== null && Number(match[1]) !== body) return NO_LENGTH;
    body = Number(match[1]);
  }
  const length = end - at + (body ?? 0);
  return length > MAX_MESSAGE ? NO_FRAME : length;
}

/** Offset of the line behind the one that `from` is in. */
function lineAfter(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && bytes[at] !== LF) at++;
  return at + 1;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const octets = new Uint8Array(a.length + b.length);
  octets.set(a);
  octets.set(b, a.length);
  return octets;
}
