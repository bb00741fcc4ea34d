/** Whether a signed or encrypted file that arrived may be used. */
import type { KeySlot } from '../../../hal/secure.ts';
import { sameOctets } from '../../../storage/ascii.ts';
import { Malformed } from '../../malformed.ts';
import { DIGESTS, type Encryption, looksSigned, parseSignedFile, type SignedFile } from './signed-file.ts';
import {
  type FileVerdict,
  type Rejected,
  rejected,
  type TrustContext,
  type TrustCrypto,
  type UnsignedFile,
} from './verdict.ts';
import { verifyByKey, verifySignature } from './verify-signature.ts';

/** What the names of files end in when they are signed, and signed and encrypted. */
export const SIGNED = '.sgn';
export const ENCRYPTED = '.enc.sgn';

/** AES blocks; the plain text is filled up to a whole number of them, by a whole one where it was one already. */
const BLOCK = 16;

/** Code of tag 24 for RSAES-PKCS1-v1_5, the only one ever seen. */
const RSA_WRAP = 1;

/**
 * A file that was asked for with `.sgn`. A server that signs configurations has the role TFTP.
 * @param name what was asked for, which the header has to repeat.
 */
export function judgeSignedFile(name: string, octets: Uint8Array, context: TrustContext): FileVerdict {
  const file = readSigned(name, octets);
  if ('outcome' in file) return file;
  if (file.encryption !== null) return rejected('encrypted', 'The file is encrypted.', file.signer);
  const verdict = verifySignature(octets, file, 'TFTP', context);
  if (verdict.outcome !== 'verified') return verdict;
  return { outcome: 'verified', signer: file.signer, file, payload: file.payload };
}

/**
 * A file that was asked for with `.enc.sgn`: nothing is decrypted before its signature has been verified.
 * @param slot where the phone's key is
 * @param typed the AES key that a person has typed, for files that bring none; with neither the signature is verified and the payload stays encrypted
 */
export function judgeEncryptedFile(
  name: string,
  octets: Uint8Array,
  context: TrustContext,
  slot: KeySlot | null,
  typed: Uint8Array | null = null,
): FileVerdict {
  const file = readEncrypted(name, octets);
  if ('outcome' in file) return file;
  const verdict = verifySignature(octets, file, 'TFTP', context);
  if (verdict.outcome !== 'verified') return verdict;
  const { crypto } = context;
  const payload =
    slot === null && typed === null ? file.payload : decrypt(file, keyOf(file, slot, typed, crypto), crypto);
  if ('outcome' in payload) return payload;
  return { outcome: 'verified', signer: file.signer, file, payload };
}

/** A file that was asked for with `.enc.sgn` and whose signature is nobody's business, for who has the typed key may write it. Null for one that is wrapped. */
export function openTypedFile(
  name: string,
  octets: Uint8Array,
  typed: Uint8Array,
  crypto: TrustCrypto,
): UnsignedFile | Rejected | null {
  const file = readEncrypted(name, octets);
  if ('outcome' in file) return file;
  if (file.encryption.wrappedKey !== null) return null;
  const payload = decrypt(file, typed, crypto);
  return 'outcome' in payload ? payload : { outcome: 'unsigned', payload };
}

/**
 * A file of firmware (`.loads`, `.sbn`): the key is built into the phone and not looked up, for the signer that such files name is a dummy.
 * @param key SubjectPublicKeyInfo or PKCS #1 RSAPublicKey, DER.
 */
export function judgeFirmwareFile(name: string, octets: Uint8Array, key: Uint8Array, crypto: TrustCrypto): FileVerdict {
  const file = readSigned(name, octets);
  if ('outcome' in file) return file;
  const verdict = verifyByKey(octets, file, key, crypto);
  if (verdict.outcome !== 'verified') return verdict;
  return { outcome: 'verified', signer: file.signer, file, payload: file.payload };
}

type EncryptedFile = SignedFile & { readonly encryption: Encryption };

function readEncrypted(name: string, octets: Uint8Array): EncryptedFile | Rejected {
  const file = readSigned(name, octets);
  if ('outcome' in file || isEncrypted(file)) return file;
  return rejected('not-encrypted', 'The file is not encrypted.', file.signer);
}

function isEncrypted(file: SignedFile): file is EncryptedFile {
  return file.encryption !== null;
}

function readSigned(name: string, octets: Uint8Array): SignedFile | Rejected {
  if (octets.length === 0) return rejected('empty-file', 'The file is empty.');
  if (!looksSigned(octets)) return rejected('not-signed', 'The file has no signed header.');
  const file = parseSignedFile(octets);
  if (file instanceof Malformed) return rejected('malformed', `${file.protocol}: ${file.reason}.`);
  if (file.filename === name) return file;
  return rejected('wrong-name', `The file calls itself ${file.filename}, not ${name}.`, file.signer);
}

/** Null where the file is not for this phone. */
function keyOf(
  { encryption: { wrappedKey, keyAlgorithm } }: EncryptedFile,
  slot: KeySlot | null,
  typed: Uint8Array | null,
  crypto: TrustCrypto,
): Uint8Array | null {
  if (wrappedKey === null) return typed;
  return slot === null || keyAlgorithm !== RSA_WRAP ? null : crypto.unwrapKey(slot, wrappedKey);
}

function decrypt(file: EncryptedFile, key: Uint8Array | null, crypto: TrustCrypto): Uint8Array | Rejected {
  const { signer, payload } = file;
  const { wrappedKey, initializationVector, plainPadding, hashAlgorithm, hash } = file.encryption;
  if (key === null) {
    const detail =
      wrappedKey === null ? 'The key of the file has to be typed.' : "The key is not wrapped for this phone's key.";
    return rejected('key-unwrap', detail, signer);
  }
  if (payload.length === 0 || payload.length % BLOCK !== 0 || plainPadding > BLOCK) {
    return rejected('cipher-text', 'The cipher text has the wrong length.', signer);
  }
  const padded = crypto.decryptAes128Cbc(key, initializationVector, payload);
  if (padded === null) return rejected('cipher-text', 'Key or initialization vector has the wrong length.', signer);
  const plain = padded.subarray(0, padded.length - plainPadding);
  const digest = DIGESTS[hashAlgorithm];
  if (digest === undefined)
    return rejected('unknown-digest', `Digest algorithm ${hashAlgorithm} is not known.`, signer);
  if (sameOctets(crypto.hash(digest, plain), hash)) return plain;
  return rejected('plain-text-digest', 'The plain text does not have the digest that the header gives.', signer);
}
