/**
 * Whether two names are of the same certificate. CUCM writes `CN=host;OU=TAC;C=PL`, certutils the same parts in the certificate's order joined by
 * commas, and old tokens `cn="SAST-ADN0054f509        ";ou=IPCBU;o="Cisco Systems` with quotes, filler and the last quote missing. So names are
 * compared as sets of parts. That is enough: names only choose the key with which a signature is then verified.
 */
import type { CertificateName } from './signed-file.ts';

/** Issuer and serial number identify a certificate (RFC 5280 section 4.1.2.2). */
export function sameCertificate(one: Pick<CertificateName, 'issuer' | 'serial'>, other: typeof one): boolean {
  return one.serial === other.serial && sameName(one.issuer, other.issuer);
}

export function sameName(one: string, other: string): boolean {
  if (one === other) return true;
  const parts = partsOf(one);
  const others = partsOf(other);
  return parts.length === others.length && parts.every((part, index) => part === others[index]);
}

/** The attribute `serialNumber` has three spellings: OpenSSL's, CUCM's and its object identifier. */
const SERIAL_NUMBER = /^(?:2\.5\.4\.5|sn)=/;

function partsOf(name: string): string[] {
  return name
    .split(/[;,+\n]/)
    .map((part) => part.replace(/["\\]/g, '').replace(/\s+/g, ' ').replace(/ ?= ?/, '=').trim().toLowerCase())
    .map((part) => part.replace(SERIAL_NUMBER, 'serialnumber='))
    .filter((part) => part !== '')
    .sort();
}
