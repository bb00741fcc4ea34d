import type { BootKey } from '../hal/secure.ts';

/**
 * The boot key of a board that nobody gave another. Its private half is made from a seed that is public by design (`images/key.ts`), so it
 * proves nothing but that an image is whole; the name is shown at every boot. `sepia image keygen` and `sepia flash create --boot-key`
 * replace it.
 */
export const DEVELOPMENT_KEY_ID = 'development';

/** SHA-256 of this text is the Ed25519 seed (RFC 8032, 5.1.5). */
export const DEVELOPMENT_SEED_TEXT = 'Sepia development boot key, public by design';

/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410): algorithm, then the 32 octets of the key. */
const SPKI = '302a300506032b65700321009de756c6310185580b5cc0f30e777b3e97463786555ecc5a25402fac8dad8456';

export function developmentBootKey(): BootKey {
  const publicKey = Uint8Array.from({ length: SPKI.length / 2 }, (_, index) =>
    Number.parseInt(SPKI.slice(index * 2, index * 2 + 2), 16),
  );
  return { id: DEVELOPMENT_KEY_ID, algorithm: 'ed25519', publicKey, revoked: false };
}
