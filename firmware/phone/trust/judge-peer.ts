/**
 * Whether the other end of a TLS connection is a server of this phone's cluster. Chains and names are not looked at: a certificate counts when a list holds that
 * very certificate, or another one of its issuer and serial number with the same key, in the role that is needed.
 */
import { sameOctets } from '../../../storage/ascii.ts';
import { sameCertificate } from './certificate-name.ts';
import { type InstalledLists, installedFor } from './installed-lists.ts';
import { DIGESTS } from './signed-file.ts';
import type { RoleName, TrustRecord } from './trust-list.ts';
import type { TrustCrypto } from './verdict.ts';

export type PeerVerdict =
  | { readonly outcome: 'listed' }
  /** No list knows it in this role; a trust verification service may. */
  | { readonly outcome: 'ask-tvs' }
  | { readonly outcome: 'refused'; readonly reason: PeerRefusal };

export type PeerRefusal = 'no-certificate' | 'malformed-certificate' | 'no-trust-list' | 'peer-unknown' | 'peer-role';

type PeerCrypto = Pick<TrustCrypto, 'certificate' | 'hash'>;

/** @param certificate X.509 DER; null when the peer showed none */
export function judgePeer(
  certificate: Uint8Array | null,
  role: RoleName,
  lists: InstalledLists,
  crypto: PeerCrypto,
): PeerVerdict {
  if (certificate === null) return refused('no-certificate');
  const fields = crypto.certificate(certificate);
  if (fields === null) return refused('malformed-certificate');
  const records = [lists.ctl, lists.itl].flatMap((list) => list?.records ?? []);
  if (records.length === 0) return refused('no-trust-list');
  const isPeer = (record: TrustRecord): boolean => isOf(record, certificate, fields, crypto);
  if (installedFor(lists, role).some(isPeer)) return { outcome: 'listed' };
  if (records.some(isPeer)) return refused('peer-role');
  // TVS servers cannot vouch for themselves.
  const isAskable = role !== 'TVS' && installedFor(lists, 'TVS').length > 0;
  return isAskable ? { outcome: 'ask-tvs' } : refused('peer-unknown');
}

function refused(reason: PeerRefusal): PeerVerdict {
  return { outcome: 'refused', reason };
}

function isOf(
  record: TrustRecord,
  certificate: Uint8Array,
  fields: NonNullable<ReturnType<PeerCrypto['certificate']>>,
  crypto: PeerCrypto,
): boolean {
  if (record.certificate !== null) {
    if (sameOctets(record.certificate, certificate)) return true;
  } else if (record.certificateHash !== null && record.hashAlgorithm !== null) {
    const digest = DIGESTS[record.hashAlgorithm];
    return digest !== undefined && sameOctets(record.certificateHash, crypto.hash(digest, certificate));
  }
  if (record.name === null || !sameCertificate(record.name, fields)) return false;
  const listed = record.certificate === null ? record.publicKey : crypto.certificate(record.certificate)?.publicKey;
  return listed !== null && listed !== undefined && listed.length > 0 && endsIn(fields.publicKey, listed);
}

/** The key of a record, PKCS #1 or a point, is the end of its SubjectPublicKeyInfo. */
function endsIn(whole: Uint8Array, end: Uint8Array): boolean {
  return whole.length >= end.length && sameOctets(whole.subarray(whole.length - end.length), end);
}
