import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseTrustList, type TrustList } from '../firmware/phone/trust/trust-list.ts';
import { HostSecureElement } from '../hal/host/secure-element.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { sharedVector } from '../test/support/shared-vectors.ts';
import { type FileReport, reportOn } from './file-report.ts';

const FOLDER = 'security';

/** What the manifest says about one file. */
interface Vector {
  readonly file: string;
  readonly served_as: string;
  readonly kind: 'ctl' | 'itl' | 'sgn' | 'enc.sgn' | 'loads';
  readonly expected: string;
  readonly signer_key?: string;
  readonly verify_with?: string;
  readonly digest?: string;
  readonly decrypt_key?: string;
  readonly installed_state?: { readonly ctl?: string; readonly itl?: string };
  readonly records?: readonly {
    readonly cert: string;
    readonly role: string;
    readonly role_code: number;
    readonly dns?: string;
    readonly ip?: string;
    readonly empty?: boolean;
  }[];
  readonly parsed?: Readonly<Record<string, string | number | null>>;
}

interface Manifest {
  readonly vectors: readonly Vector[];
  readonly certificates: Readonly<Record<string, { serial: string; sha256: string; key: string }>>;
}

const octets = sharedVector(`${FOLDER}/manifest.json`);
const manifest = octets === null ? null : (JSON.parse(new TextDecoder().decode(octets)) as Manifest);

function vector(path: string): Uint8Array {
  const found = sharedVector(`${FOLDER}/${path}`);
  if (found === null) throw new Error(`${path} is missing`);
  return found;
}

function pemToDer(path: string): Uint8Array {
  const text = new TextDecoder().decode(vector(path));
  return new Uint8Array(Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
}

function privateKey(path: string): Uint8Array {
  return new Uint8Array(createPrivateKey(Buffer.from(vector(path))).export({ type: 'pkcs8', format: 'der' }));
}

function installed(path: string | undefined): TrustList | null {
  if (path === undefined) return null;
  const list = parseTrustList(vector(path));
  if (!('records' in list)) throw new Error(`${path} is no list`);
  return list;
}

function report(one: Vector): FileReport {
  const crypto = new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], complete: () => undefined });
  if (one.decrypt_key !== undefined) crypto.installKey('lsc', privateKey(`keys/${one.decrypt_key}.key.pem`));
  const imageKey =
    one.verify_with === undefined ? null : crypto.certificate(pemToDer(`keys/${one.verify_with}.crt.pem`));
  const { ctl, itl } = one.installed_state ?? {};
  return reportOn(one.file, vector(one.file), {
    as: one.served_as,
    context: {
      crypto,
      installed: { ctl: installed(ctl), itl: installed(itl) },
      vouched: null,
      olderList: 'rejected',
    },
    slot: one.decrypt_key === undefined ? null : 'lsc',
    typedKey: null,
    imageKey: imageKey?.publicKey ?? null,
  });
}

const KINDS = { ctl: 'ctl', itl: 'itl', sgn: 'signed', 'enc.sgn': 'encrypted', loads: 'loads' } as const;

describe('every file of the security vectors', () => {
  if (manifest === null) it.skip('they are not beside this checkout', () => {});
  it.each(manifest?.vectors.map((one) => [one.file, one.expected, one] as const) ?? [])(
    '%s: %s',
    (_file, _expected, one) => {
      const got = report(one);
      expect(got.kind).toBe(KINDS[one.kind]);
      const list = one.kind === 'ctl' || one.kind === 'itl';
      const nothingInstalled = one.installed_state?.ctl === undefined && one.installed_state?.itl === undefined;
      if (one.expected === 'verified') expect(got.outcome).toBe(list && nothingInstalled ? 'first-use' : 'verified');
      else if (one.expected === 'rejected') expect(got.outcome).toBe('rejected');
      else expect(['verified', 'rejected']).toContain(got.outcome);
      expect(got.reason === undefined).toBe(got.outcome !== 'rejected');
      // What the manifest says of a file that is not verified is how it was made.
      if (one.expected === 'verified') compareFields(got, one);
    },
  );
});

function compareFields(got: FileReport, one: Vector): void {
  const { certificates } = manifest!;
  if (one.signer_key !== undefined) expect(got.signer?.serial).toBe(certificates[one.signer_key]!.serial);
  if (one.digest !== undefined) expect(got.digest).toBe(one.digest);
  const { parsed = {} } = one;
  const fields: Readonly<Record<string, unknown>> = {
    version: got.version,
    signer_version: got.signerVersion,
    signer_name: got.signer?.subject,
    issuer_name: got.signer?.issuer,
    serial: got.signer?.serial,
    filename: got.filename,
    payload_sha256: got.payloadSha256,
    payload_size: got.payloadSize,
  };
  for (const [name, value] of Object.entries(fields))
    if (name in parsed) expect([name, value]).toEqual([name, parsed[name]]);
  // Null there: it changes from one making of the file to the next.
  if (typeof parsed.timestamp === 'number') expect(got.timestamp).toBe(parsed.timestamp);
  if (one.records === undefined) return;
  expect(got.records?.length).toBe(one.records.length);
  for (const [index, record] of one.records.entries()) {
    const { role, roleCode, dns, ip, serial, key, certificateHash } = got.records![index]!;
    expect({ role, roleCode }).toEqual({ role: record.role, roleCode: record.role_code });
    if (record.dns !== undefined) expect(dns).toBe(record.dns);
    if (record.ip !== undefined) expect(ip).toBe(record.ip);
    const certificate = certificates[record.cert]!;
    const named = { serial: certificate.serial, key: certificate.key, certificateHash: certificate.sha256 };
    const nothing = { serial: null, key: null, certificateHash: null };
    expect({ serial, key, certificateHash }).toEqual(record.empty === true ? nothing : named);
  }
}

describe('files that are not signed', () => {
  const inspection = {
    as: null,
    context: {
      crypto: new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], complete: () => undefined }),
      installed: { ctl: null, itl: null },
      vouched: null,
      olderList: 'rejected',
    },
    slot: null,
    typedKey: null,
    imageKey: null,
  } as const;
  const text = (words: string): FileReport => reportOn('no-such-file', new TextEncoder().encode(words), inspection);

  it('a configuration is known by its root', () => {
    expect(text('<?xml version="1.0"?>\r\n<!-- x -->\r\n<device  xsi:type="axl:XIPPhone">')).toMatchObject({
      kind: 'config',
      outcome: 'unsigned',
      root: 'device',
    });
    expect(text('<Default>')).toMatchObject({ kind: 'config', root: 'Default' });
  });

  it('anything else is unknown', () => {
    for (const words of ['', 'hello', '<devices/>', '<CiscoIPPhoneMenu>']) expect(text(words).kind).toBe('unknown');
  });

  it('what pretends to be signed is refused', () => {
    expect(text('\u0001\u0000\u0002rubbish')).toMatchObject({
      kind: 'signed',
      outcome: 'rejected',
      reason: 'malformed',
    });
  });
});
