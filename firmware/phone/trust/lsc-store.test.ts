import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Flash } from '../../../hal/flash.ts';
import { writeCertificate } from '../../../hal/host/certificate-writer.ts';
import { driveVirtual } from '../../../hal/host/drive.ts';
import { HostSecureElement } from '../../../hal/host/secure-element.ts';
import type { CompletionResult } from '../../../hal/secure.ts';
import type { VirtualFlash } from '../../../hal/virtual/flash.ts';
import { VirtualTimeline } from '../../../hal/virtual/timeline.ts';
import { selfSigned } from '../../../lab/pki/lab-pki.ts';
import { FLASH_MAP } from '../../../storage/flash-map.ts';
import { RecordStore } from '../../../storage/record-store.ts';
import { blankFlash, copier, cutEverywhere } from '../../../test/support/flash-bench.ts';
import { deleteLsc, installLsc, restoreLsc } from './lsc-store.ts';

const SECRET = new Uint8Array(32).fill(5);

interface Pair {
  readonly sealed: Uint8Array;
  readonly certificate: Uint8Array;
}

const region = (flash: Flash): RecordStore => RecordStore.open(flash, FLASH_MAP.trust);

function element(secret = SECRET): HostSecureElement {
  return new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], secret, complete: () => undefined });
}

async function enrolled(): Promise<Pair> {
  const timeline = new VirtualTimeline();
  const results: CompletionResult[] = [];
  const complete = (_operation: number, result: CompletionResult) => void results.push(result);
  new HostSecureElement({ timeline, bootKeys: [], secret: SECRET, complete }).generateKey('ec-p256');
  await driveVirtual(timeline, { until: () => results.length === 1 });
  const [made] = results;
  if (!made?.ok) throw new Error('no key');
  const authority = selfSigned({ commonName: 'Sepia Lab CAPF', keyKind: 'ec-p256', now: 1_000_000 });
  const name = [['CN', 'SEP0011AABBCC01']] as const;
  const publicKey = createPublicKey({ key: Buffer.from(made.octets), format: 'der', type: 'spki' });
  const plan = { subject: name, issuer: name, serial: Uint8Array.of(1), publicKey, notBefore: 0, notAfter: 1e9 };
  const certificate = writeCertificate({ ...plan, isAuthority: false }, authority.privateKey, 'sha256');
  return { sealed: made.sealed!, certificate };
}

let old: Pair;
let fresh: Pair;

beforeAll(async () => {
  old = await enrolled();
  fresh = await enrolled();
});

/** What a phone has after a boot: a certificate whose key the element can use, or none. */
function afterBoot(flash: Flash): 'none' | 'old' | 'new' {
  const secure = element();
  const isThere = restoreLsc(region(flash), secure);
  const certificate = secure.ownCertificate('lsc');
  expect(isThere).toBe(certificate !== null);
  if (certificate === null) return 'none';
  expect([old.certificate, fresh.certificate]).toContainEqual(certificate);
  return Buffer.compare(certificate, old.certificate) === 0 ? 'old' : 'new';
}

const install = (flash: Flash, { sealed, certificate }: Pair) =>
  installLsc(region(flash), element(), sealed, certificate);

function withOld(): VirtualFlash {
  const flash = blankFlash();
  expect(install(flash, old)).toBeNull();
  return flash;
}

/** A part with the old one, and with room in its bank for nothing more. */
function full(): VirtualFlash {
  const flash = withOld();
  const store = region(flash);
  for (let size = 1 << 17; size >= 1 << 8; size >>= 1) {
    const { used, size: whole } = store.usage();
    if (used + size + 64 < whole) store.set(`filler/${size}`, new Uint8Array(size).fill(size));
  }
  return flash;
}

describe('an LSC in flash', () => {
  it('is there at every boot until it is deleted', () => {
    const flash = blankFlash();
    expect(afterBoot(flash)).toBe('none');
    install(flash, old);
    expect(afterBoot(flash)).toBe('old');
    install(flash, fresh);
    expect(afterBoot(flash)).toBe('new');
    const secure = element();
    restoreLsc(region(flash), secure);
    deleteLsc(region(flash), secure);
    expect(secure.ownCertificate('lsc')).toBeNull();
    expect(afterBoot(flash)).toBe('none');
    const { offset, size } = FLASH_MAP.trust;
    expect(Buffer.from(flash.read(offset, size)).includes(Buffer.from(old.sealed))).toBe(false);
  });

  it('is nothing to another element, and never holds a key that can be read', () => {
    const flash = withOld();
    expect(restoreLsc(region(flash), element(new Uint8Array(32).fill(6)))).toBe(false);
    // A P-256 key in PKCS #8 begins so.
    const head = Buffer.from('308187020100301306072a8648ce3d0201', 'hex');
    expect(Buffer.from(flash.read(0, flash.size)).includes(head)).toBe(false);
  });

  it("stays when the new certificate is another key's", () => {
    const flash = withOld();
    const wrong = { sealed: fresh.sealed, certificate: old.certificate };
    expect(install(flash, wrong)).toBe('The certificate is not for the key that was made for it.');
    expect(afterBoot(flash)).toBe('old');
  });

  it('stays when there is no room for the new one', () => {
    const flash = withOld();
    const store = region(flash);
    const big = { ...fresh, certificate: fresh.certificate };
    const crowded = { ...store, get: (key: string) => store.get(key), set: () => 'The flash region is full' };
    const secure = element();
    restoreLsc(store, secure);
    expect(installLsc(crowded as unknown as RecordStore, secure, big.sealed, big.certificate)).toMatch(/full/);
    expect(secure.ownCertificate('lsc')).toEqual(old.certificate);
  });
});

describe('a power cut', () => {
  it.each([
    ['while the first one is stored', blankFlash, ['none', 'new']],
    ['while another takes its place', withOld, ['old', 'new']],
    ['while another takes its place in a bank that is full', full, ['old', 'new']],
  ])('%s', (where, make, outcomes) => {
    const seen = new Set<string>();
    const cases = cutEverywhere(
      copier(make()),
      (flash) => install(flash, fresh),
      (flash) => {
        seen.add(afterBoot(flash));
        expect(install(flash, fresh)).toBeNull();
        expect(afterBoot(flash)).toBe('new');
      },
    );
    console.log(`LSC, ${where}: ${cases} power cuts`);
    expect(cases).toBeGreaterThan(4);
    expect(seen).toEqual(new Set(outcomes));
  });

  it('while it is deleted', () => {
    const seen = new Set<string>();
    const cases = cutEverywhere(
      copier(withOld()),
      (flash) => deleteLsc(region(flash), element()),
      (flash) => seen.add(afterBoot(flash)),
    );
    console.log(`LSC deleted: ${cases} power cuts`);
    expect(seen).toEqual(new Set(['old', 'none']));
  });
});
