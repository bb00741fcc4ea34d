/** What the lab's PKI writes, read by OpenSSL: certificates, signatures over the file without the signature element, encrypted configurations. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Identity } from '../../lab/pki/lab-pki.ts';
import { ctl, encrypted, HOST, itl, labPki, rollback, signed, stranger } from '../support/lab-trust.ts';
import { peerRan } from './support/interop-run.ts';
import { versionOf } from './support/versions.ts';

const folder = mkdtempSync(join(tmpdir(), 'sepia-pki-'));
beforeAll(() =>
  peerRan('openssl', versionOf('openssl', 'version'), 'certificates, signatures, encrypted configurations'),
);
afterAll(() => rmSync(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

function file(name: string, octets: Uint8Array | string): string {
  writeFileSync(at(name), octets);
  return at(name);
}

const openssl = (...args: string[]): string => execFileSync('openssl', args, { encoding: 'utf8' });

/** The elements of a header, walked without the code that wrote it: containers go straight on with their children. */
function elements(octets: Buffer): { tag: number; from: number; to: number }[] {
  const found: { tag: number; from: number; to: number }[] = [];
  const end = octets.readUInt16BE(8);
  for (let index = 0; index < end; ) {
    const tag = octets[index]!;
    const inside = [3, 7, 9, 16, 17, 21].includes(tag);
    const to = tag === 13 ? index + 1 : index + 3 + (inside ? 0 : octets.readUInt16BE(index + 1));
    found.push({ tag, from: index, to });
    index = to;
  }
  expect(found.at(-1)!.to, 'the walk ends where the header does').toBe(end);
  expect(end % 4).toBe(0);
  return found;
}

const pki = labPki();
const phone = stranger('CP-7975G-SEP02005E000001');
const NAME = 'SEP02005E000001.cnf.xml';
const TEXT = '<device/>\r\n';

function verifies(octets: Buffer, signer: Identity): string {
  const signature = elements(octets).find(({ tag }) => tag === 12)!;
  const certificate = file('signer.der', signer.certificate);
  openssl('x509', '-inform', 'der', '-in', certificate, '-noout', '-pubkey', '-out', at('signer.pub'));
  file('signature', octets.subarray(signature.from + 3, signature.to));
  file('signed', Buffer.concat([octets.subarray(0, signature.from), octets.subarray(signature.to)]));
  return openssl('dgst', '-sha1', '-verify', at('signer.pub'), '-signature', at('signature'), at('signed')).trim();
}

describe('OpenSSL', () => {
  it.each<[what: string, octets: Uint8Array, signer: Identity]>([
    ['CTL', ctl(pki), pki.tokens[0]],
    ['ITL', itl(pki), pki.itlRecovery],
    ['rollback list', rollback(pki), pki.itlRecovery],
    ['signed configuration', signed(pki, `${NAME}.sgn`, TEXT), pki.callManager],
    ['encrypted configuration', encrypted(pki, `${NAME}.enc.sgn`, TEXT, phone), pki.callManager],
  ])('verifies the signature of the %s', (_what, octets, signer) => {
    expect(verifies(Buffer.from(octets), signer)).toBe('Verified OK');
  });

  it('reads the certificates, and follows them to themselves', () => {
    for (const identity of [...pki.tokens, pki.itlRecovery, pki.callManager, pki.tvs, pki.capf, pki.manufacturing]) {
      const der = file('own.der', identity.certificate);
      const text = openssl('x509', '-inform', 'der', '-in', der, '-noout', '-text');
      expect(text).toContain('O = Sepia Lab');
      expect(text).not.toContain('Cisco');
      openssl('x509', '-inform', 'der', '-in', der, '-out', at('own.pem'));
      const options = ['-CAfile', at('own.pem'), '-auth_level', '0', at('own.pem')];
      expect(openssl('verify', '-partial_chain', ...options)).toContain('OK');
    }
    const callManager = file('callmanager.der', pki.callManager.certificate);
    expect(openssl('x509', '-inform', 'der', '-in', callManager, '-noout', '-text')).toContain(`DNS:${HOST}`);
  });

  it('decrypts the configuration with the key of its phone', () => {
    const octets = Buffer.from(encrypted(pki, `${NAME}.enc.sgn`, TEXT, phone));
    const value = (wanted: number): Buffer => {
      const found = elements(octets).find(({ tag }) => tag === wanted)!;
      return octets.subarray(found.from + 3, found.to);
    };
    const key = file('phone.pem', phone.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    openssl('pkeyutl', '-decrypt', '-inkey', key, '-in', file('wrapped', value(25)), '-out', at('aes'));
    const secret = readFileSync(at('aes')).toString('hex');
    const cipherText = file('cipher', octets.subarray(octets.readUInt16BE(8)));
    const vector = value(19).toString('hex');
    openssl('enc', '-d', '-aes-128-cbc', '-nopad', '-K', secret, '-iv', vector, '-in', cipherText, '-out', at('plain'));
    const plain = readFileSync(at('plain'));
    expect(plain.subarray(0, plain.length - value(20).readUInt16BE(0)).toString('latin1')).toBe(TEXT);
    file('text', TEXT);
    expect(openssl('dgst', '-sha1', '-r', at('text')).split(' ')[0]).toBe(value(27).toString('hex'));
  });
});
