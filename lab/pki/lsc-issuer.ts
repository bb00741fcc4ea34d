import { createPublicKey } from 'node:crypto';
import { type DistinguishedName, writeCertificate } from '../../hal/host/certificate-writer.ts';
import { readCertificate } from '../../hal/host/public-key.ts';
import { type Identity, ORGANIZATION, serialNumber } from './lab-pki.ts';

const DAY = 86_400;
/** "LSC validity default 5 years in CUCM". */
const VALIDITY = 5 * 365 * DAY;

/** What CAPF signs: who asked and for which key, SubjectPublicKeyInfo, DER. */
export interface LscRequest {
  readonly deviceName: string;
  readonly publicKey: Uint8Array;
}

/**
 * A locally significant certificate, X.509 DER; null for a key that cannot be read.
 * @param now Unix seconds
 */
export function issueLsc(authority: Identity, { deviceName, publicKey }: LscRequest, now: number): Uint8Array | null {
  let key: ReturnType<typeof createPublicKey>;
  try {
    key = createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' });
  } catch {
    return null;
  }
  const plan = {
    subject: [...ORGANIZATION, ['CN', deviceName]] satisfies DistinguishedName,
    issuer: nameOf(authority.certificate),
    serial: serialNumber(),
    publicKey: key,
    notBefore: now - DAY,
    notAfter: now + VALIDITY,
    isAuthority: false,
  };
  return writeCertificate(plan, authority.privateKey, 'sha256');
}

/** The authorities of the lab are named by us, with one part for each of these. */
export function nameOf(certificate: Uint8Array): DistinguishedName {
  const fields = readCertificate(certificate);
  if (fields === null) throw new RangeError('the authority has no certificate that can be read');
  const parts = fields.subject.split(';').reverse();
  return parts.map((part) => {
    const equals = part.indexOf('=');
    return [part.slice(0, equals) as DistinguishedName[number][0], part.slice(equals + 1)];
  });
}
