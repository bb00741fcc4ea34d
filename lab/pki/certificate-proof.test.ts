import { constants, createHash, privateEncrypt, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type CertificateProof, isProven } from './certificate-proof.ts';
import { IdentityStock } from './identity-stock.ts';
import { type Identity, type KeyKind, selfSigned } from './lab-pki.ts';

const NOW = 1_800_000_000;
const NAME = 'SEP0011AABBCC01';
const authority = selfSigned({ commonName: 'Sepia Lab Manufacturing CA', keyKind: 'ec-p256', now: NOW });
const stranger = selfSigned({ commonName: 'Sepia Lab Manufacturing CA', keyKind: 'ec-p256', now: NOW });

function phone(keyKind: KeyKind, deviceName = NAME): Identity {
  return new IdentityStock({ authority, keyKind, now: NOW }).issue({ productId: 'CP-8861', deviceName, serial: 'X' });
}

function proofOf({ certificate, privateKey }: Identity, deviceName = NAME): CertificateProof {
  const message = Buffer.concat([Buffer.from(`${deviceName}\0`), certificate]);
  const signed = (digest: 'sha1' | 'sha512'): Uint8Array => {
    if (privateKey.asymmetricKeyType === 'ec') return sign(digest, message, privateKey);
    const hash = createHash(digest).update(message).digest();
    return privateEncrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, hash);
  };
  return { deviceName, certificate, signature: signed('sha1'), longSignature: signed('sha512') };
}

const flipped = (octets: Uint8Array): Uint8Array =>
  octets.map((octet, at) => (at === octets.length - 1 ? octet ^ 1 : octet));

describe.each<KeyKind>(['rsa-1024', 'ec-p256'])('the proof of a certificate with a key %s', (keyKind) => {
  const proof = proofOf(phone(keyKind));

  it('holds, with or without the longer signature', () => {
    expect(isProven(proof, [authority.certificate])).toBe(true);
    expect(isProven({ ...proof, longSignature: null }, [stranger.certificate, authority.certificate])).toBe(true);
  });

  it.each<[string, CertificateProof, Uint8Array[]]>([
    ['without a certificate', { ...proof, certificate: null }, [authority.certificate]],
    ['without a signature', { ...proof, signature: null }, [authority.certificate]],
    [
      'with a signature that is not its own',
      { ...proof, signature: flipped(proof.signature!) },
      [authority.certificate],
    ],
    [
      'with a longer one that is not',
      { ...proof, longSignature: flipped(proof.longSignature!) },
      [authority.certificate],
    ],
    ['with signatures that have changed places', { ...proof, signature: proof.longSignature }, [authority.certificate]],
    ['of what is no certificate', { ...proof, certificate: Uint8Array.of(1, 2) }, [authority.certificate]],
    ["of another phone's", proofOf(phone(keyKind, 'SEP0011AABBCC02')), [authority.certificate]],
    ['that a stranger has signed', proof, [stranger.certificate]],
    ['where nobody is trusted', proof, []],
  ])('does not hold %s', (_what, bad, trusted) => {
    expect(isProven(bad, trusted)).toBe(false);
  });
});
