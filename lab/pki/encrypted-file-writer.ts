import { constants, createCipheriv, createHash, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto';
import * as tlv from '../../firmware/wire/tlv-container.ts';
import { container, DIGEST_CODES, element, type SignOptions, signFile, u16 } from './signed-file-writer.ts';

export type EncryptOptions = Omit<SignOptions, 'version' | 'encryption'> & {
  /** The phone's public key, out of its LSC or else its MIC, an RSA one; or the AES key, sixteen octets, that somebody types on the phone. */
  readonly phoneKey: KeyObject | Uint8Array;
};

const BLOCK = 16;
/** What the plain text is filled up with. */
const FILLER = 0x0d;

const { TAGS } = tlv;

/** [?] How a file for a typed key looks is not published: here it is the same one, without a key in it and with the size of the typed one. */
const TYPED: readonly tlv.Element[] = [element(TAGS.keySize, u16(128)), element(TAGS.keyAlgorithm, Uint8Array.of(0))];

function wrapped(key: Uint8Array, phoneKey: KeyObject): readonly tlv.Element[] {
  const bits = phoneKey.asymmetricKeyDetails?.modulusLength;
  if (phoneKey.asymmetricKeyType !== 'rsa' || bits === undefined)
    throw new RangeError('only an RSA key can wrap a key');
  return [
    element(TAGS.keySize, u16(bits)),
    element(TAGS.keyAlgorithm, Uint8Array.of(1)),
    element(TAGS.key, publicEncrypt({ key: phoneKey, padding: constants.RSA_PKCS1_PADDING }, key)),
  ];
}

/** A configuration that only one phone can read: encrypted first, then signed. */
export function encryptFile(plain: Uint8Array, options: EncryptOptions): Uint8Array {
  const { phoneKey, digest } = options;
  const key = phoneKey instanceof Uint8Array ? phoneKey : randomBytes(BLOCK);
  const keyInfo = phoneKey instanceof Uint8Array ? TYPED : wrapped(key, phoneKey);
  const vector = randomBytes(BLOCK);
  // A text of whole blocks gets one more, so that there is always filler.
  const filler = BLOCK - (plain.length % BLOCK);
  const padded = Buffer.concat([plain, Buffer.alloc(filler, FILLER)]);
  const cipher = createCipheriv('aes-128-cbc', key, vector).setAutoPadding(false);
  const cipherText = Buffer.concat([cipher.update(padded), cipher.final()]);
  const encryption = [
    container(TAGS.encryptionInfo, [
      container(TAGS.cipherInfo, [
        element(TAGS.cipherUnknown, Uint8Array.of(0)),
        element(TAGS.initializationVector, vector),
        element(TAGS.plainPadding, u16(filler)),
      ]),
      container(TAGS.keyInfo, [element(TAGS.keyUnknown, Uint8Array.of(0)), ...keyInfo]),
    ]),
    element(TAGS.plainHashAlgorithm, Uint8Array.of(DIGEST_CODES[digest])),
    element(TAGS.plainHash, createHash(digest).update(plain).digest()),
  ];
  return signFile(cipherText, { ...options, version: [2, 0], encryption });
}
