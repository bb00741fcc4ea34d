/** Private keys of the secure element on the host's crypto library: made, sealed, and used for signatures. */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  generateKeyPair,
  type KeyObject,
  privateEncrypt,
  randomBytes,
  sign,
} from 'node:crypto';
import type { DigestAlgorithm, KeyKind } from '../secure.ts';

/** Of an element's secret: an AES-256 key. */
export const SECRET_OCTETS = 32;

/** A sealed key: nonce, tag, and the key in PKCS #8 under AES-256-GCM (NIST SP 800-38D). */
const CIPHER = 'aes-256-gcm';
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const RSA_BITS: Readonly<Record<string, number>> = {
  'rsa-512': 512,
  'rsa-1024': 1024,
  'rsa-2048': 2048,
  'rsa-3072': 3072,
  'rsa-4096': 4096,
};
const CURVES: Readonly<Record<string, string>> = { 'ec-p256': 'P-256', 'ec-p384': 'P-384', 'ec-p521': 'P-521' };

/** Computed by the host's own threads. Whoever wrote the image may ask for a kind that there is not: that is an error as any other. */
export function makeKeyPair(kind: KeyKind, done: (error: Error | null, pair: KeyPair | null) => void): void {
  const namedCurve = CURVES[kind];
  const modulusLength = RSA_BITS[kind];
  const made = (error: Error | null, publicKey: KeyObject, privateKey: KeyObject): void =>
    done(error, error === null ? { publicKey, privateKey } : null);
  if (namedCurve !== undefined) generateKeyPair('ec', { namedCurve }, made);
  else if (modulusLength !== undefined) generateKeyPair('rsa', { modulusLength }, made);
  else done(new Error(`there are no keys of kind ${kind}`), null);
}

export function seal(secret: Uint8Array, key: KeyObject): Uint8Array {
  const nonce = randomBytes(NONCE_OCTETS);
  const cipher = createCipheriv(CIPHER, secret, nonce);
  const text = Buffer.concat([cipher.update(key.export({ type: 'pkcs8', format: 'der' })), cipher.final()]);
  return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), text]));
}

/** Null for what was not sealed with this secret. */
export function openSealed(secret: Uint8Array, sealed: Uint8Array): KeyObject | null {
  if (sealed.length <= NONCE_OCTETS + TAG_OCTETS) return null;
  try {
    const decipher = createDecipheriv(CIPHER, secret, sealed.subarray(0, NONCE_OCTETS), { authTagLength: TAG_OCTETS });
    decipher.setAuthTag(sealed.subarray(NONCE_OCTETS, NONCE_OCTETS + TAG_OCTETS));
    const text = Buffer.concat([decipher.update(sealed.subarray(NONCE_OCTETS + TAG_OCTETS)), decipher.final()]);
    return createPrivateKey({ key: text, format: 'der', type: 'pkcs8' });
  } catch {
    return null;
  }
}

/** See `SecureElement.sign`. */
export function signBare(
  key: KeyObject,
  digest: DigestAlgorithm,
  message: Uint8Array,
  done: (error: Error | null, signature: Uint8Array) => void,
): void {
  try {
    if (key.asymmetricKeyType !== 'rsa') {
      sign(digest, message, key, done);
      return;
    }
    const hash = createHash(digest).update(message).digest();
    done(null, privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, hash));
  } catch (error) {
    // A key of 512 bits has no room for SHA-512 and its padding.
    done(error as Error, new Uint8Array(0));
  }
}
