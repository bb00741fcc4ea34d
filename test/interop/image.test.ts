/** Our flash images, read by the byte table of docs/image-format.md alone and verified by OpenSSL over the documented octets. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { developmentKey, generateKey, readSigningKey, signImage } from '../../images/public.ts';
import { builtImages } from '../support/built-images.ts';
import { peerRan } from './support/interop-run.ts';
import { versionOf } from './support/versions.ts';

const LOAD = 'SCCP75.9-4-2SR3-1S';
const folder = mkdtempSync(join(tmpdir(), 'sepia-image-'));

beforeAll(() => peerRan('openssl', versionOf('openssl', 'version'), 'signatures of flash images'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, octets: Uint8Array | string): string {
  writeFileSync(join(folder, name), octets);
  return join(folder, name);
}

/** What is signed, and the signature, cut out of a file without the code that made it. */
function pieces(image: Buffer): { signed: Buffer; type: number; signature: Buffer } {
  expect(image.toString('latin1', 0, 4)).toBe('SEPI');
  const end = image.readUInt16LE(4) + image.readUInt32LE(8) + image.readUInt16LE(28);
  let at = end + 4;
  for (;;) {
    const type = image.readUInt16LE(at);
    const length = image.readUInt16LE(at + 2);
    const value = image.subarray(at + 4, at + 4 + length);
    if (type === 0x82 || type === 0x83) return { signed: image.subarray(0, end), type, signature: value };
    at += 4 + length;
  }
}

/** OpenSSL's exit code. */
function verify(image: Uint8Array, publicPem: string): number | null {
  const { signed, type, signature } = pieces(Buffer.from(image));
  const digest = file('digest', execFileSync('openssl', ['dgst', '-sha256', '-binary', file('signed', signed)]));
  const key = file('key.pem', publicPem);
  const sign = file('signature', signature);
  const ed25519 = ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin', '-in', digest, '-sigfile', sign];
  const ecdsa = ['dgst', '-sha256', '-verify', key, '-signature', sign, digest];
  return spawnSync('openssl', type === 0x82 ? ed25519 : ecdsa).status;
}

function pem({ publicKey }: { readonly publicKey: Uint8Array }): string {
  return `-----BEGIN PUBLIC KEY-----\n${Buffer.from(publicKey).toString('base64')}\n-----END PUBLIC KEY-----\n`;
}

describe('OpenSSL verifies our flash images', () => {
  const built = builtImages()(LOAD);

  it('as they are built, by the development key', () => {
    expect(verify(built, pem(developmentKey().bootKey))).toBe(0);
  });

  it.each(['ed25519', 'ecdsa-p256-sha256'] as const)("signed again by a key of one's own, %s", (algorithm) => {
    const key = generateKey(algorithm);
    expect(verify(signImage(built, readSigningKey(key.privatePem)), key.publicPem)).toBe(0);
  });

  it('and not when an octet of the body, the header or the protected TLVs was changed', () => {
    const key = pem(developmentKey().bootKey);
    const { signed } = pieces(Buffer.from(built));
    for (const at of [24, 32, signed.length - 1]) {
      const changed = built.slice();
      changed[at]! ^= 1;
      expect(verify(changed, key), `octet ${at}`).toBe(1);
    }
  });
});
