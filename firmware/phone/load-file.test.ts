import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firmwareFile, loadsFile } from '../../lab/load-files.ts';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { hasHeader, isImage, judgeHeader, judgeLoadFile, type LoadFile } from './load-file.ts';
import type { Rejected, TrustCrypto } from './trust/verdict.ts';

const NAME = 'SCCP42.9-4-2S.loads';

/** No key is given, so nothing is asked of it. */
const crypto = {
  hash: (algorithm, octets) => createHash(algorithm).update(octets).digest(),
} as Partial<TrustCrypto> as TrustCrypto;

const judge = (text: string): LoadFile | Rejected =>
  judgeLoadFile(NAME, firmwareFile(NAME, Buffer.from(text, 'latin1')), null, crypto);

function componentsOf(text: string): readonly unknown[] {
  const file = judge(text);
  if ('outcome' in file) throw new Error(file.detail);
  return file.components.map(({ name, size, digest }) => [name, size, digest].filter((part) => part !== null));
}

const detailOf = (text: string): string => {
  const file = judge(text);
  return 'outcome' in file ? file.detail : 'accepted';
};

describe('the list of a .loads file', () => {
  it('has names, on 79xx', () => {
    const text = '# comment\r\n#HARDWARE_COMP_1 5\r\njar42sccp.9-4-2ES26.sbn\r\ncnu42.9-4-2ES26.sbn  \r\n\r\n';
    expect(componentsOf(text)).toEqual([['jar42sccp.9-4-2ES26.sbn'], ['cnu42.9-4-2ES26.sbn']]);
  });

  it('has sizes and digests, on 792x and in ours', () => {
    const md5 = '0123456789ABCDEF0123456789abcdef';
    const text = `#? HW_REV 0-4.*\nAPPS-1.4.5SR1.bin 3071988 ${md5}\nX.img\t245704\t${md5}${md5}\n`;
    expect(componentsOf(text)).toEqual([
      ['APPS-1.4.5SR1.bin', 3_071_988, md5.toLowerCase()],
      ['X.img', 245_704, (md5 + md5).toLowerCase()],
    ]);
  });

  it('has settings and sections, which name no file', () => {
    expect(componentsOf('LA_VERSION=4\n[PLATFORM_2]\nrootfs88xx.12-5-1.sbn\n')).toEqual([['rootfs88xx.12-5-1.sbn']]);
  });

  it('is refused when it names nothing, or cannot be read', () => {
    expect(detailOf('# nothing\r\n')).toBe('The load file names no file.');
    expect(detailOf('two names\r\n')).toBe('The load file has a line that names no file.');
    expect(detailOf('x.sbn\n'.repeat(65))).toBe('The load file names more than 64 files.');
    expect(detailOf('\n'.repeat(1_100))).toBe('The load file has more than 1024 lines.');
  });

  it('stands behind a header that repeats its name', () => {
    const other = judgeLoadFile(NAME, loadsFile('OTHER', [{ name: 'x.sbn' }]), null, crypto);
    expect(other).toMatchObject({ reason: 'wrong-name', detail: `The file calls itself OTHER.loads, not ${NAME}.` });
    expect(judgeLoadFile(NAME, Buffer.from('x.sbn\n'), null, crypto)).toMatchObject({ reason: 'not-signed' });
    expect(judgeLoadFile(NAME, new Uint8Array(0), null, crypto)).toMatchObject({ reason: 'empty-file' });
  });
});

describe('headers of firmware files', () => {
  it('are read from the beginning of a file alone', () => {
    const file = firmwareFile('jar.sbn', new Uint8Array(10_000));
    const header = judgeHeader('jar.sbn', file.subarray(0, 2_048));
    expect(header).toMatchObject({
      headerLength: file.length - 10_000,
      signer: { subject: 'CN=someSigner;OU=someOrgUnit;O=someOrg' },
    });
    expect((file.length - 10_000) % 4).toBe(0);
  });

  it('are what .sbn, .sb2, .sgn have, and an image has not', () => {
    expect(['a.sbn', 'a.sb2', 'a.zz.sgn', 'a.img', 'a.bin'].map(hasHeader)).toEqual([true, true, true, false, false]);
    expect(isImage({ name: 'a.img', size: null, digest: null })).toBe(true);
  });

  it('take any octets without an exception', () => {
    const good = loadsFile('SCCP42.9-4-2S', [{ name: 'x.sbn', size: 5 }]);
    const damaged = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, octet]) => {
      const octets = good.slice();
      octets[at] = octet;
      return octets;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 700 }), damaged), (octets) => {
        const file = judgeLoadFile(NAME, octets, null, crypto);
        if (!('outcome' in file)) expect(file.components.length).toBeGreaterThan(0);
      }),
      { numRuns: fuzzRuns() },
    );
  });
});
