/**
 * What TLS shows to somebody without keys (RFC 5246 sections 6.2 and 7, RFC 8446 sections 4 and 5): records, and the handshake messages before
 * encryption begins.
 *
 *   record      type (1) version (2) length (2) fragment     20 change cipher spec, 21 alert, 22 handshake, 23 application data
 *   handshake   type (1) length (3) body                      1 ClientHello, 2 ServerHello, 11 Certificate, 14 ServerHelloDone
 */
import { u16 } from '../firmware/wire/octets.ts';
import { latin1 } from '../firmware/wire/text.ts';

const RECORD_HEADER = 5;
/** RFC 5246 section 6.2.3 allows 2^14 + 2,048. */
const LONGEST_RECORD = 18_432;
const TYPE = { changeCipherSpec: 20, alert: 21, handshake: 22, application: 23 } as const;
const HANDSHAKE = { clientHello: 1, serverHello: 2, certificate: 11 } as const;
/** Longest handshake message kept: a chain of certificates. */
const LONGEST_HANDSHAKE = 65_536;
const EXTENSION = { serverName: 0, supportedVersions: 43 } as const;

const VERSIONS: Readonly<Record<number, string>> = { 768: 'SSL3', 769: '1.0', 770: '1.1', 771: '1.2', 772: '1.3' };

/** Suites that telephones and call managers agree on, by OpenSSL's names (RFC 5246 A.5, RFC 5289, RFC 8446 B.4). */
const CIPHERS: Readonly<Record<number, string>> = {
  1: 'NULL-MD5',
  2: 'NULL-SHA',
  59: 'NULL-SHA256',
  10: 'DES-CBC3-SHA',
  47: 'AES128-SHA',
  53: 'AES256-SHA',
  60: 'AES128-SHA256',
  61: 'AES256-SHA256',
  156: 'AES128-GCM-SHA256',
  157: 'AES256-GCM-SHA384',
  49171: 'ECDHE-RSA-AES128-SHA',
  49172: 'ECDHE-RSA-AES256-SHA',
  49195: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  49196: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  49199: 'ECDHE-RSA-AES128-GCM-SHA256',
  49200: 'ECDHE-RSA-AES256-GCM-SHA384',
  4865: 'TLS_AES_128_GCM_SHA256',
  4866: 'TLS_AES_256_GCM_SHA384',
};

/** Octets behind the text in a record of a suite that authenticates and does not encrypt: the MAC. */
const NULL_CIPHER_MACS: Readonly<Record<string, number>> = { 'NULL-MD5': 16, 'NULL-SHA': 20, 'NULL-SHA256': 32 };

export type TlsSight =
  | { readonly kind: 'client-hello'; readonly version: string; readonly serverName: string | null }
  | { readonly kind: 'server-hello'; readonly version: string; readonly cipher: string }
  /** DER of the server's or client's own certificate. */
  | { readonly kind: 'certificate'; readonly der: Uint8Array }
  | { readonly kind: 'change-cipher-spec' }
  /** `code` is null when the alert is encrypted. */
  | { readonly kind: 'alert'; readonly code: number | null }
  /** `text` as far as the suite leaves it readable. */
  | { readonly kind: 'application'; readonly text: Uint8Array | null; readonly length: number };

/** One direction of a TLS connection. */
export class TlsRecords {
  #octets = new Uint8Array(0);
  #handshake = new Uint8Array(0);
  #isEncrypted = false;
  #isLost = false;
  /** The suite in use, as the ServerHello named it. */
  cipher: string | null = null;

  gap(): void {
    this.#isLost = true;
  }

  push(octets: Uint8Array, each: (sight: TlsSight) => void): void {
    if (this.#isLost) return;
    let bytes = joined(this.#octets, octets);
    while (bytes.length >= RECORD_HEADER) {
      const length = u16(bytes, 3);
      if (length > LONGEST_RECORD || bytes[1] !== 3) {
        this.#isLost = true;
        return;
      }
      if (bytes.length < RECORD_HEADER + length) break;
      this.#record(bytes[0]!, bytes.subarray(RECORD_HEADER, RECORD_HEADER + length), each);
      bytes = bytes.subarray(RECORD_HEADER + length);
    }
    this.#octets = bytes.slice();
  }

  #record(type: number, fragment: Uint8Array, each: (sight: TlsSight) => void): void {
    const readable = this.#readable(fragment);
    switch (type) {
      case TYPE.changeCipherSpec:
        this.#isEncrypted = true;
        each({ kind: 'change-cipher-spec' });
        return;
      case TYPE.alert:
        each({ kind: 'alert', code: readable?.length === 2 ? readable[1]! : null });
        return;
      case TYPE.handshake:
        if (!this.#isEncrypted) this.#handshakeOctets(fragment, each);
        return;
      case TYPE.application:
        each({ kind: 'application', text: readable, length: fragment.length });
        return;
    }
  }

  #readable(fragment: Uint8Array): Uint8Array | null {
    if (!this.#isEncrypted) return fragment;
    const mac = this.cipher === null ? undefined : NULL_CIPHER_MACS[this.cipher];
    return mac === undefined || fragment.length < mac ? null : fragment.subarray(0, fragment.length - mac);
  }

  #handshakeOctets(fragment: Uint8Array, each: (sight: TlsSight) => void): void {
    let bytes = joined(this.#handshake, fragment);
    while (bytes.length >= 4) {
      const length = (bytes[1]! << 16) | u16(bytes, 2);
      if (length > LONGEST_HANDSHAKE) {
        this.#isLost = true;
        return;
      }
      if (bytes.length < 4 + length) break;
      const sight = sightOf(bytes[0]!, bytes.subarray(4, 4 + length));
      if (sight !== null) each(sight);
      bytes = bytes.subarray(4 + length);
    }
    this.#handshake = bytes.slice();
  }
}

function sightOf(type: number, body: Uint8Array): TlsSight | null {
  switch (type) {
    case HANDSHAKE.clientHello: {
      const extensions = extensionsOf(body, true);
      const offered = extensions?.get(EXTENSION.supportedVersions);
      const version = offered === undefined ? u16(body, 0) : newest(offered.subarray(1));
      return { kind: 'client-hello', version: versionText(version), serverName: serverNameOf(extensions) };
    }
    case HANDSHAKE.serverHello: {
      if (body.length < 38) return null;
      const at = 35 + body[34]!;
      if (body.length < at + 2) return null;
      const chosen = extensionsOf(body, false)?.get(EXTENSION.supportedVersions);
      const version = chosen?.length === 2 ? u16(chosen, 0) : u16(body, 0);
      const suite = u16(body, at);
      const cipher = CIPHERS[suite] ?? `0x${suite.toString(16).padStart(4, '0')}`;
      return { kind: 'server-hello', version: versionText(version), cipher };
    }
    case HANDSHAKE.certificate: {
      if (body.length < 6) return null;
      const length = (body[3]! << 16) | u16(body, 4);
      return body.length < 6 + length ? null : { kind: 'certificate', der: body.slice(6, 6 + length) };
    }
    default:
      return null;
  }
}

/** Extensions by type; null when there are none, or they cannot be found. */
function extensionsOf(body: Uint8Array, isClient: boolean): Map<number, Uint8Array> | null {
  let at = 34;
  if (body.length <= at) return null;
  at += 1 + body[at]!;
  // A list of suites and one of compressions, or one of each.
  at += isClient ? 2 + (at + 2 <= body.length ? u16(body, at) : body.length) : 3;
  if (isClient) at += 1 + (body[at] ?? body.length);
  if (at + 2 > body.length) return null;
  const end = Math.min(body.length, at + 2 + u16(body, at));
  const extensions = new Map<number, Uint8Array>();
  for (at += 2; at + 4 <= end; at += 4 + u16(body, at + 2)) {
    extensions.set(u16(body, at), body.subarray(at + 4, Math.min(end, at + 4 + u16(body, at + 2))));
  }
  return extensions;
}

function newest(versions: Uint8Array): number {
  let found = 0;
  for (let at = 0; at + 2 <= versions.length; at += 2) {
    const version = u16(versions, at);
    // GREASE (RFC 8701) is above every version there is.
    if (version <= 0x0304) found = Math.max(found, version);
  }
  return found;
}

function serverNameOf(extensions: Map<number, Uint8Array> | null): string | null {
  const value = extensions?.get(EXTENSION.serverName);
  return value === undefined || value.length < 6 ? null : latin1(value, 5);
}

function versionText(version: number): string {
  return VERSIONS[version] ?? `0x${version.toString(16)}`;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
