import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { FLEET_KEYS, IdentityStock } from './identity-stock.ts';
import { createLabPki, type Identity, type LabPki } from './lab-pki.ts';

const NOW = Date.UTC(2026, 10, 22) / 1_000;
const COUNT = 130;

let pki: LabPki;

beforeAll(() => {
  pki = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
});

describe('the certificates of a factory', () => {
  let phones: readonly Identity[];
  let read: readonly X509Certificate[];

  beforeAll(() => {
    const stock = new IdentityStock({ authority: pki.manufacturing, now: NOW, ...FLEET_KEYS });
    phones = Array.from({ length: COUNT }, (_, index) => {
      // Names of any length come out of one template.
      const productId = index % 2 === 0 ? 'CP-7975G' : 'CP-8861';
      return stock.issue({
        productId,
        deviceName: `SEP02005E${index.toString(16).padStart(6, '0')}`,
        serial: `F${index}`,
      });
    });
    read = phones.map(({ certificate }) => new X509Certificate(certificate));
  });

  it('are one for each phone, with the names of a real one', () => {
    expect(read[0]!.subject).toBe('serialNumber=PID:CP-7975G SN:F0\nO=Sepia Lab\nOU=Lab\nCN=CP-7975G-SEP02005E000000');
    expect(read[129]!.subject).toContain('CN=CP-8861-SEP02005E000081');
    expect(new Set(read.map(({ subject }) => subject)).size).toBe(COUNT);
    expect(new Set(read.map(({ serialNumber }) => serialNumber)).size).toBe(COUNT);
  });

  it('are signed by its authority, each for the key that goes with it', () => {
    const { publicKey } = new X509Certificate(pki.manufacturing.certificate);
    for (const [index, certificate] of read.entries()) {
      expect(certificate.verify(publicKey)).toBe(true);
      expect(certificate.checkPrivateKey(phones[index]!.privateKey)).toBe(true);
    }
  });

  it('share as many keys as a fleet has', () => {
    expect(new Set(phones.map(({ privateKey }) => privateKey)).size).toBe(FLEET_KEYS.keys);
  });
});
