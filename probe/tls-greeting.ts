/**
 * What a server says openly at the beginning of TLS: the version it chose and, up to TLS 1.2, its certificate. Enough to judge a server that shows
 * itself and then refuses whoever has no certificate of its own, as call managers do on 2443 and 5061.
 *
 *   record:     type (1)  version (2)  length (2)  fragment          RFC 5246 6.2.1; 22 handshake
 *   handshake:  type (1)  length (3)   body                          RFC 5246 7.4; 2 ServerHello, 11 Certificate
 *   ServerHello: version (2)  random (32)  session (1+n)  suite (2)  compression (1)  extensions (2+n)
 *   Certificate: length (3), then each certificate with length (3)
 */
import type { TlsVersion } from '../hal/tls.ts';

export interface Greeting {
  /** Null before ServerHello, or for one that nobody has defined. */
  readonly version: TlsVersion | null;
  /** X.509 DER; null as long as it has not been seen, and always with TLS 1.3, which encrypts it. */
  readonly certificate: Uint8Array | null;
}

const RECORD_HEADER = 5;
const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
/** RFC 8446 4.2.1: where TLS 1.3 says that it is that. */
const SUPPORTED_VERSIONS = 43;
/** A chain of certificates is a few kilobytes. */
const MOST_OCTETS = 65_536;

const VERSIONS: Readonly<Record<number, TlsVersion>> = { 769: '1.0', 770: '1.1', 771: '1.2', 772: '1.3' };

/** Reads along, piece by piece. */
export class GreetingReader {
  #records = new Uint8Array(0);
  #messages = new Uint8Array(0);
  #version: TlsVersion | null = null;
  #certificate: Uint8Array | null = null;

  get greeting(): Greeting {
    return { version: this.#version, certificate: this.#certificate };
  }

  feed(octets: Uint8Array): void {
    if (this.#records.length + octets.length > MOST_OCTETS) return;
    this.#records = joined(this.#records, octets);
    for (;;) {
      const length = RECORD_HEADER + u16(this.#records, 3);
      if (this.#records.length < RECORD_HEADER || this.#records.length < length) break;
      if (this.#records[0] === HANDSHAKE) {
        this.#messages = joined(this.#messages, this.#records.subarray(RECORD_HEADER, length));
      }
      this.#records = this.#records.slice(length);
    }
    this.#readMessages();
  }

  #readMessages(): void {
    // Once the certificate is there, and in TLS 1.3 after ServerHello, the rest is of no interest or not to be read.
    while (this.#certificate === null && this.#version !== '1.3' && this.#messages.length >= 4) {
      const length = u24(this.#messages, 1);
      if (this.#messages.length < 4 + length) return;
      const body = this.#messages.subarray(4, 4 + length);
      if (this.#messages[0] === SERVER_HELLO) this.#version = versionIn(body);
      if (this.#messages[0] === CERTIFICATE) this.#certificate = firstOf(body);
      this.#messages = this.#messages.slice(4 + length);
    }
  }
}

function versionIn(body: Uint8Array): TlsVersion | null {
  const session = body[34] ?? 0;
  let at = 35 + session + 3;
  const end = Math.min(body.length, at + 2 + u16(body, at));
  for (at += 2; at + 4 <= end; at += 4 + u16(body, at + 2)) {
    if (u16(body, at) === SUPPORTED_VERSIONS) return VERSIONS[u16(body, at + 4)] ?? null;
  }
  return VERSIONS[u16(body, 0)] ?? null;
}

function firstOf(body: Uint8Array): Uint8Array | null {
  const length = u24(body, 3);
  return length === 0 || body.length < 6 + length ? null : body.slice(6, 6 + length);
}

/** Octets that are not there count as 0. */
function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function u24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | u16(bytes, at + 1);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first, 0);
  whole.set(second, first.length);
  return whole;
}
