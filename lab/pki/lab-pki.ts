/**
 * The keys and certificates of a lab cluster. As in CUCM each service has a certificate that it signed itself; phones trust it because a trust list holds
 * it. All names say Sepia Lab: nothing made here can be taken for a vendor's.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { type DistinguishedName, writeCertificate } from '../../hal/host/certificate-writer.ts';

/** A key and the certificate that goes with it. */
export interface Identity {
  /** X.509 DER. */
  readonly certificate: Uint8Array;
  readonly privateKey: KeyObject;
}

export type KeyKind = 'rsa-1024' | 'rsa-2048' | 'rsa-4096' | 'ec-p256' | 'ec-p384';

export interface LabPkiOptions {
  /** The call manager's name, as phones reach it. */
  readonly host: string;
  /** Of the servers' keys. */
  readonly keyKind?: KeyKind;
  /** Unix seconds; certificates are valid from a day before. */
  readonly now: number;
}

/** Who signs and serves in a lab cluster. */
export interface LabPki {
  /** System administrator security tokens, which sign the CTL. */
  readonly tokens: readonly [Identity, Identity];
  /** Signs the ITL. */
  readonly itlRecovery: Identity;
  /** The call manager's, which also signs configurations as TFTP server. */
  readonly callManager: Identity;
  /** The TFTP server's for HTTPS: an elliptic curve's key. */
  readonly tftp: Identity;
  readonly tvs: Identity;
  readonly capf: Identity;
  /** Signs manufacturer-installed certificates. */
  readonly manufacturing: Identity;
}

const DAY = 86_400;
const YEAR = 365 * DAY;

/** Of the servers' certificates; CUCM's are as long. */
const SERVER_YEARS = 5;
const AUTHORITY_YEARS = 20;

/** Above the common name in all of the lab's certificates. */
export const ORGANIZATION: DistinguishedName = [
  ['O', 'Sepia Lab'],
  ['OU', 'Lab'],
];

export function createLabPki({ host, keyKind = 'rsa-2048', now }: LabPkiOptions): LabPki {
  const server = (commonName: string): Identity => selfSigned({ commonName, keyKind, now, dnsNames: [host] });
  const authority = (commonName: string): Identity => selfSigned({ commonName, keyKind, now, isAuthority: true });
  return {
    tokens: [authority('Sepia Lab SAST 1'), authority('Sepia Lab SAST 2')],
    itlRecovery: authority(`Sepia Lab ITLRECOVERY ${host}`),
    callManager: server(host),
    tftp: selfSigned({ commonName: `${host}-EC`, keyKind: 'ec-p256', now, dnsNames: [host] }),
    tvs: server(`Sepia Lab TVS ${host}`),
    capf: authority(`Sepia Lab CAPF ${randomBytes(4).toString('hex')}`),
    // Signs a certificate a phone: with an RSA key that would be ten times the work.
    manufacturing: selfSigned({ commonName: 'Sepia Lab Manufacturing CA', keyKind: 'ec-p256', now, isAuthority: true }),
  };
}

export interface SelfSignedOptions {
  readonly commonName: string;
  readonly keyKind: KeyKind;
  readonly now: number;
  readonly isAuthority?: boolean;
  readonly dnsNames?: readonly string[];
}

export function selfSigned({
  commonName,
  keyKind,
  now,
  isAuthority = false,
  dnsNames = [],
}: SelfSignedOptions): Identity {
  const privateKey = generateKey(keyKind);
  const name: DistinguishedName = [...ORGANIZATION, ['CN', commonName]];
  const plan = {
    subject: name,
    issuer: name,
    serial: serialNumber(),
    publicKey: createPublicKey(privateKey),
    notBefore: now - DAY,
    notAfter: now + (isAuthority ? AUTHORITY_YEARS : SERVER_YEARS) * YEAR,
    isAuthority,
    dnsNames,
  };
  return { privateKey, certificate: writeCertificate(plan, privateKey, 'sha256') };
}

export function generateKey(kind: KeyKind): KeyObject {
  const [algorithm, size] = kind.split('-') as ['rsa' | 'ec', string];
  if (algorithm === 'rsa') return generateKeyPairSync('rsa', { modulusLength: Number(size) }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: size === 'p256' ? 'P-256' : 'P-384' }).privateKey;
}

/** Sixteen octets, positive and without a leading zero (RFC 5280 section 4.1.2.2). */
export function serialNumber(): Uint8Array {
  const serial = new Uint8Array(randomBytes(16));
  serial[0] = 0x40 | (serial[0]! & 0x3f);
  return serial;
}

/** Another key and certificate under the same name, of the same kind; valid from now on. */
export function rolledOver(
  { certificate, privateKey }: Identity,
  { host, now }: Pick<LabPkiOptions, 'host' | 'now'>,
): Identity {
  const fields = new X509Certificate(certificate);
  const [, commonName] = /^CN=(.*)$/m.exec(fields.subject) ?? [];
  if (commonName === undefined) throw new RangeError('the certificate has no common name');
  const keyKind = kindOf(privateKey);
  return selfSigned({ commonName, keyKind, now, ...(fields.ca ? { isAuthority: true } : { dnsNames: [host] }) });
}

/** Of an X.509 certificate, DER. */
export function publicKeyIn(certificate: Uint8Array): KeyObject {
  return new X509Certificate(certificate).publicKey;
}

function kindOf(key: KeyObject): KeyKind {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return `rsa-${modulusLength}` as KeyKind;
  return namedCurve === 'prime256v1' ? 'ec-p256' : 'ec-p384';
}
