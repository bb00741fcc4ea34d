/** The trust lists that a phone has. Both are one for every look-up. */
import { sameCertificate } from './certificate-name.ts';
import type { CertificateName } from './signed-file.ts';
import { ROLES, type RoleName, recordsFor, type TrustList, type TrustRecord } from './trust-list.ts';

export interface InstalledLists {
  readonly ctl: TrustList | null;
  readonly itl: TrustList | null;
}

export const NO_LISTS: InstalledLists = Object.freeze({ ctl: null, itl: null });

export function hasLists({ ctl, itl }: InstalledLists): boolean {
  return ctl !== null || itl !== null;
}

/** Records of both lists that may do what `role` may. */
export function installedFor({ ctl, itl }: InstalledLists, role: RoleName): readonly TrustRecord[] {
  return [ctl, itl].flatMap((list) => (list === null ? [] : recordsFor(list, role)));
}

/** How a certificate stands in some lists. */
export type Standing =
  | { readonly kind: 'known'; readonly records: readonly TrustRecord[] }
  /** It is there, for other purposes only. */
  | { readonly kind: 'other-role'; readonly roles: readonly string[] }
  | { readonly kind: 'unknown' };

/** Looks for records with issuer and serial number of `name` in the role that is needed. */
export function standingOf(name: CertificateName, role: RoleName, lists: InstalledLists): Standing {
  const known = installedFor(lists, role).filter((record) => isOf(record, name));
  if (known.length > 0) return { kind: 'known', records: known };
  const others = [lists.ctl, lists.itl].flatMap((list) => list?.records.filter((record) => isOf(record, name)) ?? []);
  if (others.length === 0) return { kind: 'unknown' };
  return { kind: 'other-role', roles: others.map((record) => record.role ?? `role ${record.roleCode}`) };
}

function isOf(record: TrustRecord, name: CertificateName): boolean {
  return record.name !== null && sameCertificate(record.name, name);
}

/**
 * The list of a cluster that is prepared for a rollback to a release without trust lists: signed as any other, with TFTP and TVS records
 * that hold no certificate. With it installed the phone takes any ITL, and files without signature.
 */
export function isRollbackList(list: TrustList): boolean {
  return recordsFor(list, 'TFTP').length === 0 && recordsFor(list, 'TVS').length === 0;
}

/** Whether there is anybody whose signature under a configuration would count; if not, the phone asks for files without one. */
export function expectsSignedFiles(lists: InstalledLists): boolean {
  return installedFor(lists, 'TFTP').length > 0 || installedFor(lists, 'TVS').length > 0;
}

/** From this version of its signer on, tag 28 of the ITL, a cluster uses advanced algorithms: elliptic curves, and HTTPS for configurations. */
const ADVANCED = { major: 1, minor: 1 } as const;

/** What a record with an elliptic curve's key begins with: the point is uncompressed (SEC 1 section 2.3.3). */
const UNCOMPRESSED_POINT = 0x04;

/** Whether the ITL says that configurations are had by HTTPS: its signer's version, and a TFTP server with an elliptic curve's key. */
export function offersHttps({ itl }: InstalledLists): boolean {
  const version = itl?.header.signerVersion ?? null;
  if (itl === null || version === null || version.major !== ADVANCED.major || version.minor < ADVANCED.minor)
    return false;
  return recordsFor(itl, 'TFTP').some(({ publicKey }) => publicKey?.[0] === UNCOMPRESSED_POINT);
}

/** Codes that do what `role` does. */
export function codesFor(role: RoleName): readonly number[] {
  const both = role === 'CCM' || role === 'TFTP';
  return both ? [ROLES[role], ROLES['CCM+TFTP']] : [ROLES[role]];
}
