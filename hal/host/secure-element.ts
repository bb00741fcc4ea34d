import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  verify as verifySignature,
  X509Certificate,
} from 'node:crypto';
import type {
  BootKey,
  CertificateFields,
  CompletionResult,
  DigestAlgorithm,
  HashAlgorithm,
  Hashing,
  KeyKind,
  KeySlot,
  Operation,
  RsaCheck,
  SecureElement,
  SignatureAlgorithm,
} from '../secure.ts';
import type { Timeline } from '../timeline.ts';
import { makeKeyPair, openSealed, SECRET_OCTETS, seal, signBare } from './private-key.ts';
import { beginVerifyRsa, decryptAes128Cbc, readCertificate, unwrapRsa, verifyRsa } from './public-key.ts';
import { StartedOperations } from './started-operations.ts';
import { TlsEngine, type TlsIdentity } from './tls-engine.ts';

export interface HostSecureElementOptions {
  readonly timeline: Timeline;
  /** The fuses. */
  readonly bootKeys: readonly BootKey[];
  /** Runs `onCompletion`; called from an alarm of the timeline, in the order of the operation numbers. */
  readonly complete: (operation: Operation, result: CompletionResult) => void;
  /** What keys are sealed with, 32 octets: burnt in, so it is the same for as long as the part lives. Random unless given. */
  readonly secret?: Uint8Array;
  /** Hears the secrets of each TLS session, a line of an NSS key log, so that captures can be read. */
  readonly keyLog?: (line: Uint8Array) => void;
}

/** The secure element on the host's crypto library, whose own threads compute what is started. The keys for TLS are its own, and so is the TLS engine. */
export class HostSecureElement implements SecureElement {
  readonly bootKeys: readonly BootKey[];
  readonly tls: TlsEngine;
  readonly #operations: StartedOperations;
  /** Null before the first, as most boards of a fleet get none. */
  #keys: Map<KeySlot, KeyObject> | null = null;
  #certificates: Map<KeySlot, Uint8Array> | null = null;
  /** What the software has loaded since the reset. */
  #lsc: TlsIdentity | null = null;
  #secret: Uint8Array | null;

  constructor(options: HostSecureElementOptions) {
    this.bootKeys = options.bootKeys;
    this.#secret = options.secret ?? null;
    this.#operations = new StartedOperations(options.timeline, options.complete);
    this.tls = new TlsEngine({
      operations: this.#operations,
      identity: (slot) => this.#identity(slot),
      ...(options.keyLog === undefined ? {} : { keyLog: options.keyLog }),
    });
  }

  hash(algorithm: HashAlgorithm, octets: Uint8Array): Uint8Array {
    return new Uint8Array(createHash(algorithm).update(octets).digest());
  }

  beginHash(algorithm: HashAlgorithm): Hashing {
    const hash = createHash(algorithm);
    return { update: (octets) => void hash.update(octets), digest: () => new Uint8Array(hash.digest()) };
  }

  verify(algorithm: SignatureAlgorithm, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    return verifyRemembered(algorithm, publicKey, message, signature);
  }

  verifyRsa(
    digest: DigestAlgorithm,
    publicKey: Uint8Array,
    parts: readonly Uint8Array[],
    signature: Uint8Array,
  ): boolean {
    return verifyRsa(digest, publicKey, parts, signature);
  }

  beginVerifyRsa(digest: DigestAlgorithm, publicKey: Uint8Array): RsaCheck | null {
    return beginVerifyRsa(digest, publicKey);
  }

  certificate(der: Uint8Array): CertificateFields | null {
    return readCertificate(der);
  }

  ownCertificate(slot: KeySlot): Uint8Array | null {
    return this.#certificateIn(slot)?.slice() ?? null;
  }

  unwrapKey(slot: KeySlot, wrapped: Uint8Array): Uint8Array | null {
    const key = this.#keyIn(slot);
    return key === null ? null : unwrapRsa(key, wrapped);
  }

  decryptAes128Cbc(key: Uint8Array, initializationVector: Uint8Array, cipherText: Uint8Array): Uint8Array | null {
    return decryptAes128Cbc(key, initializationVector, cipherText);
  }

  generateKey(kind: KeyKind): Operation {
    return this.#operations.start((finish) => {
      makeKeyPair(kind, (error, pair) => {
        if (pair === null) {
          finish({ ok: false, reason: error?.message ?? 'no key' });
          return;
        }
        const octets = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }));
        finish({ ok: true, octets, sealed: seal(this.#sealingSecret(), pair.privateKey) });
      });
    });
  }

  loadLsc(sealed: Uint8Array, certificate: Uint8Array): boolean {
    const privateKey = openSealed(this.#sealingSecret(), sealed);
    if (privateKey === null) return false;
    const own = new Uint8Array(certificate);
    try {
      if (!new X509Certificate(own).checkPrivateKey(privateKey)) return false;
    } catch {
      return false;
    }
    this.#lsc = { privateKey, certificate: own };
    this.tls.forget();
    return true;
  }

  unloadLsc(): void {
    this.#lsc = null;
    this.#keys?.delete('lsc');
    this.#certificates?.delete('lsc');
    this.tls.forget();
  }

  sign(slot: KeySlot, digest: DigestAlgorithm, message: Uint8Array): Operation {
    return this.#operations.start((finish) => {
      const key = this.#keyIn(slot);
      if (key === null) {
        finish({ ok: false, reason: `there is no key in slot ${slot}` });
        return;
      }
      // The octets are the software's again when this returns.
      signBare(key, digest, new Uint8Array(message), (error, signature) => {
        if (error === null) finish({ ok: true, octets: new Uint8Array(signature) });
        else finish({ ok: false, reason: error.message });
      });
    });
  }

  /**
   * Puts a key there from outside, as the factory does with the manufacturer's.
   * @param privateKey PKCS #8 DER, or the host's own object, which many phones may share.
   * @param certificate X.509 DER.
   */
  installKey(slot: KeySlot, privateKey: Uint8Array | KeyObject, certificate?: Uint8Array): void {
    const key =
      privateKey instanceof Uint8Array
        ? createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' })
        : privateKey;
    this.#keys ??= new Map();
    this.#keys.set(slot, key);
    this.#certificates ??= new Map();
    if (certificate === undefined) this.#certificates.delete(slot);
    else this.#certificates.set(slot, new Uint8Array(certificate));
  }

  /** As at power-on and reset: what was started is never completed, numbers begin at 1 again, sessions and what was loaded are gone, other keys stay. */
  reset(): void {
    this.#lsc = null;
    this.#operations.reset();
    this.tls.reset();
  }

  #identity(slot: KeySlot): TlsIdentity | null {
    const privateKey = this.#keyIn(slot);
    const certificate = this.#certificateIn(slot);
    return privateKey === null || certificate === null ? null : { privateKey, certificate };
  }

  #keyIn(slot: KeySlot): KeyObject | null {
    return (slot === 'lsc' ? this.#lsc?.privateKey : undefined) ?? this.#keys?.get(slot) ?? null;
  }

  #certificateIn(slot: KeySlot): Uint8Array | null {
    return (slot === 'lsc' ? this.#lsc?.certificate : undefined) ?? this.#certificates?.get(slot) ?? null;
  }

  #sealingSecret(): Uint8Array {
    this.#secret ??= new Uint8Array(randomBytes(SECRET_OCTETS));
    return this.#secret;
  }
}

/** A signature by a boot key is over a digest; what is longer is not looked up, only checked. */
const LONGEST_REMEMBERED_MESSAGE = 64;
const REMEMBERED_SIGNATURES = 1_024;
const remembered = new Map<string, boolean>();

/** Thousands of phones check the same signature of the same image at every boot: the answer can only be the same. */
function verifyRemembered(
  algorithm: SignatureAlgorithm,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (message.length > LONGEST_REMEMBERED_MESSAGE) return verifies(algorithm, publicKey, message, signature);
  // Lengths first: two different questions never have the same text.
  const question = `${algorithm} ${publicKey.length} ${message.length} ${latin1(publicKey)}${latin1(message)}${latin1(signature)}`;
  let answer = remembered.get(question);
  if (answer === undefined) {
    answer = verifies(algorithm, publicKey, message, signature);
    if (remembered.size >= REMEMBERED_SIGNATURES) remembered.clear();
    remembered.set(question, answer);
  }
  return answer;
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
}

function verifies(
  algorithm: SignatureAlgorithm,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
    if (algorithm === 'ed25519') {
      return key.asymmetricKeyType === 'ed25519' && verifySignature(null, message, key, signature);
    }
    const isP256 = key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
    return isP256 && verifySignature('sha256', message, key, signature);
  } catch {
    return false;
  }
}
