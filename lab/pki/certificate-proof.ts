import { constants, createHash, publicDecrypt, verify, X509Certificate } from 'node:crypto';
import { isNameOf } from '../secure-listener.ts';

/** How a phone shows CAPF that a certificate is its own. */
export interface CertificateProof {
  readonly deviceName: string;
  /** X.509 DER. */
  readonly certificate: Uint8Array | null;
  /** Over the name with its NUL and the certificate, with SHA-1. */
  readonly signature: Uint8Array | null;
  /** The same with SHA-512; null where the phone gives none. */
  readonly longSignature: Uint8Array | null;
}

/** True for a certificate of that phone which one of the authorities has signed, and whose key has signed what it should. */
export function isProven(proof: CertificateProof, authorities: readonly Uint8Array[]): boolean {
  const { certificate, signature, longSignature, deviceName } = proof;
  if (certificate === null || signature === null) return false;
  try {
    const own = new X509Certificate(certificate);
    const [, commonName] = /^CN=(.*)$/m.exec(own.subject) ?? [];
    if (!isNameOf(commonName ?? '', deviceName)) return false;
    if (!authorities.some((authority) => own.verify(new X509Certificate(authority).publicKey))) return false;
    const message = Buffer.concat([Buffer.from(`${deviceName}\0`, 'latin1'), certificate]);
    if (!isSigned(own, 'sha1', message, signature)) return false;
    return longSignature === null || isSigned(own, 'sha512', message, longSignature);
  } catch {
    return false;
  }
}

/** With RSA the bare digest, without its DigestInfo. */
function isSigned(
  { publicKey }: X509Certificate,
  digest: 'sha1' | 'sha512',
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.asymmetricKeyType !== 'rsa') return verify(digest, message, publicKey, signature);
  const block = publicDecrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, signature);
  return block.equals(createHash(digest).update(message).digest());
}
