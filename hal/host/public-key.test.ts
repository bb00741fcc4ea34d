import { constants, createPublicKey, generateKeyPairSync, publicEncrypt, sign, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { writeCertificate } from './certificate-writer.ts';
import { beginVerifyRsa, decryptAes128Cbc, readCertificate, unwrapRsa, verifyRsa } from './public-key.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 1_024 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const message = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4)];
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

describe('RSA signatures', () => {
  const pkcs1 = rsa.publicKey.export({ type: 'pkcs1', format: 'der' });
  const spki = rsa.publicKey.export({ type: 'spki', format: 'der' });

  it.each(['sha1', 'sha256', 'sha512'] as const)('%s, over parts, by either form of the key', (digest) => {
    const signature = sign(digest, Buffer.concat(message), rsa.privateKey);
    for (const key of [pkcs1, spki]) {
      expect(verifyRsa(digest, key, message, signature)).toBe(true);
      expect(verifyRsa(digest, key, [Uint8Array.of(1, 2, 3, 5)], signature)).toBe(false);
      for (const [parts, verified] of [
        [message, true],
        [[Uint8Array.of(1, 2, 3, 5)], false],
      ] as const) {
        const check = beginVerifyRsa(digest, key)!;
        for (const part of parts) check.update(part);
        expect(check.verify(signature)).toBe(verified);
      }
      expect(verifyRsa(digest, key, message, signature.subarray(1))).toBe(false);
      expect(verifyRsa(digest, key, message, Buffer.concat([Uint8Array.of(0), signature]))).toBe(false);
      expect(verifyRsa(digest === 'sha1' ? 'sha256' : 'sha1', key, message, signature)).toBe(false);
    }
  });

  it('with keys that are none, or of another kind, are wrong', () => {
    const signature = sign('sha1', Buffer.concat(message), ec.privateKey);
    const others = [hex(''), hex('30'), hex('3003020101'), ec.publicKey.export({ type: 'spki', format: 'der' })];
    for (const key of others) expect(verifyRsa('sha1', key, message, signature)).toBe(false);
  });
});

describe('certificates', () => {
  const plan = {
    subject: [
      ['C', 'PL'],
      ['O', 'Sepia Lab'],
      ['CN', 'Kraków; 1'],
    ],
    issuer: [['CN', 'Sepia Lab CA']],
    serial: hex('0083aa'),
    publicKey: ec.publicKey,
    notBefore: Date.UTC(2026, 0, 1) / 1_000,
    notAfter: Date.UTC(2050, 0, 1) / 1_000,
    isAuthority: false,
    dnsNames: ['cucm1.lab.example'],
  } as const;

  it.each([
    ['RSA', rsa],
    ['EC', ec],
  ] as const)('are written with %s keys and read', (_kind, issuer) => {
    for (const digest of ['sha1', 'sha256', 'sha512'] as const) {
      const certificate = writeCertificate(plan, issuer.privateKey, digest);
      expect(readCertificate(certificate)).toMatchObject({
        subject: 'CN=Kraków\\; 1;O=Sepia Lab;C=PL',
        issuer: 'CN=Sepia Lab CA',
        serial: '83aa',
        key: 'EC-secp384r1',
        notBefore: plan.notBefore,
        notAfter: plan.notAfter,
      });
      const x509 = new X509Certificate(certificate);
      expect(x509.verify(issuer.publicKey)).toBe(true);
      expect(x509.ca).toBe(false);
      expect(x509.subjectAltName).toBe('DNS:cucm1.lab.example');
    }
  });

  it('of an authority say so', () => {
    const certificate = writeCertificate({ ...plan, isAuthority: true }, rsa.privateKey, 'sha256');
    expect(new X509Certificate(certificate).ca).toBe(true);
  });

  it('that are none give null', () => {
    for (const octets of [hex(''), hex('3000'), hex('deadbeef')]) expect(readCertificate(octets)).toBeNull();
  });
});

describe('wrapped keys', () => {
  const publicKey = createPublicKey(rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }));
  const wrap = (block: Uint8Array) => publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, block);
  const block = (...octets: number[]) => {
    const filled = new Uint8Array(128).fill(0x55);
    filled.set(octets);
    filled.set([0, 7, 8, 9], 124);
    return filled;
  };

  it('are unwrapped', () => {
    const key = hex('000102030405060708090a0b0c0d0e0f');
    const wrapped = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, key);
    expect(unwrapRsa(rsa.privateKey, wrapped)).toEqual(key);
    expect(unwrapRsa(rsa.privateKey, wrap(block(0, 2)))).toEqual(Uint8Array.of(7, 8, 9));
  });

  it('with wrong padding, wrong length, or for another kind of key give null', () => {
    expect(unwrapRsa(rsa.privateKey, wrap(block(0, 1)))).toBeNull();
    expect(unwrapRsa(rsa.privateKey, wrap(block(1, 2)))).toBeNull();
    // Seven octets of padding.
    expect(unwrapRsa(rsa.privateKey, wrap(block(0, 2, 1, 1, 1, 1, 1, 1, 1, 0)))).toBeNull();
    const unended = new Uint8Array(128).fill(0x55);
    unended.set([0, 2]);
    expect(unwrapRsa(rsa.privateKey, wrap(unended))).toBeNull();
    expect(unwrapRsa(rsa.privateKey, hex('00'))).toBeNull();
    expect(unwrapRsa(rsa.privateKey, new Uint8Array(128).fill(0xff))).toBeNull();
    expect(unwrapRsa(ec.privateKey, hex('00'))).toBeNull();
  });
});

describe('AES-128 in CBC mode', () => {
  // NIST SP 800-38A F.2.2, the first two blocks.
  const key = hex('2b7e151628aed2a6abf7158809cf4f3c');
  const vector = hex('000102030405060708090a0b0c0d0e0f');
  const cipherText = hex('7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2');

  it('is decrypted, and nothing is taken off', () => {
    expect(decryptAes128Cbc(key, vector, cipherText)).toEqual(
      hex('6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51'),
    );
    expect(decryptAes128Cbc(key, vector, hex(''))).toEqual(hex(''));
  });

  it('refuses wrong lengths', () => {
    expect(decryptAes128Cbc(key.subarray(1), vector, cipherText)).toBeNull();
    expect(decryptAes128Cbc(key, vector.subarray(1), cipherText)).toBeNull();
    expect(decryptAes128Cbc(key, vector, cipherText.subarray(1))).toBeNull();
  });
});
