/** Certificate trust list (CTL) and identity trust list (ITL): a signed header and records. Parsing only; nothing is verified here. */
import type { Ipv4 } from '../../../hal/nic.ts';
import { Malformed } from '../../malformed.ts';
import * as tlv from '../../wire/tlv-container.ts';
import {
  type CertificateName,
  certificateName,
  describeSignedFile,
  number,
  parseSignedFile,
  type SignedFile,
  text,
} from './signed-file.ts';

/** What a certificate of the list may be used for. */
export const ROLES = Object.freeze({
  /** System Administrator Security Token: signs trust lists. */
  SAST: 0,
  CCM: 1,
  'CCM+TFTP': 2,
  TFTP: 3,
  CAPF: 4,
  'APP-SERVER': 7,
  TVS: 21,
});

export type RoleName = keyof typeof ROLES;

export interface TrustRecord {
  /** Null for a code that nobody has described: the entry is kept and not used. */
  readonly role: RoleName | null;
  readonly roleCode: number;
  /** Empty for tokens. */
  readonly dnsName: string;
  /** Null in the empty records of a cluster that was put back to non-secure. */
  readonly name: CertificateName | null;
  readonly ipAddress: Ipv4 | null;
  /** RSA: PKCS #1 RSAPublicKey; EC: uncompressed point. */
  readonly publicKey: Uint8Array | null;
  readonly signature: Uint8Array | null;
  /** X.509 DER, not looked into. */
  readonly certificate: Uint8Array | null;
  /** Stands in for a certificate that was left out. */
  readonly certificateHash: Uint8Array | null;
  readonly hashAlgorithm: number | null;
}

export interface TrustList {
  readonly header: SignedFile;
  readonly records: readonly TrustRecord[];
}

const ROLE_NAMES: Readonly<Record<number, RoleName>> = Object.freeze(
  Object.fromEntries(Object.entries(ROLES).map(([name, code]) => [code, name as RoleName])),
);

/** Servers that are no call managers often serve files of no octets: to be treated as if there were none. */
export const EMPTY_FILE = new Malformed('trust list', 'the file is empty');

const NO_ROLE = new Malformed('trust list', 'a record has no role');
const TWICE = new Malformed('trust list', 'an element occurs twice in a record');
const BAD_ADDRESS = new Malformed('trust list', 'the address of a record is not of four octets');

export function parseTrustList(octets: Uint8Array): TrustList | Malformed {
  if (octets.length === 0) return EMPTY_FILE;
  const header = parseSignedFile(octets);
  if (header instanceof Malformed) return header;
  const found = tlv.parseRecords(octets, header.headerLength);
  if (found instanceof Malformed) return found;
  const records: TrustRecord[] = [];
  for (const { elements } of found) {
    const record = trustRecord(elements);
    if (record instanceof Malformed) return record;
    records.push(record);
  }
  return { header, records };
}

function trustRecord(elements: readonly tlv.Element[]): TrustRecord | Malformed {
  const values = new Map<number, Uint8Array>();
  for (const { tag, value } of elements) {
    if (values.has(tag)) return TWICE;
    values.set(tag, value);
  }
  const { RECORD_TAGS } = tlv;
  const value = (tag: number): Uint8Array | null => values.get(tag) ?? null;
  const roleCode = number(value(RECORD_TAGS.function), 2);
  if (roleCode === null) return NO_ROLE;
  const address = value(RECORD_TAGS.ipAddress);
  if (address !== null && address.length !== 4) return BAD_ADDRESS;
  const subject = value(RECORD_TAGS.subjectName);
  const issuer = value(RECORD_TAGS.issuerName);
  const serial = value(RECORD_TAGS.serialNumber);
  const named = subject !== null && issuer !== null && serial !== null;
  const dnsName = value(RECORD_TAGS.dnsName);
  return {
    role: ROLE_NAMES[roleCode] ?? null,
    roleCode,
    dnsName: dnsName === null ? '' : text(dnsName),
    name: named ? certificateName(subject, issuer, serial) : null,
    ipAddress: number(address, 4),
    publicKey: value(RECORD_TAGS.publicKey),
    signature: value(RECORD_TAGS.signature),
    certificate: value(RECORD_TAGS.certificate),
    certificateHash: value(RECORD_TAGS.certificateHash),
    hashAlgorithm: number(value(RECORD_TAGS.hashAlgorithm), 1),
  };
}

/** Records that may do what `role` may: CCM+TFTP does both. Those of which nothing is left but an address vouch for nobody and are left out. */
export function recordsFor(list: TrustList, role: RoleName): readonly TrustRecord[] {
  return list.records.filter((record) => {
    const does = record.role === role || (record.role === 'CCM+TFTP' && (role === 'CCM' || role === 'TFTP'));
    return does && namesACertificate(record);
  });
}

/** False for the records of a cluster put back to non-secure or prepared for a rollback: they keep the address and nothing else. */
function namesACertificate({ certificate, certificateHash, publicKey }: TrustRecord): boolean {
  return [certificate, certificateHash, publicKey].some((value) => value !== null && value.length > 0);
}

/** One line for people. */
export function describeTrustList(list: TrustList): string {
  const roles = list.records.map(({ role, roleCode }) => role ?? `role ${roleCode}`).join(', ');
  return `${describeSignedFile(list.header)}, ${list.records.length} records: ${roles}`;
}
