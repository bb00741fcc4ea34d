import { describe, expect, it } from 'vitest';
import { HostSecureElement } from '../../../hal/host/secure-element.ts';
import { VirtualTimeline } from '../../../hal/virtual/timeline.ts';
import { rolledOver } from '../../../lab/pki/lab-pki.ts';
import { ctl, HOST, itl, labPki, NOW, rollback, stranger } from '../../../test/support/lab-trust.ts';
import type { InstalledLists } from './installed-lists.ts';
import { judgePeer } from './judge-peer.ts';
import { parseTrustList, type TrustList, type TrustRecord } from './trust-list.ts';

const secure = new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], complete: () => undefined });
const pki = labPki();
const parsed = (octets: Uint8Array): TrustList => parseTrustList(octets) as TrustList;
const both: InstalledLists = { ctl: parsed(ctl(pki)), itl: parsed(itl(pki)) };
const ctlOnly: InstalledLists = { ctl: both.ctl, itl: null };

const judge = (certificate: Uint8Array | null, role: Parameters<typeof judgePeer>[1], lists = both) => {
  const verdict = judgePeer(certificate, role, lists, secure);
  return verdict.outcome === 'refused' ? verdict.reason : verdict.outcome;
};

/** The lists with every record changed. */
function changed(change: (record: TrustRecord) => TrustRecord): InstalledLists {
  return { ctl: { ...both.ctl!, records: both.ctl!.records.map(change) }, itl: null };
}

describe('a TLS peer', () => {
  it('is known by its certificate, in the role it is listed for', () => {
    const { callManager, tvs, capf } = pki;
    expect(judge(callManager.certificate, 'CCM')).toBe('listed');
    expect(judge(callManager.certificate, 'TFTP')).toBe('listed');
    expect(judge(tvs.certificate, 'TVS')).toBe('listed');
    expect(judge(capf.certificate, 'CAPF')).toBe('listed');
    expect(judge(capf.certificate, 'CCM')).toBe('peer-role');
    expect(judge(tvs.certificate, 'CCM')).toBe('peer-role');
    expect(judge(callManager.certificate, 'TVS')).toBe('peer-role');
  });

  it('is known by issuer, serial number and key where the list leaves the certificate out, and by its hash', () => {
    const { certificate } = pki.callManager;
    const keyOnly = changed((record) => ({ ...record, certificate: null }));
    expect(judge(certificate, 'CCM', keyOnly)).toBe('listed');
    const otherKey = changed((record) => ({ ...record, certificate: null, publicKey: new Uint8Array([1, 2, 3]) }));
    expect(judge(certificate, 'CCM', otherKey)).toBe('peer-unknown');
    const noKey = changed((record) => ({ ...record, certificate: null, publicKey: new Uint8Array(0) }));
    expect(judge(certificate, 'CCM', noKey)).toBe('peer-unknown');
    const certificateHash = secure.hash('sha1', certificate);
    const hashed = changed((record) => ({
      ...record,
      certificate: null,
      publicKey: null,
      certificateHash,
      hashAlgorithm: 1,
    }));
    expect(judge(certificate, 'CCM', hashed)).toBe('listed');
    expect(judge(stranger(HOST).certificate, 'CCM', hashed)).toBe('peer-unknown');
  });

  it('that nobody lists is a case for TVS, where there is one; a TVS server never is', () => {
    const unknown = stranger(HOST).certificate;
    expect(judge(unknown, 'CCM')).toBe('ask-tvs');
    expect(judge(unknown, 'CAPF')).toBe('ask-tvs');
    expect(judge(unknown, 'TVS')).toBe('peer-unknown');
    expect(judge(unknown, 'CCM', ctlOnly)).toBe('peer-unknown');
    expect(judge(rolledOver(pki.callManager, { host: HOST, now: NOW }).certificate, 'CCM', ctlOnly)).toBe(
      'peer-unknown',
    );
  });

  it('is nobody without a certificate, with garbage for one, or when nothing is installed', () => {
    const { certificate } = pki.callManager;
    expect(judge(null, 'CCM')).toBe('no-certificate');
    expect(judge(Uint8Array.of(0x30, 0), 'CCM')).toBe('malformed-certificate');
    expect(judge(certificate, 'CCM', { ctl: null, itl: null })).toBe('no-trust-list');
    expect(judge(certificate, 'CCM', { ctl: null, itl: parsed(rollback(pki)) })).toBe('peer-unknown');
  });

  it('is not known when one bit of its certificate is another, wherever that is', () => {
    const { certificate } = pki.callManager;
    for (let bit = 0; bit < certificate.length * 8; bit += 7) {
      const flipped = certificate.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const verdict = judge(flipped, 'CCM', ctlOnly);
      // A signature or a date may be another: the peer has then proved that it has the listed key.
      if (verdict === 'listed') {
        const { publicKey } = secure.certificate(flipped)!;
        expect(publicKey).toEqual(secure.certificate(certificate)!.publicKey);
      }
    }
  });
});
