import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sharedVector } from '../../test/support/shared-vectors.ts';
import { type Served, TrustBench, type TrustBoot } from '../../test/support/trust-bench.ts';
import { sameCertificate } from '../phone/trust/certificate-name.ts';
import type { ListKind } from '../phone/trust/judge-list.ts';
import { saveConfiguration } from './configuration-memory.ts';

interface Round {
  readonly serve: Readonly<Record<string, string | number>>;
  readonly expect: Readonly<Record<string, string>>;
}

interface Scenario extends Round {
  readonly name: string;
  readonly installed: Readonly<Partial<Record<ListKind, string>>>;
  readonly tvs?: Readonly<Record<string, { readonly roles: readonly number[] }>>;
  readonly phone_certificate?: string;
  readonly then?: Round;
}

const octets = sharedVector('security/manifest.json');
const manifest =
  octets === null
    ? null
    : (JSON.parse(new TextDecoder().decode(octets)) as { device_name: string; scenarios: readonly Scenario[] });

function vector(path: string): Uint8Array {
  const found = sharedVector(`security/${path}`);
  if (found === null) throw new Error(`${path} is missing`);
  return found;
}

function certificate(name: string): Uint8Array {
  const text = new TextDecoder().decode(vector(name));
  return new Uint8Array(Buffer.from(text.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
}

function served({ serve }: Round): Served {
  return Object.fromEntries(
    Object.entries(serve).map(([name, what]) => [name, typeof what === 'number' ? 'not-found' : vector(what)]),
  );
}

const LAST_GOOD = {
  name: 'SEP.cnf.xml',
  versionStamp: 'last good',
  protocol: 'SCCP',
  load: null,
  security: 'none',
  callManagers: [{ priority: 0, host: '192.0.2.99', port: 2000 }],
} as const;

function bench({ installed, tvs = {}, phone_certificate, serve }: Scenario): TrustBench {
  const made = new TrustBench(manifest!.device_name);
  const region = made.region();
  for (const [kind, path] of Object.entries(installed)) region.set(`list/${kind}`, vector(path));
  saveConfiguration(region, LAST_GOOD);
  if (phone_certificate !== undefined) {
    const pem = Buffer.from(vector(`keys/${phone_certificate}.key.pem`));
    const key = new Uint8Array(createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' }));
    made.secure.installKey('lsc', key, certificate(`keys/${phone_certificate}.crt.pem`));
  }
  // Only a phone that has been told of it before asks for the encrypted file.
  made.store().encrypted = Object.keys(serve).some((name) => name.endsWith('.enc.sgn'));
  made.vouchFor = (signer) => {
    for (const [path, { roles }] of Object.entries(tvs)) {
      const der = certificate(path);
      if (sameCertificate(made.secure.certificate(der)!, signer)) return { certificate: der, roles };
    }
    return null;
  };
  return made;
}

function compare(
  made: TrustBench,
  before: Readonly<Record<string, Uint8Array | null>>,
  boot: TrustBoot,
  round: Round,
): void {
  const expected = round.expect;
  for (const kind of ['ctl', 'itl'] as const) {
    const words = expected[kind];
    if (words === undefined) continue;
    const outcome = boot.lists[kind];
    const now = made.region().get(`list/${kind}`);
    const name = Object.keys(round.serve).find(
      (file) => file.startsWith(kind.toUpperCase()) && round.serve[file] !== 404,
    );
    const sent = name === undefined ? null : vector(String(round.serve[name]));
    if (words.startsWith('installed')) expect([outcome, now]).toEqual(['installed', sent]);
    else if (words.startsWith('replaced')) {
      expect(outcome).toBe(words.includes('by the empty list') ? 'cleared' : 'updated');
      expect(now).toEqual(sent);
    } else if (words.startsWith('kept'))
      expect([['rejected', 'absent'].includes(String(outcome)), now]).toEqual([true, before[kind]]);
    else expect([outcome, now]).toEqual([words, before[kind]]);
  }
  if (expected.status_message !== undefined) expect(boot.messages).toContain(expected.status_message);
  if (expected.config_name_requested !== undefined) expect(boot.requests).toContain(expected.config_name_requested);
  if (expected.capf !== undefined) expect(boot.encryption).toBe('enrol');
  switch (expected.config) {
    case undefined:
      return;
    case 'applied':
      expect(boot.configuration).toMatchObject({ signature: 'verified', encrypted: false });
      expect(boot.configuration).not.toHaveProperty('cached');
      return;
    case 'applied unsigned':
      expect(boot.configuration).toMatchObject({ signature: 'none', encrypted: false });
      expect(boot.configuration).not.toHaveProperty('cached');
      return;
    case 'decrypted and applied':
      expect(boot.configuration).toMatchObject({ signature: 'verified', encrypted: true });
      return;
    case 'rejected, last good configuration kept':
      expect(boot.configuration).toMatchObject({ cached: true, callManagers: LAST_GOOD.callManagers });
      return;
    default:
      expect(expected.config).toContain('asked for after the next reset');
      expect(boot.requests.filter((name) => name.includes('.cnf.xml'))).toEqual([
        `${made.deviceName}.cnf.xml.enc.sgn`,
        `${made.deviceName}.cnf.xml.sgn`,
      ]);
      expect(made.store().encrypted).toBe(true);
  }
}

describe('every boot scenario of the security vectors', () => {
  if (manifest === null) it.skip('they are not beside this checkout', () => {});
  it.each(manifest?.scenarios.map((one) => [one.name, one] as const) ?? [])('%s', (_name, scenario) => {
    const made = bench(scenario);
    for (const round of scenario.then === undefined ? [scenario] : [scenario, scenario.then]) {
      const before = { ctl: made.region().get('list/ctl'), itl: made.region().get('list/itl') };
      compare(made, before, made.boot(served(round)), round);
    }
  });
});
