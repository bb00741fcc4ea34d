import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto';
import type { BootKey, SignatureAlgorithm } from '../hal/secure.ts';
import { sameOctets } from '../storage/ascii.ts';
import { DEVELOPMENT_KEY_ID, DEVELOPMENT_SEED_TEXT, developmentBootKey } from '../storage/development-key.ts';
import type { Sealer } from '../storage/image-format.ts';

/** A private key that signs images, and what boards need to know of it. */
export interface SigningKey {
  readonly bootKey: BootKey;
  readonly privateKey: KeyObject;
}

/** A key file that cannot be used. The message is one sentence. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
}

/** PKCS #8 of an Ed25519 key (RFC 8410, section 7): algorithm, then the seed. */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The key whose private half everybody can make: what images are signed with unless another key is given. */
export function developmentKey(): SigningKey {
  const seed = createHash('sha256').update(DEVELOPMENT_SEED_TEXT).digest();
  return { privateKey: ed25519Key(seed, DEVELOPMENT_KEY_ID).privateKey, bootKey: developmentBootKey() };
}

/** The key that follows from a seed of 32 octets. */
export function ed25519Key(seed: Uint8Array, id: string): SigningKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' });
  return { privateKey, bootKey: bootKeyOf(createPublicKey(privateKey), id) };
}

export interface GeneratedKey {
  readonly id: string;
  /** PKCS #8. */
  readonly privatePem: string;
  /** SubjectPublicKeyInfo. */
  readonly publicPem: string;
}

/** Makes a new boot key. */
export function generateKey(algorithm: SignatureAlgorithm): GeneratedKey {
  const pair =
    algorithm === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    id: bootKeyOf(pair.publicKey, null).id,
    privatePem: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicPem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** Reads a private key. `id` null takes the name that follows from the key. Throws KeyError. */
export function readSigningKey(pem: string | Buffer, id: string | null = null): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(pem);
  } catch {
    throw new KeyError('This is not a private key in PEM form.');
  }
  return { privateKey, bootKey: bootKeyOf(createPublicKey(privateKey), id) };
}

/** Reads a public (or private) key as a board's fuses take it. Throws KeyError. */
export function readBootKey(pem: string | Buffer, id: string | null = null): BootKey {
  try {
    return bootKeyOf(createPublicKey(pem), id);
  } catch (error) {
    if (error instanceof KeyError) throw error;
    throw new KeyError('This is not a public key in PEM form.');
  }
}

function bootKeyOf(key: KeyObject, id: string | null): BootKey {
  const algorithm = algorithmOf(key);
  const publicKey = new Uint8Array(key.export({ type: 'spki', format: 'der' }));
  return { id: id ?? nameOf(publicKey), algorithm, publicKey, revoked: false };
}

function algorithmOf(key: KeyObject): SignatureAlgorithm {
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') {
    return 'ecdsa-p256-sha256';
  }
  throw new KeyError(`A boot key is Ed25519 or ECDSA P-256, not ${key.asymmetricKeyType}.`);
}

/** `development`, or `key-` and the first eight digits of the SHA-256 of the public key. */
function nameOf(publicKey: Uint8Array): string {
  if (sameOctets(publicKey, developmentBootKey().publicKey)) return DEVELOPMENT_KEY_ID;
  return `key-${createHash('sha256').update(publicKey).digest('hex').slice(0, 8)}`;
}

export function sha256(octets: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(octets).digest());
}

/** Signs as `docs/image-format.md` says: the 32 octets of the digest are the message. Null makes unsigned images. */
export function sealerOf(key: SigningKey | null): Sealer {
  return {
    sha256,
    sign: (digest) => {
      if (key === null) return null;
      const { id, algorithm } = key.bootKey;
      const octets = nodeSign(algorithm === 'ed25519' ? null : 'sha256', digest, key.privateKey);
      return { keyId: id, algorithm, octets: new Uint8Array(octets) };
    },
  };
}

/** As a board's secure element does it: what cannot be parsed does not verify. */
export function verifySignature(
  algorithm: SignatureAlgorithm,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
    return (
      algorithmOf(key) === algorithm && nodeVerify(algorithm === 'ed25519' ? null : 'sha256', message, key, signature)
    );
  } catch {
    return false;
  }
}
