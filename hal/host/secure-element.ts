import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign as signAsync,
  verify as verifySignature,
} from 'node:crypto';
import type {
  BootKey,
  CertificateFields,
  CompletionResult,
  DigestAlgorithm,
  HashAlgorithm,
  Hashing,
  KeySlot,
  Operation,
  SecureElement,
  SignatureAlgorithm,
} from '../secure.ts';
import type { Timeline } from '../timeline.ts';
import { decryptAes128Cbc, readCertificate, unwrapRsa, verifyRsa } from './public-key.ts';

export interface HostSecureElementOptions {
  readonly timeline: Timeline;
  /** The fuses. */
  readonly bootKeys: readonly BootKey[];
  /** Runs `onCompletion`; called from an alarm of the timeline, in the order of the operation numbers. */
  readonly complete: (operation: Operation, result: CompletionResult) => void;
}

interface Started {
  readonly operation: Operation;
  /** Its alarm has fired. On a timeline that cannot be held that may be before it is computed. */
  due: boolean;
  result: CompletionResult | null;
}

/**
 * The secure element on the host's crypto library. Started operations run on the library's own threads. Each has an alarm on the timeline that is armed
 * when it starts, and holds the timeline until it is computed; so in a virtual world completions come at the instant and in the order of
 * the starts, over all its phones, however the threads were scheduled.
 */
export class HostSecureElement implements SecureElement {
  readonly bootKeys: readonly BootKey[];
  readonly #timeline: Timeline;
  readonly #complete: (operation: Operation, result: CompletionResult) => void;
  readonly #keys = new Map<KeySlot, KeyObject>();
  readonly #certificates = new Map<KeySlot, Uint8Array>();
  #started: Started[] = [];
  #lastOperation = 0;

  constructor(options: HostSecureElementOptions) {
    this.bootKeys = options.bootKeys;
    this.#timeline = options.timeline;
    this.#complete = options.complete;
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

  certificate(der: Uint8Array): CertificateFields | null {
    return readCertificate(der);
  }

  ownCertificate(slot: KeySlot): Uint8Array | null {
    return this.#certificates.get(slot)?.slice() ?? null;
  }

  unwrapKey(slot: KeySlot, wrapped: Uint8Array): Uint8Array | null {
    const key = this.#keys.get(slot);
    return key === undefined ? null : unwrapRsa(key, wrapped);
  }

  decryptAes128Cbc(key: Uint8Array, initializationVector: Uint8Array, cipherText: Uint8Array): Uint8Array | null {
    return decryptAes128Cbc(key, initializationVector, cipherText);
  }

  generateKey(slot: KeySlot, kind: 'ec-p256' | 'rsa-2048'): Operation {
    return this.#start((finish) => {
      const startedWith = this.#started;
      const done = (error: Error | null, publicKey: KeyObject, privateKey: KeyObject) => {
        if (error !== null) {
          finish({ ok: false, reason: error.message });
          return;
        }
        // Not when the board was reset meanwhile.
        if (startedWith === this.#started) {
          this.#keys.set(slot, privateKey);
          this.#certificates.delete(slot);
        }
        finish({ ok: true, octets: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })) });
      };
      if (kind === 'ec-p256') generateKeyPair('ec', { namedCurve: 'P-256' }, done);
      else generateKeyPair('rsa', { modulusLength: 2048 }, done);
    });
  }

  sign(slot: KeySlot, message: Uint8Array): Operation {
    return this.#start((finish) => {
      const key = this.#keys.get(slot);
      if (key === undefined) {
        finish({ ok: false, reason: `there is no key in slot ${slot}` });
        return;
      }
      // The octets are the software's again when this returns.
      signAsync('sha256', new Uint8Array(message), key, (error, signature) => {
        if (error === null) finish({ ok: true, octets: new Uint8Array(signature) });
        else finish({ ok: false, reason: error.message });
      });
    });
  }

  /** Puts a key there from outside, as the factory does with the manufacturer's. `privateKey` is PKCS #8, `certificate` X.509, both DER. */
  installKey(slot: KeySlot, privateKey: Uint8Array, certificate?: Uint8Array): void {
    this.#keys.set(slot, createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' }));
    if (certificate === undefined) this.#certificates.delete(slot);
    else this.#certificates.set(slot, new Uint8Array(certificate));
  }

  /** As at power-on and reset: what was started is never completed, numbers begin at 1 again, keys stay. */
  reset(): void {
    this.#started = [];
    this.#lastOperation = 0;
  }

  #start(compute: (finish: (result: CompletionResult) => void) => void): Operation {
    this.#lastOperation++;
    const alarm = this.#timeline.createAlarm(() => {
      started.due = true;
      this.#deliver();
    });
    const started: Started = { operation: this.#lastOperation, due: false, result: null };
    this.#started.push(started);
    alarm.arm(this.#timeline.now());
    this.#timeline.hold();
    compute((result) => {
      started.result = result;
      if (started.due) alarm.arm(this.#timeline.now());
      this.#timeline.release();
    });
    return started.operation;
  }

  /** Completes what is due and computed, up to the first operation that is not. */
  #deliver(): void {
    for (let first = this.#started[0]; first?.due && first.result !== null; first = this.#started[0]) {
      this.#started.shift();
      this.#complete(first.operation, first.result);
    }
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
