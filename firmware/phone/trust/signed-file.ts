/** What a signed file says about itself. Nothing is verified here: all that a verification needs is kept. */
import { Malformed } from '../../malformed.ts';
import { latin1 } from '../../wire/text.ts';
import * as tlv from '../../wire/tlv-container.ts';

export interface Version {
  readonly major: number;
  readonly minor: number;
}

/** A certificate as trust lists and headers name it. */
export interface CertificateName {
  /** As written; CUCM, certutils and old tokens order and join the parts differently, so never compare these as text. */
  readonly subject: string;
  readonly issuer: string;
  /** Lower-case hexadecimal without leading zero octets. */
  readonly serial: string;
  /** The octets of `issuer` and `serial` together identify a certificate. */
  readonly issuerOctets: Uint8Array;
}

export type DigestName = 'sha1' | 'sha256' | 'sha512';

/** Codes of the tags for digest algorithms. */
export const DIGESTS: Readonly<Record<number, DigestName>> = Object.freeze({ 1: 'sha1', 2: 'sha256', 3: 'sha512' });

export interface Encryption {
  readonly initializationVector: Uint8Array;
  /** Octets of filler at the end of the plain text. */
  readonly plainPadding: number;
  /** Of the wrapping key, in bits. */
  readonly keySize: number;
  readonly keyAlgorithm: number;
  /** The AES key, encrypted with the phone's public key; null where it is the one that a person has typed on the phone. */
  readonly wrappedKey: Uint8Array | null;
  readonly hashAlgorithm: number;
  /** Digest of the plain text without its padding. */
  readonly hash: Uint8Array;
}

export interface SignedFile {
  readonly version: Version;
  /** Tag 28; null when absent. */
  readonly signerVersion: Version | null;
  readonly headerLength: number;
  readonly signer: CertificateName;
  readonly digestCode: number;
  /** Null for a code that is not known, which nobody can verify. */
  readonly digest: DigestName | null;
  readonly signatureAlgorithm: number | null;
  readonly signatureModulus: number | null;
  readonly signature: Uint8Array;
  /** What the signature covers: these octets of the file, one after the other. It is the file without the signature element. */
  readonly signedRanges: readonly (readonly [start: number, end: number])[];
  /** The name within, which need not be the one it was asked for by. */
  readonly filename: string;
  /** Unix seconds; null when absent. */
  readonly timestamp: number | null;
  /** Only in .enc.sgn files. */
  readonly encryption: Encryption | null;
  /** View of the file behind the header: records, plain or cipher text. */
  readonly payload: Uint8Array;
  /** Tags that are not known, which newer versions may add. */
  readonly unknownTags: readonly number[];
}

const KNOWN_TAGS: readonly number[] = Object.freeze(Object.values(tlv.TAGS));

const MISSING = new Malformed('signed file', 'signer, digest, signature or file name is missing');
const TWICE = new Malformed('signed file', 'an element occurs twice');
const BAD_LENGTH = new Malformed('signed file', 'an element has the wrong length');
const BAD_ENCRYPTION = new Malformed('signed file', 'encryption information is not complete');

/** True when the octets begin as a header does: a signed file, or something that pretends to be one. */
export function looksSigned(octets: Uint8Array): boolean {
  return octets[0] === tlv.TAGS.version && octets[1] === 0 && octets[2] === 2;
}

export function parseSignedFile(octets: Uint8Array): SignedFile | Malformed {
  const container = tlv.parse(octets);
  if (container instanceof Malformed) return container;
  const found = new Map<number, tlv.Element>();
  const twice = !flatten(container.elements, found);
  if (twice) return TWICE;
  const value = (tag: number): Uint8Array | null => found.get(tag)?.value ?? null;
  const { TAGS } = tlv;
  const subject = value(TAGS.signerName);
  const serial = value(TAGS.serialNumber);
  const issuer = value(TAGS.caName);
  const digestCode = number(value(TAGS.digestAlgorithm), 1);
  const signature = found.get(TAGS.signature);
  const filename = value(TAGS.filename);
  if (subject === null || serial === null || issuer === null || digestCode === null) return MISSING;
  if (signature === undefined || filename === null) return MISSING;
  const timestamp = value(TAGS.timestamp);
  if (timestamp !== null && timestamp.length !== 4) return BAD_LENGTH;
  const encryption = found.has(TAGS.encryptionInfo) ? encryptionOf(value) : null;
  if (encryption instanceof Malformed) return encryption;
  const signatureEnd = signature.offset + 3 + signature.value.length;
  return {
    version: versionOf(value(TAGS.version)) ?? { major: 0, minor: 0 },
    signerVersion: versionOf(value(TAGS.signerVersion)),
    headerLength: container.headerLength,
    signer: certificateName(subject, issuer, serial),
    digestCode,
    digest: DIGESTS[digestCode] ?? null,
    signatureAlgorithm: number(value(TAGS.signatureAlgorithm), 1),
    signatureModulus: number(value(TAGS.signatureModulus), 1),
    signature: signature.value,
    signedRanges: [
      [0, signature.offset],
      [signatureEnd, octets.length],
    ],
    filename: text(filename),
    timestamp: number(timestamp, 4),
    encryption,
    payload: octets.subarray(container.headerLength),
    unknownTags: [...found.keys()].filter((tag) => !KNOWN_TAGS.includes(tag)),
  };
}

/** All elements by tag, whatever container they stand in. False when a known one but the padding occurs twice. */
function flatten(elements: readonly tlv.Element[], into: Map<number, tlv.Element>): boolean {
  for (const element of elements) {
    if (element.tag === tlv.TAGS.padding) continue;
    if (into.has(element.tag) && KNOWN_TAGS.includes(element.tag)) return false;
    into.set(element.tag, element);
    if (element.children !== undefined && !flatten(element.children, into)) return false;
  }
  return true;
}

function encryptionOf(value: (tag: number) => Uint8Array | null): Encryption | Malformed {
  const { TAGS } = tlv;
  const initializationVector = value(TAGS.initializationVector);
  const plainPadding = number(value(TAGS.plainPadding), 2);
  const keySize = number(value(TAGS.keySize), 2);
  const keyAlgorithm = number(value(TAGS.keyAlgorithm), 1);
  const key = value(TAGS.key);
  // [?] How a file for a typed key looks is not published. It is taken to be the same one without a key in it.
  const wrappedKey = key === null || key.length === 0 ? null : key;
  const hashAlgorithm = number(value(TAGS.plainHashAlgorithm), 1);
  const hash = value(TAGS.plainHash);
  if (initializationVector === null || hash === null) return BAD_ENCRYPTION;
  if (plainPadding === null || keySize === null || keyAlgorithm === null || hashAlgorithm === null)
    return BAD_ENCRYPTION;
  return { initializationVector, plainPadding, keySize, keyAlgorithm, wrappedKey, hashAlgorithm, hash };
}

function versionOf(value: Uint8Array | null): Version | null {
  return value === null || value.length !== 2 ? null : { major: value[0]!, minor: value[1]! };
}

export function certificateName(subject: Uint8Array, issuer: Uint8Array, serial: Uint8Array): CertificateName {
  return { subject: text(subject), issuer: text(issuer), serial: serialText(serial), issuerOctets: issuer };
}

/** Text is NUL-terminated and the NUL is counted. */
export function text(value: Uint8Array): string {
  const nul = value.indexOf(0);
  return latin1(value, 0, nul === -1 ? value.length : nul);
}

/** Some writers keep the sign octet of the DER form, so leading zeros do not count. */
export function serialText(serial: Uint8Array): string {
  let from = 0;
  while (from < serial.length - 1 && serial[from] === 0) from++;
  return Array.from(serial.subarray(from), (octet) => octet.toString(16).padStart(2, '0')).join('');
}

/** A big-endian number of exactly `length` octets; null for anything else. */
export function number(value: Uint8Array | null, length: number): number | null {
  if (value?.length !== length) return null;
  let result = 0;
  for (const octet of value) result = result * 256 + octet;
  return result;
}

/** One line for people. */
export function describeSignedFile(file: SignedFile): string {
  const parts = [
    `${file.filename}`,
    `version ${file.version.major}.${file.version.minor}`,
    `signed by ${file.signer.subject} (${file.signer.serial})`,
    file.digest ?? `digest ${file.digestCode}`,
    `${file.payload.length} octets`,
  ];
  if (file.encryption !== null) parts.push('encrypted');
  return parts.join(', ');
}
