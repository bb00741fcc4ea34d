import {
  constants,
  createDecipheriv,
  createHash,
  createPublicKey,
  createVerify,
  type KeyObject,
  privateDecrypt,
  X509Certificate,
} from 'node:crypto';
import type { CertificateFields, DigestAlgorithm, RsaCheck } from '../secure.ts';

/** RSA, X.509 and AES of the secure element on the host's crypto library: what a phone needs for trust lists and signed files. */

/** One cluster's certificates and trust lists are the same for all of its phones, so what was decoded or verified is remembered. Far more than clusters in a run have. */
const REMEMBERED = 1_024;
const publicKeys = new Map<string, KeyObject | null>();
const certificates = new Map<string, CertificateFields | null>();
const signatures = new Map<string, boolean>();

const INTEGER = 0x02;

/** See `SecureElement.verifyRsa`. */
export function verifyRsa(
  digest: DigestAlgorithm,
  publicKey: Uint8Array,
  parts: readonly Uint8Array[],
  signature: Uint8Array,
): boolean {
  const key = remember(publicKeys, publicKey, rsaPublicKey);
  if (key === null) return false;
  const hash = createHash(digest);
  for (const part of parts) hash.update(part);
  // What is signed is the digest. Lengths first: two different questions never have the same text.
  const question = `${digest} ${publicKey.length} ${latin1(publicKey)}${hash.digest('binary')}${latin1(signature)}`;
  let answer = signatures.get(question);
  if (answer === undefined) {
    const verifier = createVerify(digest);
    for (const part of parts) verifier.update(part);
    answer = verifier.verify({ key, padding: constants.RSA_PKCS1_PADDING }, signature);
    keep(signatures, question, answer);
  }
  return answer;
}

/** See `SecureElement.beginVerifyRsa`. */
export function beginVerifyRsa(digest: DigestAlgorithm, publicKey: Uint8Array): RsaCheck | null {
  const key = remember(publicKeys, publicKey, rsaPublicKey);
  if (key === null) return null;
  const verifier = createVerify(digest);
  return {
    update: (octets) => {
      verifier.update(octets);
    },
    verify: (signature) => verifier.verify({ key, padding: constants.RSA_PKCS1_PADDING }, signature),
  };
}

/** See `SecureElement.certificate`. */
export function readCertificate(der: Uint8Array): CertificateFields | null {
  return remember(certificates, der, decodeCertificate);
}

/**
 * See `SecureElement.unwrapKey`. Node refuses RSAES-PKCS1-v1_5 because a server that reveals whether the padding was right is an oracle
 * (CVE-2023-46809); a phone tells nobody, so the padding is taken off here: `00 02`, at least eight octets that are not zero, `00`, the key.
 */
export function unwrapRsa(key: KeyObject, wrapped: Uint8Array): Uint8Array | null {
  if (key.asymmetricKeyType !== 'rsa') return null;
  let block: Uint8Array;
  try {
    block = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, wrapped);
  } catch {
    return null;
  }
  if (block[0] !== 0 || block[1] !== 2) return null;
  const end = block.indexOf(0, 2);
  return end < 2 + 8 ? null : new Uint8Array(block.subarray(end + 1));
}

/** See `SecureElement.decryptAes128Cbc`. */
export function decryptAes128Cbc(
  key: Uint8Array,
  initializationVector: Uint8Array,
  cipherText: Uint8Array,
): Uint8Array | null {
  if (key.length !== 16 || initializationVector.length !== 16 || cipherText.length % 16 !== 0) return null;
  const decipher = createDecipheriv('aes-128-cbc', key, initializationVector).setAutoPadding(false);
  return new Uint8Array(Buffer.concat([decipher.update(cipherText), decipher.final()]));
}

/** PKCS #1 begins with the modulus, SubjectPublicKeyInfo with the algorithm. */
function rsaPublicKey(der: Uint8Array): KeyObject | null {
  const type = der[contentOffset(der)] === INTEGER ? 'pkcs1' : 'spki';
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type });
    return key.asymmetricKeyType === 'rsa' ? key : null;
  } catch {
    return null;
  }
}

/** Where the content of a DER value begins (X.690 section 8.1.3). */
function contentOffset(der: Uint8Array): number {
  const length = der[1] ?? 0;
  return length < 0x80 ? 2 : 2 + (length & 0x7f);
}

function decodeCertificate(der: Uint8Array): CertificateFields | null {
  try {
    const certificate = new X509Certificate(der);
    const { publicKey } = certificate;
    return {
      subject: nameText(certificate.subject),
      issuer: nameText(certificate.issuer),
      serial: certificate.serialNumber.toLowerCase().replace(/^(00)+(?=..)/, ''),
      publicKey: new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      key: keyText(publicKey),
      notBefore: Date.parse(certificate.validFrom) / 1_000,
      notAfter: Date.parse(certificate.validTo) / 1_000,
    };
  } catch {
    return null;
  }
}

/** Node gives one relative distinguished name a line, in the certificate's order. */
function nameText(name: string | undefined): string {
  return (name ?? '').split('\n').reverse().join(';');
}

function keyText(key: KeyObject): string {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return `RSA-${modulusLength}`;
  if (key.asymmetricKeyType === 'ec') return `EC-${namedCurve}`;
  return key.asymmetricKeyType ?? 'unknown';
}

function remember<T>(memory: Map<string, T>, der: Uint8Array, decode: (der: Uint8Array) => T): T {
  const question = latin1(der);
  let answer = memory.get(question);
  if (answer === undefined) {
    answer = decode(der);
    keep(memory, question, answer);
  }
  return answer;
}

function keep<T>(memory: Map<string, T>, question: string, answer: T): void {
  if (memory.size >= REMEMBERED) memory.clear();
  memory.set(question, answer);
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
}
