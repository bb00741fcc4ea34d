/** Who has signed a file, and whether that is true. */
import type { RsaCheck, SecureElement } from '../../../hal/secure.ts';
import { sameCertificate } from './certificate-name.ts';
import { codesFor, hasLists, type InstalledLists, installedFor, standingOf } from './installed-lists.ts';
import type { DigestName, SignedFile } from './signed-file.ts';
import type { RoleName, TrustRecord } from './trust-list.ts';
import { type AskTvs, type Rejected, rejected, type TrustContext, type TrustCrypto } from './verdict.ts';

/** Tag 10: RSA; no other is known. */
const RSA = 0;

export const VERIFIED = Object.freeze({ outcome: 'verified' } as const);

/**
 * The signature of `octets`, whose header is `file`, by a certificate of the installed lists in the role that is needed, or by the one that TVS
 * vouches for. The key is always the installed or the vouched one, never one that the file brings along.
 */
export function verifySignature(
  octets: Uint8Array,
  file: SignedFile,
  role: RoleName,
  context: TrustContext,
): typeof VERIFIED | AskTvs | Rejected {
  const { crypto, installed, vouched } = context;
  const { signer } = file;
  if (!hasLists(installed)) return rejected('no-trust-list', 'No trust list is installed.', signer);
  const standing = standingOf(signer, role, installed);
  switch (standing.kind) {
    case 'known':
      return verifyByRecords(octets, file, standing.records, crypto);
    case 'other-role': {
      const detail = `The signer is listed as ${standing.roles.join(', ')}, not as ${role}.`;
      return rejected('signer-role', detail, signer);
    }
    case 'unknown':
      if (vouched !== null) return verifyByVouched(octets, file, role, vouched, crypto);
      if (installedFor(installed, 'TVS').length > 0) return { outcome: 'ask-tvs', signer, roles: codesFor(role) };
      return rejected('signer-unknown', 'The signer is in no installed trust list.', signer);
  }
}

/** A list that is taken on trust has to be signed by a security token among its own records. */
export function verifyBySelf(
  octets: Uint8Array,
  file: SignedFile,
  own: InstalledLists,
  crypto: TrustCrypto,
): typeof VERIFIED | Rejected {
  const standing = standingOf(file.signer, 'SAST', own);
  if (standing.kind === 'known') return verifyByRecords(octets, file, standing.records, crypto);
  if (standing.kind === 'unknown') return rejected('signer-unknown', 'The list does not hold its signer.', file.signer);
  const detail = `The list holds its signer as ${standing.roles.join(', ')}, not as SAST.`;
  return rejected('signer-role', detail, file.signer);
}

function verifyByRecords(
  octets: Uint8Array,
  file: SignedFile,
  records: readonly TrustRecord[],
  crypto: TrustCrypto,
): typeof VERIFIED | Rejected {
  // One certificate may stand in several records, and in both lists.
  let verdict: typeof VERIFIED | Rejected = rejected('signature-mismatch', 'No record of the signer has a key.');
  for (const record of records) {
    const key = keyOf(record, crypto);
    if (key === null) continue;
    verdict = verifyByKey(octets, file, key, crypto);
    if (verdict.outcome === 'verified') break;
  }
  return verdict;
}

function verifyByVouched(
  octets: Uint8Array,
  file: SignedFile,
  role: RoleName,
  vouched: NonNullable<TrustContext['vouched']>,
  crypto: TrustCrypto,
): typeof VERIFIED | Rejected {
  const fields = crypto.certificate(vouched.certificate);
  if (fields === null || !sameCertificate(fields, file.signer)) {
    return rejected('signer-unknown', 'TVS answered with another certificate.', file.signer);
  }
  if (!codesFor(role).some((code) => vouched.roles.includes(code))) {
    return rejected('signer-role', `TVS does not vouch for the signer as ${role}.`, file.signer);
  }
  return verifyByKey(octets, file, fields.publicKey, crypto);
}

/** @param key PKCS #1 RSAPublicKey or SubjectPublicKeyInfo, DER. */
export function verifyByKey(
  octets: Uint8Array,
  file: SignedFile,
  key: Uint8Array,
  crypto: TrustCrypto,
): typeof VERIFIED | Rejected {
  const digest = digestOf(file);
  if (typeof digest !== 'string') return digest;
  const parts = file.signedRanges.map(([start, end]) => octets.subarray(start, end));
  return crypto.verifyRsa(digest, key, parts, file.signature) ? VERIFIED : mismatch(file);
}

/** The check of a file that is too large to be held. It is still to be given the octets that the signature covers, one range after the other. */
export function beginCheck(
  file: SignedFile,
  key: Uint8Array,
  crypto: Pick<SecureElement, 'beginVerifyRsa'>,
): RsaCheck | Rejected {
  const digest = digestOf(file);
  if (typeof digest !== 'string') return digest;
  return crypto.beginVerifyRsa(digest, key) ?? mismatch(file);
}

export function mismatch({ signer }: SignedFile): Rejected {
  return rejected('signature-mismatch', "The signature is not the signer's over these octets.", signer);
}

function digestOf({ digest, digestCode, signatureAlgorithm, signer }: SignedFile): DigestName | Rejected {
  if (digest === null) return rejected('unknown-digest', `Digest algorithm ${digestCode} is not known.`, signer);
  if (signatureAlgorithm === RSA) return digest;
  const detail = `Signature algorithm ${signatureAlgorithm ?? 'without a code'} is not known.`;
  return rejected('unknown-signature-algorithm', detail, signer);
}

/** Null for the records of servers whose certificate was left out. */
function keyOf(record: TrustRecord, crypto: TrustCrypto): Uint8Array | null {
  const fields = record.certificate === null ? null : crypto.certificate(record.certificate);
  return fields?.publicKey ?? record.publicKey;
}
