/**
 * The secure element: hashes and signature checks, the boot keys in the fuses, and keys that never leave it.
 *
 * Two kinds of call. Immediate ones return. Started ones return an operation number and complete later through
 * `EntryPoints.onCompletion(operation, result)`, in the order of their numbers; while one is outstanding the
 * virtual timeline is held, so that a run does not depend on how fast the host computes.
 */

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

export type KeySlot = 'mic' | 'lsc';

/** What `onCompletion` hands over. `octets` is the operation's own result: the public key (SPKI DER) or the signature. */
export type CompletionResult =
  | { readonly ok: true; readonly octets: Uint8Array }
  | { readonly ok: false; readonly reason: string };

export interface SecureElement {
  readonly bootKeys: readonly BootKey[];
  hash(algorithm: HashAlgorithm, octets: Uint8Array): Uint8Array;
  /** True when `signature` is `publicKey`'s over `message`. A key or a signature that cannot be parsed gives false. */
  verify(algorithm: SignatureAlgorithm, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Started: makes a key pair in `slot`; completes with the public key. */
  generateKey(slot: KeySlot, kind: 'ec-p256' | 'rsa-2048'): Operation;
  /** Started: signs SHA-256 of `message` with the key in `slot`; completes with the signature. */
  sign(slot: KeySlot, message: Uint8Array): Operation;
}
