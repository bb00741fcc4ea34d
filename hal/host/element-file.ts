import { createPrivateKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { SECRET_OCTETS } from './private-key.ts';
import type { TlsIdentity } from './tls-engine.ts';

/** What is burnt into a secure element when the board is made, and does not lie in the flash part. */
export interface ElementContents {
  /** What the element seals keys with. */
  readonly secret: Uint8Array;
  /** Manufacturer-installed key and certificate; null for a board without. */
  readonly mic: TlsIdentity | null;
}

const OWNER_ONLY = 0o600;
const LABEL = 'SEPIA ELEMENT SECRET';

/** The message is one sentence. */
export class ElementFileError extends Error {
  override readonly name = 'ElementFileError';
}

/** Beside the flash file of the same board. */
export function elementPath(flashPath: string): string {
  return `${flashPath}.element`;
}

/** Of a board whose flash is that file; a new secret and no certificate where there is none yet. Throws ElementFileError. */
export function readElement(flashPath: string): ElementContents {
  const path = elementPath(flashPath);
  if (!existsSync(path)) {
    const fresh = { secret: new Uint8Array(randomBytes(SECRET_OCTETS)), mic: null };
    writeElement(flashPath, fresh);
    return fresh;
  }
  const text = readFileSync(path, 'latin1');
  const secret = new Uint8Array(block(text, LABEL) ?? []);
  if (secret.length !== SECRET_OCTETS) throw new ElementFileError(`${path} is no secure element's file.`);
  const certificate = block(text, 'CERTIFICATE');
  if (certificate === null) return { secret, mic: null };
  try {
    const mic = { privateKey: createPrivateKey(text), certificate: new Uint8Array(certificate) };
    if (new X509Certificate(certificate).checkPrivateKey(mic.privateKey)) return { secret, mic };
  } catch {
    // Said below.
  }
  throw new ElementFileError(`${path}: its key and its certificate do not belong together.`);
}

/** Three PEM blocks that only their owner can read; there is the old file or the new one at any time. */
export function writeElement(flashPath: string, { secret, mic }: ElementContents): void {
  const path = elementPath(flashPath);
  const blocks = [pem(LABEL, secret), ...(mic === null ? [] : [keyPem(mic.privateKey), certificatePem(mic)])];
  const fresh = `${path}.new`;
  writeFileSync(fresh, blocks.join(''), { mode: OWNER_ONLY });
  renameSync(fresh, path);
}

function keyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function certificatePem({ certificate }: TlsIdentity): string {
  return pem('CERTIFICATE', certificate);
}

function pem(label: string, octets: Uint8Array): string {
  const lines = Buffer.from(octets)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

function block(text: string, label: string): Buffer | null {
  const [, base64] = new RegExp(`-----BEGIN ${label}-----\\n([^-]+)-----END`).exec(text) ?? [];
  return base64 === undefined ? null : Buffer.from(base64, 'base64');
}
