import { createHash, createVerify, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/fuzz-runs.ts';
import { sharedVector } from '../../../test/support/shared-vectors.ts';
import { isMalformed } from '../../malformed.ts';
import { describeSignedFile, looksSigned, parseSignedFile, type SignedFile } from './signed-file.ts';
import { describeTrustList, EMPTY_FILE, parseTrustList, recordsFor, type TrustList } from './trust-list.ts';

type Part = readonly [tag: number, value: Uint8Array];

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(`${value}\0`, 'latin1'));
const element = ([tag, value]: Part): number[] => [tag, value.length >> 8, value.length & 0xff, ...value];
const container = (tag: number, ...parts: Part[]): Part => [tag, Uint8Array.from(parts.flatMap(element))];

/** A header around `parts`, with version and length before them. */
function file(parts: readonly Part[], rest: readonly number[] = [], version: readonly number[] = [1, 2]): Uint8Array {
  const body = parts.flatMap(element);
  return Uint8Array.from([1, 0, 2, ...version, 2, 0, 2, 0, 10 + body.length, ...body, ...rest]);
}

const SIGNER = container(3, [4, text('CN=signer')], [5, Uint8Array.of(0, 0x83, 1)], [6, text('CN=ca')]);
const ALGORITHMS = container(7, [8, Uint8Array.of(2)], container(9, [10, Uint8Array.of(0)], [11, Uint8Array.of(2)]));
const SIGNATURE: Part = [12, Uint8Array.of(0xee, 0xee, 0xee)];
const NAME: Part = [14, text('CTLFile.tlv')];
const TIME: Part = [15, Uint8Array.of(0x67, 0x74, 0x85, 0x80)];
const WHOLE = [SIGNER, ALGORITHMS, SIGNATURE, NAME, TIME];

const record = (...parts: Part[]): number[] => {
  const body = parts.flatMap(element);
  return [1, 0, 2, 0, 5 + body.length, ...body];
};

const TFTP = record(
  [2, text('cucm')],
  [3, text('CN=a')],
  [4, Uint8Array.of(0, 2)],
  [5, text('CN=b')],
  [6, Uint8Array.of(7)],
  [9, Uint8Array.of(0x30)],
  [10, Uint8Array.of(10, 0, 0, 1)],
);
const EMPTIED = record([2, text('cucm')], [4, Uint8Array.of(0, 2)], [10, Uint8Array.of(10, 0, 0, 1)]);
const STRANGE = record([4, Uint8Array.of(0, 9)]);

function list(octets: Uint8Array): TrustList {
  const parsed = parseTrustList(octets);
  if (isMalformed(parsed)) throw new Error(parsed.reason);
  return parsed;
}

const reason = (value: unknown): unknown => (isMalformed(value) ? value.reason : value);

describe('signed file', () => {
  it('says who signed what, and over which octets', () => {
    const octets = file(WHOLE, [0x3c, 0x3e]);
    const parsed = parseSignedFile(octets) as SignedFile;
    expect(parsed).toMatchObject({
      version: { major: 1, minor: 2 },
      signerVersion: null,
      signer: { subject: 'CN=signer', issuer: 'CN=ca', serial: '8301' },
      digest: 'sha256',
      digestCode: 2,
      signatureAlgorithm: 0,
      signatureModulus: 2,
      signature: Uint8Array.of(0xee, 0xee, 0xee),
      filename: 'CTLFile.tlv',
      timestamp: 0x67748580,
      encryption: null,
      payload: Uint8Array.of(0x3c, 0x3e),
      unknownTags: [],
    });
    const signed = parsed.signedRanges.flatMap(([start, end]) => Array.from(octets.subarray(start, end)));
    expect(signed).toHaveLength(octets.length - 6);
    expect(signed).not.toContain(0xee);
    expect(describeSignedFile(parsed)).toBe('CTLFile.tlv, version 1.2, signed by CN=signer (8301), sha256, 2 octets');
    expect(looksSigned(octets)).toBe(true);
    expect(looksSigned(Buffer.from('<device>'))).toBe(false);
  });

  it('takes newer versions with unknown tags, and either order of the signer', () => {
    const swapped = container(3, [4, text('CN=signer')], [6, text('CN=ca')], [5, Uint8Array.of(1)]);
    const octets = file(
      [[28, Uint8Array.of(1, 1)], swapped, ALGORITHMS, SIGNATURE, NAME, [200, Uint8Array.of(1)]],
      [],
      [1, 9],
    );
    expect(parseSignedFile(octets)).toMatchObject({
      signerVersion: { major: 1, minor: 1 },
      unknownTags: [200],
      timestamp: null,
    });
  });

  it('takes an unknown digest, which nobody can verify', () => {
    const unknown = container(7, [8, Uint8Array.of(9)]);
    expect(parseSignedFile(file([SIGNER, unknown, SIGNATURE, NAME]))).toMatchObject({ digest: null, digestCode: 9 });
  });

  it('refuses what lacks a part, or has one twice', () => {
    for (const missing of [SIGNER, ALGORITHMS, SIGNATURE, NAME]) {
      expect(reason(parseSignedFile(file(WHOLE.filter((part) => part !== missing))))).toMatch(/missing/);
    }
    for (const twice of WHOLE) expect(reason(parseSignedFile(file([...WHOLE, twice])))).toMatch(/twice/);
    expect(reason(parseSignedFile(file([...WHOLE, [16, new Uint8Array(0)]])))).toMatch(/encryption/);
    expect(reason(parseSignedFile(file([SIGNER, ALGORITHMS, SIGNATURE, NAME, [15, Uint8Array.of(1)]])))).toMatch(
      /length/,
    );
  });
});

describe('trust list', () => {
  it('reads records and their roles', () => {
    const parsed = list(file(WHOLE, [...TFTP, ...EMPTIED, ...STRANGE]));
    expect(parsed.records[0]).toMatchObject({
      role: 'CCM+TFTP',
      dnsName: 'cucm',
      name: { subject: 'CN=a', issuer: 'CN=b', serial: '07' },
      certificate: Uint8Array.of(0x30),
      ipAddress: 0x0a000001,
    });
    expect(parsed.records[1]).toMatchObject({ role: 'CCM+TFTP', name: null, certificate: null });
    expect(parsed.records[2]).toMatchObject({ role: null, roleCode: 9, dnsName: '', ipAddress: null });
    expect(describeTrustList(parsed)).toMatch(/3 records: CCM\+TFTP, CCM\+TFTP, role 9$/);
  });

  it('an emptied record vouches for nobody', () => {
    const parsed = list(file(WHOLE, [...TFTP, ...EMPTIED, ...STRANGE]));
    for (const role of ['CCM', 'TFTP', 'CCM+TFTP'] as const)
      expect(recordsFor(parsed, role)).toEqual([parsed.records[0]]);
    expect(recordsFor(parsed, 'SAST')).toEqual([]);
  });

  it('refuses an empty file, a record without a role and one with an element twice', () => {
    expect(parseTrustList(new Uint8Array(0))).toBe(EMPTY_FILE);
    expect(reason(parseTrustList(file(WHOLE, record([2, text('x')]))))).toMatch(/role/);
    expect(reason(parseTrustList(file(WHOLE, record([4, Uint8Array.of(0, 0)], [4, Uint8Array.of(0, 2)]))))).toMatch(
      /twice/,
    );
    expect(reason(parseTrustList(file(WHOLE, record([4, Uint8Array.of(0, 0)], [10, Uint8Array.of(1)]))))).toMatch(
      /address/,
    );
    expect(reason(parseTrustList(file(WHOLE, [1, 0, 2, 0, 0])))).toMatch(/record length/);
  });

  it('never throws', () => {
    const good = file(WHOLE, [...TFTP, ...EMPTIED]);
    const mutated = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 })
      .map((changes) => changes.reduce((octets, [at, value]) => octets.fill(value, at, at + 1), good.slice()));
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 80 })), (octets) => {
        const parsed = parseTrustList(octets);
        if (!isMalformed(parsed)) describeTrustList(parsed);
      }),
      { numRuns: fuzzRuns() },
    );
  });
});

interface Vector {
  readonly file: string;
  readonly kind: string;
  readonly expected: string;
  readonly reason?: string;
  readonly digest?: string;
  readonly records?: { role: string; role_code: number; dns?: string; ip?: string | null; cert: string }[];
  readonly parsed?: Record<string, string | number | null>;
}

interface Manifest {
  readonly vectors: Vector[];
  readonly certificates: Record<
    string,
    { serial: string; sha1: string; subject_cucm: string; subject_certutils: string }
  >;
}

const manifestOctets = sharedVector('security/manifest.json');
const manifest: Manifest | null = manifestOctets === null ? null : JSON.parse(Buffer.from(manifestOctets).toString());

/** Vectors that are bad in their very form; all other bad ones are for the verification to find. */
const ILL_FORMED = [
  'itl-bad-truncated-record.tlv',
  'itl-bad-truncated-header.tlv',
  'itl-bad-trailing-bytes.tlv',
  'itl-bad-zero-length.tlv',
  'itl-bad-not-tlv.tlv',
  'itl-bad-header-length.tlv',
  'itl-bad-record-length.tlv',
  'itl-bad-record-length-zero.tlv',
  'cfg-bad-header-cut.sgn',
  'cfg-bad-unsigned.sgn',
];

describe.skipIf(manifest === null)('published vectors', () => {
  const vectors = manifest?.vectors ?? [];
  const octetsOf = (vector: Vector): Uint8Array => sharedVector(`security/${vector.file}`)!;
  const parse = (vector: Vector) => {
    return vector.kind === 'ctl' || vector.kind === 'itl'
      ? parseTrustList(octetsOf(vector))
      : parseSignedFile(octetsOf(vector));
  };

  it('are well-formed, but for those that are not meant to be', () => {
    const refused = vectors
      .filter((vector) => isMalformed(parse(vector)))
      .map((vector) => vector.file.replace('files/', ''));
    expect(refused.sort()).toEqual([...ILL_FORMED].sort());
  });

  it.each(vectors.filter(({ parsed }) => parsed !== undefined))('$file: header', (vector) => {
    const parsed = parse(vector);
    if (isMalformed(parsed)) throw new Error(parsed.reason);
    const header = 'header' in parsed ? parsed.header : parsed;
    const version = (value: SignedFile['signerVersion']): string | null => value && `${value.major}.${value.minor}`;
    const found: Record<string, string | number | null> = {
      version: version(header.version),
      signer_version: version(header.signerVersion),
      signer_name: header.signer.subject,
      issuer_name: header.signer.issuer,
      serial: header.signer.serial,
      digest: header.digest,
      digest_code: header.digestCode,
      filename: header.filename,
      timestamp: header.timestamp,
      iv: header.encryption && Buffer.from(header.encryption.initializationVector).toString('hex'),
      padding: header.encryption?.plainPadding ?? null,
      payload_size: header.payload.length,
      payload_sha256: createHash('sha256').update(header.payload).digest('hex'),
    };
    const plain = header.encryption === null;
    for (const [field, value] of Object.entries(vector.parsed!)) {
      if (!(field in found) || value === null || (!plain && field.startsWith('payload'))) continue;
      expect(found[field], field).toBe(value);
    }
  });

  it.each(vectors.filter(({ records, expected }) => records !== undefined && expected === 'verified'))(
    '$file: records',
    (vector) => {
      const parsed = parse(vector);
      if (isMalformed(parsed) || !('records' in parsed)) throw new Error('not a trust list');
      expect(parsed.records.map(({ roleCode, role }) => [roleCode, role])).toEqual(
        vector.records!.map(({ role_code, role }) => [role_code, role]),
      );
      for (const [index, found] of parsed.records.entries()) {
        const expected = vector.records![index]!;
        expect(found.dnsName).toBe(expected.dns ?? '');
        const certificate = manifest!.certificates[expected.cert];
        if (certificate === undefined || found.name === null) continue;
        expect(found.name.serial).toBe(certificate.serial);
        expect([certificate.subject_cucm, certificate.subject_certutils]).toContain(found.name.subject);
        if (found.certificate !== null) {
          expect(createHash('sha1').update(found.certificate).digest('hex')).toBe(certificate.sha1);
        }
      }
    },
  );

  it('the signed ranges are those that the signatures cover', () => {
    let verified = 0;
    for (const vector of vectors.filter(
      ({ kind, expected }) => (kind === 'itl' || kind === 'ctl') && expected === 'verified',
    )) {
      const parsed = parse(vector);
      if (isMalformed(parsed) || !('records' in parsed)) throw new Error('not a trust list');
      const { header } = parsed;
      const signer = parsed.records.find(({ name, role, certificate }) => {
        return role === 'SAST' && name?.serial === header.signer.serial && certificate !== null;
      });
      if (signer === undefined) continue; // Signed by a certificate of the installed list.
      const verify = createVerify(header.digest!);
      for (const [start, end] of header.signedRanges) verify.update(octetsOf(vector).subarray(start, end));
      const key = new X509Certificate(signer.certificate!).publicKey;
      expect(verify.verify(key, header.signature), vector.file).toBe(true);
      verified++;
    }
    expect(verified).toBeGreaterThan(8);
  });
});
