import { createHash, createPublicKey } from 'node:crypto';
import * as tlv from '../../firmware/wire/tlv-container.ts';
import { derValues } from '../../hal/host/der.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import { DIGEST_CODES, element, fieldsOf, type SignOptions, signFile, text, u16, u32 } from './signed-file-writer.ts';

/** Codes of tag 4 of a record. */
export const ROLE_CODES = { SAST: 0, CCM: 1, 'CCM+TFTP': 2, TFTP: 3, CAPF: 4, 'APP-SERVER': 7, TVS: 21 } as const;

export interface ListRecord {
  readonly role: keyof typeof ROLE_CODES;
  /** X.509 DER; null writes the empty record of a cluster put back to non-secure or prepared for a rollback. */
  readonly certificate: Uint8Array | null;
  readonly dnsName: string;
  readonly address: Ipv4;
  /** The certificate is left out, and its digest stands there instead. */
  readonly hashed?: boolean;
}

export type ListOptions = Omit<SignOptions, 'filename' | 'version' | 'encryption'>;

const FILENAMES = { ctl: 'CTLFile.tlv', itl: 'ITLFile.tlv' } as const;

const { RECORD_TAGS } = tlv;

/** A CTL or an ITL as CUCM writes it. */
export function writeTrustList(
  kind: keyof typeof FILENAMES,
  records: readonly ListRecord[],
  options: ListOptions,
): Uint8Array {
  const written = records.map((record) => ({ offset: 0, length: 0, elements: recordElements(record) }));
  const payload = new Uint8Array(tlv.lengthOfRecords(written));
  tlv.emitRecords(written, payload);
  return signFile(payload, { ...options, filename: FILENAMES[kind], version: [1, 2] });
}

function recordElements({ role, certificate, dnsName, address, hashed = false }: ListRecord): tlv.Element[] {
  const dns = element(RECORD_TAGS.dnsName, text(dnsName));
  const code = element(RECORD_TAGS.function, u16(ROLE_CODES[role]));
  const ip = element(RECORD_TAGS.ipAddress, u32(address));
  if (certificate === null) return [dns, code, ip];
  const { subject, issuer, serial, publicKey } = fieldsOf(certificate);
  return [
    dns,
    element(RECORD_TAGS.subjectName, text(subject)),
    code,
    element(RECORD_TAGS.issuerName, text(issuer)),
    element(RECORD_TAGS.serialNumber, Buffer.from(serial, 'hex')),
    element(RECORD_TAGS.publicKey, recordKey(publicKey)),
    element(RECORD_TAGS.signature, signatureIn(certificate)),
    ...(hashed ? [] : [element(RECORD_TAGS.certificate, certificate)]),
    ip,
    ...(hashed ? digestElements(certificate) : []),
  ];
}

/** Which digest: SHA-256, under the code that headers use. */
function digestElements(certificate: Uint8Array): tlv.Element[] {
  const digest = createHash('sha256').update(certificate).digest();
  return [
    element(RECORD_TAGS.certificateHash, digest),
    element(RECORD_TAGS.hashAlgorithm, Uint8Array.of(DIGEST_CODES.sha256)),
  ];
}

/** RSA: PKCS #1 RSAPublicKey; EC: the uncompressed point, which is the bit string of SubjectPublicKeyInfo without its first octet. */
function recordKey(spki: Uint8Array): Uint8Array {
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'der' });
  return bitStringIn(derValues(derValues(spki)[0]!.content)[1]!.content);
}

/** The third part of a certificate (RFC 5280 section 4.1). */
function signatureIn(certificate: Uint8Array): Uint8Array {
  return bitStringIn(derValues(derValues(certificate)[0]!.content)[2]!.content);
}

function bitStringIn(content: Uint8Array): Uint8Array {
  return content.subarray(1);
}
