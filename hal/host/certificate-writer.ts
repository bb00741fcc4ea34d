import { type KeyObject, sign } from 'node:crypto';
import type { DigestAlgorithm } from '../secure.ts';
import { DER, der, derBitString, derInteger, derObjectIdentifier } from './der.ts';

/** Attributes of names that certificates here are made with (X.520). */
const ATTRIBUTES = {
  CN: derObjectIdentifier('2.5.4.3'),
  serialNumber: derObjectIdentifier('2.5.4.5'),
  C: derObjectIdentifier('2.5.4.6'),
  L: derObjectIdentifier('2.5.4.7'),
  ST: derObjectIdentifier('2.5.4.8'),
  O: derObjectIdentifier('2.5.4.10'),
  OU: derObjectIdentifier('2.5.4.11'),
};

/** A distinguished name in the certificate's order, the first part the most general one. */
export type DistinguishedName = readonly (readonly [attribute: keyof typeof ATTRIBUTES, value: string])[];

export interface CertificatePlan {
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** Big-endian, without a sign octet. */
  readonly serial: Uint8Array;
  readonly publicKey: KeyObject;
  /** Unix seconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly isAuthority: boolean;
  /** DNS names of the subject. */
  readonly dnsNames?: readonly string[];
}

/** Algorithm identifiers of signatures (RFC 4055 section 5, RFC 5758 section 3.2). */
const SIGNATURES: Readonly<Record<'rsa' | 'ec', Readonly<Record<DigestAlgorithm, string>>>> = {
  rsa: { sha1: '1.2.840.113549.1.1.5', sha256: '1.2.840.113549.1.1.11', sha512: '1.2.840.113549.1.1.13' },
  ec: { sha1: '1.2.840.10045.4.1', sha256: '1.2.840.10045.4.3.2', sha512: '1.2.840.10045.4.3.4' },
};

const BASIC_CONSTRAINTS = '2.5.29.19';
const KEY_USAGE = '2.5.29.15';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';

/** Bits of KeyUsage, from the left (RFC 5280 section 4.2.1.3). */
const USAGE = { digitalSignature: 0x80, keyEncipherment: 0x20, keyCertSign: 0x04, cRLSign: 0x02 } as const;

const TRUE = der(DER.boolean, Uint8Array.of(0xff));

/** An X.509 version 3 certificate (RFC 5280 section 4.1), DER. */
export function writeCertificate(plan: CertificatePlan, issuerKey: KeyObject, digest: DigestAlgorithm): Uint8Array {
  const publicKey = plan.publicKey.export({ type: 'spki', format: 'der' });
  return new CertificateTemplate(plan, issuerKey, digest).write({ ...plan, publicKey });
}

/** In what certificates of one template differ. */
export interface CertificateDifference extends Pick<CertificatePlan, 'subject' | 'serial'> {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
}

/** Certificates of one issuer that differ in little: all else is written once, and what a further one costs is its signature. */
export class CertificateTemplate {
  readonly #issuerKey: KeyObject;
  readonly #digest: DigestAlgorithm;
  readonly #algorithm: Uint8Array;
  readonly #version = der(0xa0, derInteger(Uint8Array.of(2)));
  readonly #beforeSubject: Uint8Array;
  readonly #extensions: Uint8Array;

  constructor(plan: Omit<CertificatePlan, keyof CertificateDifference>, issuerKey: KeyObject, digest: DigestAlgorithm) {
    this.#issuerKey = issuerKey;
    this.#digest = digest;
    this.#algorithm = signatureAlgorithm(issuerKey, digest);
    const validity = der(DER.sequence, time(plan.notBefore), time(plan.notAfter));
    this.#beforeSubject = Buffer.concat([this.#algorithm, nameOf(plan.issuer), validity]);
    this.#extensions = der(0xa3, der(DER.sequence, ...extensions(plan)));
  }

  write({ serial, subject, publicKey }: CertificateDifference): Uint8Array {
    const own = [nameOf(subject), publicKey];
    const body = der(DER.sequence, this.#version, derInteger(serial), this.#beforeSubject, ...own, this.#extensions);
    const signature = derBitString(sign(this.#digest, body, this.#issuerKey));
    return new Uint8Array(der(DER.sequence, body, this.#algorithm, signature));
  }
}

function signatureAlgorithm(key: KeyObject, digest: DigestAlgorithm): Uint8Array {
  const kind = key.asymmetricKeyType;
  if (kind !== 'rsa' && kind !== 'ec') throw new RangeError(`certificates are not signed with ${kind} keys here`);
  const identifier = derObjectIdentifier(SIGNATURES[kind][digest]);
  return kind === 'rsa' ? der(DER.sequence, identifier, der(DER.null)) : der(DER.sequence, identifier);
}

function nameOf(name: DistinguishedName): Uint8Array {
  const parts = name.map(([attribute, value]) => {
    const tag = /^[A-Za-z0-9 '()+,./:=?-]*$/.test(value) ? DER.printableString : DER.utf8String;
    return der(DER.set, der(DER.sequence, ATTRIBUTES[attribute], der(tag, Buffer.from(value, 'utf8'))));
  });
  return der(DER.sequence, ...parts);
}

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
function time(seconds: number): Uint8Array {
  const digits = new Date(seconds * 1_000)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '');
  const short = Number(digits.slice(0, 4)) < 2050;
  return der(short ? DER.utcTime : DER.generalizedTime, Buffer.from(short ? digits.slice(2) : digits, 'latin1'));
}

function extensions({ isAuthority, dnsNames = [] }: Pick<CertificatePlan, 'isAuthority' | 'dnsNames'>): Uint8Array[] {
  const usage = isAuthority
    ? USAGE.keyCertSign | USAGE.cRLSign | USAGE.digitalSignature
    : USAGE.digitalSignature | USAGE.keyEncipherment;
  const unused = 31 - Math.clz32(usage & -usage);
  const found = [
    extension(BASIC_CONSTRAINTS, true, der(DER.sequence, ...(isAuthority ? [TRUE] : []))),
    extension(KEY_USAGE, true, derBitString(Uint8Array.of(usage), unused)),
  ];
  if (!isAuthority) {
    const purposes = [SERVER_AUTHENTICATION, CLIENT_AUTHENTICATION].map(derObjectIdentifier);
    found.push(extension(EXTENDED_KEY_USAGE, false, der(DER.sequence, ...purposes)));
  }
  if (dnsNames.length > 0) {
    const names = dnsNames.map((name) => der(0x82, Buffer.from(name, 'latin1')));
    found.push(extension(SUBJECT_ALTERNATIVE_NAME, false, der(DER.sequence, ...names)));
  }
  return found;
}

function extension(identifier: string, critical: boolean, value: Uint8Array): Uint8Array {
  return der(DER.sequence, derObjectIdentifier(identifier), ...(critical ? [TRUE] : []), der(DER.octetString, value));
}
