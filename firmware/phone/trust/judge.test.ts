import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostSecureElement } from '../../../hal/host/secure-element.ts';
import { VirtualTimeline } from '../../../hal/virtual/timeline.ts';
import { fuzzRuns } from '../../../test/support/fuzz-runs.ts';
import { ctl, encrypted, itl, labPki, NOW, rollback, signed, stranger } from '../../../test/support/lab-trust.ts';
import { type ConfigurationKeys, judgeConfiguration } from './configuration-trust.ts';
import { type InstalledLists, NO_LISTS } from './installed-lists.ts';
import { judgeEncryptedFile, judgeSignedFile } from './judge-file.ts';
import { judgeTrustList, type ListKind } from './judge-list.ts';
import { parseTrustList, type TrustList } from './trust-list.ts';
import type { FileVerdict, ListVerdict, TrustContext, VouchedCertificate } from './verdict.ts';

const secure = new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], complete: () => undefined });
const pki = labPki();
const other = labPki();
const phone = stranger('CP-7975G-SEP02005E000001');
secure.installKey('lsc', phone.privateKey.export({ type: 'pkcs8', format: 'der' }), phone.certificate);

const NAME = 'SEP02005E000001.cnf.xml.sgn';
const ENCRYPTED_NAME = 'SEP02005E000001.cnf.xml.enc.sgn';
const TEXT = '<device><fullConfig>true</fullConfig></device>\r\n';

function listOf(octets: Uint8Array): TrustList {
  const list = parseTrustList(octets);
  if (!('records' in list)) throw new Error(list.reason);
  return list;
}

function context(installed: InstalledLists, vouched: VouchedCertificate | null = null): TrustContext {
  return { crypto: secure, installed, vouched, olderList: 'rejected' };
}

const withItl: InstalledLists = { ctl: null, itl: listOf(itl(pki)) };
const withBoth: InstalledLists = { ctl: listOf(ctl(pki)), itl: listOf(itl(pki)) };
const afterRollback: InstalledLists = { ctl: null, itl: listOf(rollback(pki)) };

function said(verdict: ListVerdict | FileVerdict): string {
  return verdict.outcome === 'rejected' ? verdict.reason : verdict.outcome;
}

const judge = (kind: ListKind, octets: Uint8Array, installed: InstalledLists): string =>
  said(judgeTrustList(kind, octets, context(installed)));

describe('a trust list', () => {
  const impostor = stranger('Sepia Lab SAST 1');

  it.each<[what: string, kind: ListKind, octets: Uint8Array, installed: InstalledLists, expected: string]>([
    ['the first ITL', 'itl', itl(pki), NO_LISTS, 'first-use'],
    ['the first CTL', 'ctl', ctl(pki), NO_LISTS, 'first-use'],
    ['a first list signed by somebody not in it', 'itl', itl(pki, stranger()), NO_LISTS, 'signer-unknown'],
    ['a first list signed by one in another role', 'itl', itl(pki, pki.capf), NO_LISTS, 'signer-role'],
    ['an ITL beside the CTL of the cluster', 'itl', itl(pki), { ctl: listOf(ctl(pki)), itl: null }, 'verified'],
    [
      'an ITL beside the CTL of another cluster',
      'itl',
      itl(pki),
      { ctl: listOf(ctl(other)), itl: null },
      'signer-unknown',
    ],
    ['an ITL signed by another token of the old one', 'itl', itl(pki, pki.callManager), withItl, 'verified'],
    ['an ITL signed by a token of the CTL', 'itl', itl(pki, pki.tokens[1]), withBoth, 'verified'],
    ['a first CTL signed by a token of the ITL', 'ctl', ctl(pki, pki.itlRecovery), withItl, 'verified'],
    ['a first CTL signed by a token that the ITL does not have', 'ctl', ctl(pki), withItl, 'ask-tvs'],
    ['the ITL of another cluster', 'itl', itl(other), withItl, 'ask-tvs'],
    ['the CTL of another cluster', 'ctl', ctl(other), withBoth, 'ask-tvs'],
    ['an ITL of before', 'itl', itl(pki, pki.itlRecovery, NOW - 1), withItl, 'older-list'],
    ['a CTL of before', 'ctl', ctl(pki, pki.tokens[0], NOW - 1), withBoth, 'older-list'],
    ['a rollback list', 'itl', rollback(pki), withItl, 'verified'],
    ['an ITL of before a rollback', 'itl', itl(pki, pki.itlRecovery, NOW - 1), afterRollback, 'older-list'],
    ['any ITL after a rollback', 'itl', itl(other), afterRollback, 'first-use'],
    ['any CTL after a rollback', 'ctl', ctl(other), afterRollback, 'signer-unknown'],
    [
      'any ITL after a rollback of a secure cluster',
      'itl',
      itl(other),
      { ...afterRollback, ctl: listOf(ctl(pki)) },
      'signer-unknown',
    ],
    ['a CTL in place of the ITL', 'itl', ctl(pki), withItl, 'wrong-name'],
    ['nothing', 'itl', new Uint8Array(0), withItl, 'empty-file'],
    ['no list', 'itl', new TextEncoder().encode('<html>404</html>'), withItl, 'malformed'],
  ])('%s', (_what, kind, octets, installed, expected) => {
    expect(judge(kind, octets, installed)).toBe(expected);
  });

  it('is verified with the installed key, not with that of a certificate in it', () => {
    // The stranger has a certificate with the names and the number of the ITL's token.
    const copy = { ...pki, itlRecovery: { ...impostor, certificate: pki.itlRecovery.certificate } };
    expect(judge('itl', itl(copy), withItl)).toBe('signature-mismatch');
  });

  it('is verified with what TVS vouches for, in the role of a token', () => {
    const renewed = { ...pki, itlRecovery: stranger('Sepia Lab ITLRECOVERY new') };
    const octets = itl(renewed);
    const vouch = (certificate: Uint8Array, ...roles: number[]) =>
      said(judgeTrustList('itl', octets, context(withItl, { certificate, roles })));
    expect(vouch(renewed.itlRecovery.certificate, 0, 2)).toBe('verified');
    expect(vouch(renewed.itlRecovery.certificate, 2, 3)).toBe('signer-role');
    expect(vouch(other.itlRecovery.certificate, 0)).toBe('signer-unknown');
    expect(vouch(Uint8Array.of(1, 2, 3), 0)).toBe('signer-unknown');
  });

  it('of another cluster does not get in by a TVS answer about somebody else', () => {
    const answer = { certificate: pki.itlRecovery.certificate, roles: [0] };
    expect(said(judgeTrustList('itl', itl(other), context(withItl, answer)))).toBe('signer-unknown');
  });
});

describe('a signed file', () => {
  const file = (octets: Uint8Array, installed: InstalledLists, name = NAME) =>
    said(judgeSignedFile(name, octets, context(installed)));

  it('counts when a TFTP server of the lists has signed it, for the name it was asked for by', () => {
    const verdict = judgeSignedFile(NAME, signed(pki, NAME, TEXT), context(withItl));
    expect(verdict.outcome === 'verified' && new TextDecoder().decode(verdict.payload)).toBe(TEXT);
    expect(file(signed(pki, NAME, TEXT), withBoth)).toBe('verified');
    expect(file(signed(pki, NAME, TEXT), NO_LISTS)).toBe('no-trust-list');
    expect(file(signed(pki, NAME, TEXT), afterRollback)).toBe('signer-unknown');
    expect(file(signed(pki, NAME, TEXT), withItl, 'SEP02005E000002.cnf.xml.sgn')).toBe('wrong-name');
    expect(file(signed(pki, NAME, TEXT, pki.capf), withItl)).toBe('signer-role');
    expect(file(signed(pki, NAME, TEXT, pki.itlRecovery), withItl)).toBe('signer-role');
    expect(file(signed(other, NAME, TEXT), withItl)).toBe('ask-tvs');
    expect(file(new TextEncoder().encode(TEXT), withItl)).toBe('not-signed');
    expect(file(encrypted(pki, NAME, TEXT, phone), withItl)).toBe('encrypted');
  });

  it('encrypted is decrypted with the key of the phone it is for', () => {
    const open = (octets: Uint8Array, slot: 'lsc' | 'mic') =>
      judgeEncryptedFile(ENCRYPTED_NAME, octets, context(withItl), slot);
    for (let length = 0; length <= 33; length++) {
      const text = 'x'.repeat(length);
      const verdict = open(encrypted(pki, ENCRYPTED_NAME, text, phone), 'lsc');
      expect(verdict.outcome === 'verified' && new TextDecoder().decode(verdict.payload)).toBe(text);
    }
    expect(said(open(encrypted(pki, ENCRYPTED_NAME, TEXT, phone), 'mic'))).toBe('key-unwrap');
    expect(said(open(encrypted(pki, ENCRYPTED_NAME, TEXT, stranger()), 'lsc'))).toBe('key-unwrap');
    expect(said(open(encrypted(other, ENCRYPTED_NAME, TEXT, phone), 'lsc'))).toBe('ask-tvs');
    expect(said(open(signed(pki, ENCRYPTED_NAME, TEXT), 'lsc'))).toBe('not-encrypted');
  });

  it('encrypted with a key that is typed opens with that key only, whoever has signed it where nobody asks', () => {
    const typed = new Uint8Array(16).fill(7);
    const wrong = new Uint8Array(16).fill(8);
    const keysWith = (key: Uint8Array | null, typedSignature: 'ignored' | 'verified' = 'ignored') =>
      ({ slot: 'lsc', typed: key, typedSignature }) as const;
    const open = (octets: Uint8Array, keys: ConfigurationKeys) =>
      judgeConfiguration(ENCRYPTED_NAME, octets, context(withItl), keys);
    const good = encrypted(pki, ENCRYPTED_NAME, TEXT, typed);
    const strange = encrypted(other, ENCRYPTED_NAME, TEXT, typed);
    const payload = new TextEncoder().encode(TEXT);
    for (const file of [good, strange]) {
      expect(open(file, keysWith(typed))).toEqual({ outcome: 'unsigned', payload });
      expect(open(file, keysWith(wrong))).toMatchObject({ outcome: 'rejected', reason: 'plain-text-digest' });
    }
    expect(open(good, keysWith(typed, 'verified'))).toMatchObject({ outcome: 'verified', payload });
    expect(open(good, keysWith(wrong, 'verified'))).toMatchObject({ reason: 'plain-text-digest' });
    expect(open(strange, keysWith(typed, 'verified')).outcome).toBe('ask-tvs');
    expect(open(good, keysWith(null))).toMatchObject({
      reason: 'key-unwrap',
      detail: 'The key of the file has to be typed.',
    });
    // Typing a key changes nothing for files that are wrapped.
    expect(open(encrypted(other, ENCRYPTED_NAME, TEXT, phone), keysWith(typed)).outcome).toBe('ask-tvs');
    expect(open(encrypted(pki, ENCRYPTED_NAME, TEXT, phone), keysWith(typed))).toMatchObject({
      outcome: 'verified',
      payload,
    });
  });
});

const verified: readonly [
  what: string,
  octets: Uint8Array,
  judged: (octets: Uint8Array) => ListVerdict | FileVerdict,
][] = [
  ['an ITL', itl(pki), (octets) => judgeTrustList('itl', octets, context(withBoth))],
  ['the first ITL', itl(pki), (octets) => judgeTrustList('itl', octets, context(NO_LISTS))],
  ['a signed file', signed(pki, NAME, TEXT), (octets) => judgeSignedFile(NAME, octets, context(withItl))],
  [
    'an encrypted file',
    encrypted(pki, ENCRYPTED_NAME, TEXT, phone),
    (octets) => judgeEncryptedFile(ENCRYPTED_NAME, octets, context(withItl), 'lsc'),
  ],
];

describe.each(verified)('%s that is verified', (_what, octets, judged) => {
  const good = (verdict: ListVerdict | FileVerdict) =>
    verdict.outcome === 'verified' || verdict.outcome === 'first-use';

  it('is good', () => {
    expect(good(judged(octets))).toBe(true);
  });

  it('is not with any one bit flipped', () => {
    // Every bit where all are asked for; else every bit of the header and one of each octet behind it.
    const every = fuzzRuns() >= 100_000 ? octets.length : 512;
    for (let bit = 0; bit < octets.length * 8; bit += bit < every * 8 ? 1 : 9) {
      const flipped = octets.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      if (good(judged(flipped))) throw new Error(`bit ${bit & 7} of octet ${bit >> 3} does not matter`);
    }
  });

  it('is not when cut, lengthened or changed anywhere', () => {
    const change = fc.record({ at: fc.nat(octets.length), drop: fc.nat(8), add: fc.uint8Array({ maxLength: 8 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        let changed: Uint8Array = octets;
        for (const { at, drop, add } of changes) {
          changed = Buffer.concat([changed.subarray(0, at), add, changed.subarray(at + drop)]);
        }
        fc.pre(Buffer.compare(changed, octets) !== 0);
        return !good(judged(new Uint8Array(changed)));
      }),
      { numRuns: fuzzRuns() },
    );
  });
});
