/**
 * The secure element: hashes and signature checks, the boot keys in the fuses, and keys that never leave it.
 *
 * Two kinds of call. Immediate ones return. Started ones return an operation number and complete later through
 * `EntryPoints.onCompletion(operation, result)`, in the order of their numbers; while one is outstanding the
 * virtual timeline is held, so that a run does not depend on how fast the host computes.
 */

import type { TlsProgress } from './tls.ts';

export type HashAlgorithm = 'md5' | 'sha1' | 'sha256' | 'sha512';

/** How an image may be signed. Ed25519 signs the 32-octet digest as its message; ECDSA signs it as a prehashed value would be, over SHA-256 of it. */
export type SignatureAlgorithm = 'ed25519' | 'ecdsa-p256-sha256';

/** A public key that the fuses hold: what the bootloader trusts. */
export interface BootKey {
  /** Name shown at boot and by `doctor`, for example `development`. */
  readonly id: string;
  readonly algorithm: SignatureAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly revoked: boolean;
}

/** The number of a started operation, counted from 1 since power-on. */
export type Operation = number;

/** `mic`: the manufacturer's key, in the element for good. `lsc`: the cluster's, which the software keeps sealed and loads after each reset. */
export type KeySlot = 'mic' | 'lsc';

export type KeyKind = 'rsa-512' | 'rsa-1024' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ec-p256' | 'ec-p384' | 'ec-p521';

/** Digests of RSA signatures. */
export type DigestAlgorithm = Exclude<HashAlgorithm, 'md5'>;

/** What an X.509 certificate says. Nothing about it has been verified. */
export interface CertificateFields {
  /** Relative distinguished names from the last to the first, joined by `;`: `CN=host;OU=TAC;O=Lab;C=PL`. */
  readonly subject: string;
  readonly issuer: string;
  /** Lower-case hexadecimal without leading zero octets. */
  readonly serial: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** For example `RSA-2048` or `EC-secp384r1`. */
  readonly key: string;
  /** Unix seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * What `onCompletion` hands over. `octets` is the operation's own result: the public key (SPKI DER), the signature, or records of TLS for the peer with
 * what else the session came to.
 */
export type CompletionResult =
  | {
      readonly ok: true;
      readonly octets: Uint8Array;
      /** Of `generateKey`: the private key, in octets that mean nothing to anybody but the element that made it. */
      readonly sealed?: Uint8Array;
      readonly tls?: TlsProgress;
    }
  | { readonly ok: false; readonly reason: string };

/** A digest in the making, for what is too large to be held. */
export interface Hashing {
  update(octets: Uint8Array): void;
  /** Ends it. */
  digest(): Uint8Array;
}

/** A check of a signature over what is too large to be held. */
export interface RsaCheck {
  update(octets: Uint8Array): void;
  /** Ends it; as `verifyRsa`. */
  verify(signature: Uint8Array): boolean;
}

export interface SecureElement {
  readonly bootKeys: readonly BootKey[];
  hash(algorithm: HashAlgorithm, octets: Uint8Array): Uint8Array;
  beginHash(algorithm: HashAlgorithm): Hashing;
  /** True when `signature` is `publicKey`'s over `message`. A key or a signature that cannot be parsed gives false. */
  verify(algorithm: SignatureAlgorithm, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /**
   * True when `signature` is an RSASSA-PKCS1-v1_5 one (RFC 8017 section 8.2) over `parts`, one after the other. What cannot be parsed gives false.
   * @param publicKey PKCS #1 RSAPublicKey or SubjectPublicKeyInfo, DER.
   */
  verifyRsa(
    digest: DigestAlgorithm,
    publicKey: Uint8Array,
    parts: readonly Uint8Array[],
    signature: Uint8Array,
  ): boolean;
  /** The same, of parts that come one after the other. Null for a key that cannot be parsed. */
  beginVerifyRsa(digest: DigestAlgorithm, publicKey: Uint8Array): RsaCheck | null;
  /** Null for what is no certificate. */
  certificate(der: Uint8Array): CertificateFields | null;
  /** The certificate, DER, that goes with the key in `slot`; null when there is none. */
  ownCertificate(slot: KeySlot): Uint8Array | null;
  /** RSAES-PKCS1-v1_5 decryption (RFC 8017 section 7.2) with the key in `slot`; null when it has no RSA key or the padding is wrong. */
  unwrapKey(slot: KeySlot, wrapped: Uint8Array): Uint8Array | null;
  /** Takes no padding off. Null when key, vector or text have the wrong length. */
  decryptAes128Cbc(key: Uint8Array, initializationVector: Uint8Array, cipherText: Uint8Array): Uint8Array | null;
  /** Started: makes a key pair; completes with the public key, and the private one sealed. It is in no slot before `loadLsc`. */
  generateKey(kind: KeyKind): Operation;
  /**
   * Puts a key that this element has sealed, and its certificate, X.509 DER, into the LSC slot, until the board is reset. False, and nothing is changed, when another
   * element has sealed it, or the certificate is another key's.
   */
  loadLsc(sealed: Uint8Array, certificate: Uint8Array): boolean;
  /** Empties the LSC slot. */
  unloadLsc(): void;
  /**
   * Started: signs `message` with the key in `slot` as CAPF wants it; completes with the signature. RSA: the bare digest, without its DigestInfo, in a block of
   * type 1 (RFC 8017 section 9.2, PKCS #1 v1.5); EC: ECDSA, DER.
   */
  sign(slot: KeySlot, digest: DigestAlgorithm, message: Uint8Array): Operation;
}
