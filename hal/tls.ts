/**
 * TLS as started operations: the board computes records, the software carries them. It opens a session, feeds what the peer sent, writes what the peer is to
 * read, and sends the octets that each operation completes with over a connection of its own.
 *
 * One operation at a time a session; the next may be started when `EntryPoints.onCompletion` has handed over the last one's `TlsProgress`. Who the
 * peer is nobody checks but the software: the engine takes any certificate, proves only that the peer has its key, and shows it with the handshake.
 */
import type { KeySlot, Operation } from './secure.ts';

export type TlsVersion = '1.0' | '1.1' | '1.2' | '1.3';

export interface TlsClientOptions {
  /** Lowest and highest version offered. */
  readonly versions: readonly [TlsVersion, TlsVersion];
  /** OpenSSL's names, best first; those of TLS 1.3 are always there where it is offered. */
  readonly ciphers: readonly string[];
  /**
   * Allows what is no longer thought safe: TLS 1.0 and 1.1, SHA-1, short keys, and suites that do not encrypt. Old phones have nothing else; without it
   * old versions throw, and what is weak otherwise ends the handshake.
   */
  readonly legacy: boolean;
  /** Key and certificate to show to a server that asks; null shows none. */
  readonly certificate: KeySlot | null;
  /** Name under which the session is kept and taken up again next time (RFC 5077); null never resumes. */
  readonly resume: string | null;
}

/** What both sides agreed on. */
export interface TlsHandshake {
  readonly version: TlsVersion;
  /** OpenSSL's name. */
  readonly cipher: string;
  /** X.509 DER; null when the peer showed none. */
  readonly peerCertificate: Uint8Array | null;
  readonly resumed: boolean;
}

/** What an operation of a session came to; the octets beside it are records for the peer, and may be none. */
export interface TlsProgress {
  /** With the operation that completed the handshake. */
  readonly handshake: TlsHandshake | null;
  /** What the peer said. */
  readonly received: Uint8Array;
  /**
   * Null while the session lives. `closed`: the peer ends it in order. Anything else is why it failed, in OpenSSL's words: `tlsv1 alert unknown ca`,
   * `unsupported protocol`. The octets beside it, an alert as a rule, should still be sent.
   */
  readonly ended: string | null;
}

export interface TlsSession {
  /** Started first, once: completes with the ClientHello. */
  start(): Operation;
  /** Started: what the peer sent. */
  feed(records: Uint8Array): Operation;
  /** Started: for the peer to read, once the handshake is complete. */
  write(octets: Uint8Array): Operation;
  /** Started: completes with the record that says so (close_notify). Nothing can be written after it. */
  end(): Operation;
  /** Forgets the session. An operation that is under way still completes. */
  destroy(): void;
}

export interface Tls {
  open(options: TlsClientOptions): TlsSession;
}
