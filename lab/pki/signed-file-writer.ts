/**
 * Writes what CUCM's TFTP service signs: trust lists, `.sgn`, `.enc.sgn` and `.loads`. The layout is that of firmware/wire/tlv-container.ts; the signature
 * covers the whole file without the signature element itself.
 */
import { createPublicKey, sign } from 'node:crypto';
import { Malformed } from '../../firmware/malformed.ts';
import * as tlv from '../../firmware/wire/tlv-container.ts';
import { readCertificate } from '../../hal/host/public-key.ts';
import type { CertificateFields, DigestAlgorithm } from '../../hal/secure.ts';
import type { Identity } from './lab-pki.ts';

export interface SignOptions {
  readonly signer: Identity;
  /** SHA-1 is CUCM's default, SHA-512 its other choice. */
  readonly digest: DigestAlgorithm;
  /** Goes into the header: what phones ask for, or the generic name of a trust list. */
  readonly filename: string;
  readonly version: readonly [major: number, minor: number];
  /** Tag 28: from 1.1 on phones may use advanced algorithms. */
  readonly signerVersion?: readonly [major: number, minor: number];
  /** Unix seconds; null leaves it out, as in `.loads`. */
  readonly timestamp: number | null;
  /** Tags 16 to 27 of an encrypted file. */
  readonly encryption?: readonly tlv.Element[];
}

/** Codes of tag 8, and of tag 12 in records. */
export const DIGEST_CODES: Readonly<Record<DigestAlgorithm, number>> = { sha1: 1, sha256: 2, sha512: 3 };

/** Codes of tag 11 by modulus length in bits. There is none for other lengths. */
const MODULUS_CODES: Readonly<Record<number, number>> = { 512: 0, 1024: 1, 2048: 2, 4096: 3 };

/** The header length is a multiple of this, by octets of padding. */
const ALIGNMENT = 4;

const { TAGS } = tlv;

/** The signed file: header, then `payload` as it is. */
export function signFile(payload: Uint8Array, options: SignOptions): Uint8Array {
  const { signer, digest } = options;
  const modulusLength = createPublicKey(signer.privateKey).asymmetricKeyDetails?.modulusLength;
  const modulusCode = MODULUS_CODES[modulusLength ?? 0];
  if (modulusLength === undefined || modulusCode === undefined) {
    throw new RangeError('files are signed with RSA keys of 512, 1024, 2048 or 4096 bits');
  }
  const header = headerElements(options, modulusCode, modulusLength / 8);
  const unpadded = tlv.lengthOf({ headerLength: 0, elements: header });
  const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
  const headerLength = unpadded + padding;
  for (let count = 0; count < padding; count++) header.push(element(TAGS.padding, new Uint8Array(0)));
  header[1] = element(TAGS.headerLength, u16(headerLength));
  const file = new Uint8Array(headerLength + payload.length);
  tlv.emit({ headerLength, elements: header }, file);
  file.set(payload, headerLength);
  const { start, end } = signatureOf(file);
  file.set(sign(digest, Buffer.concat([file.subarray(0, start), file.subarray(end)]), signer.privateKey), start + 3);
  return file;
}

function headerElements(options: SignOptions, modulusCode: number, signatureLength: number): tlv.Element[] {
  const { signer, digest, filename, version, signerVersion, timestamp, encryption = [] } = options;
  const fields = fieldsOf(signer.certificate);
  return [
    element(TAGS.version, Uint8Array.from(version)),
    element(TAGS.headerLength, u16(0)),
    ...(signerVersion === undefined ? [] : [element(TAGS.signerVersion, Uint8Array.from(signerVersion))]),
    container(TAGS.signerId, [
      element(TAGS.signerName, text(fields.subject)),
      element(TAGS.serialNumber, Buffer.from(fields.serial, 'hex')),
      element(TAGS.caName, text(fields.issuer)),
    ]),
    container(TAGS.signatureInfo, [
      element(TAGS.digestAlgorithm, Uint8Array.of(DIGEST_CODES[digest])),
      container(TAGS.signatureAlgorithmInfo, [
        element(TAGS.signatureAlgorithm, Uint8Array.of(0)),
        element(TAGS.signatureModulus, Uint8Array.of(modulusCode)),
      ]),
    ]),
    element(TAGS.signature, new Uint8Array(signatureLength)),
    element(TAGS.filename, text(filename)),
    ...(timestamp === null ? [] : [element(TAGS.timestamp, u32(timestamp))]),
    ...encryption,
  ];
}

/** Where the signature element stands in a file that was just written. */
function signatureOf(file: Uint8Array): { start: number; end: number } {
  const header = tlv.parse(file);
  if (header instanceof Malformed) throw new Error(`the file just written is malformed: ${header.reason}`);
  const found = header.elements.find(({ tag }) => tag === TAGS.signature)!;
  return { start: found.offset, end: found.offset + 3 + found.value.length };
}

export function fieldsOf(certificate: Uint8Array): CertificateFields {
  const fields = readCertificate(certificate);
  if (fields === null) throw new RangeError('the signer has no certificate that can be read');
  return fields;
}

export function element(tag: number, value: Uint8Array): tlv.Element {
  return { tag, offset: 0, value };
}

export function container(tag: number, children: readonly tlv.Element[]): tlv.Element {
  return { tag, offset: 0, value: new Uint8Array(0), children };
}

/** NUL-terminated, the NUL counted. */
export function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`, 'latin1');
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
