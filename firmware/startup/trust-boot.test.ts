import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ctl, encrypted, itl, labPki, NOW, rollback, signed, stranger } from '../../test/support/lab-trust.ts';
import { type Served, TrustBench } from '../../test/support/trust-bench.ts';

const DEVICE = 'SEP02005E000001';
const CTL = `CTL${DEVICE}.tlv`;
const ITL = `ITL${DEVICE}.tlv`;
const PLAIN = `${DEVICE}.cnf.xml`;
const SIGNED = `${PLAIN}.sgn`;
const ENCRYPTED = `${PLAIN}.enc.sgn`;

const pki = labPki();
const attacker = labPki();

const octets = (text: string): Uint8Array => new TextEncoder().encode(text);

function configuration(host: string, more = ''): string {
  const member = `<member priority="0"><callManager><ports/><processNodeName>${host}</processNodeName></callManager></member>`;
  return `<device><fullConfig>true</fullConfig><devicePool><callManagerGroup><members>${member}</members></callManagerGroup></devicePool>${more}</device>`;
}

const good = configuration('10.0.0.10');
const evil = configuration('10.6.6.6');

/** What the cluster serves. */
const cluster: Served = { [ITL]: itl(pki), [SIGNED]: signed(pki, SIGNED, good) };

function hostsOf(fields: Readonly<Record<string, unknown>> | null): unknown {
  return (fields?.callManagers as { host: string }[] | undefined)?.map(({ host }) => host);
}

/** A phone that has booted once in its cluster. */
function settled(served = cluster): TrustBench {
  const bench = new TrustBench(DEVICE);
  expect(hostsOf(bench.boot(served).configuration)).toEqual(['10.0.0.10']);
  return bench;
}

describe('whoever answers for the server of a settled phone', () => {
  it.each<[what: string, served: Served, requests: readonly string[], refusal: Readonly<Record<string, string>>]>([
    [
      'with lists and files of his own',
      { [CTL]: ctl(attacker), [ITL]: itl(attacker), [SIGNED]: signed(attacker, SIGNED, evil) },
      [SIGNED],
      { ctl: 'signer-unknown', itl: 'signer-unknown' },
    ],
    ['without a signature', { [SIGNED]: octets(evil), [PLAIN]: octets(evil) }, [SIGNED], {}],
    [
      'by hiding the signed file',
      { [PLAIN]: octets(evil), 'XMLDefault.cnf.xml': octets(evil) },
      [SIGNED, 'XMLDefault.cnf.xml.sgn'],
      {},
    ],
    ['with the file of another phone', { [SIGNED]: signed(pki, 'SEP02005E000002.cnf.xml.sgn', evil) }, [SIGNED], {}],
    [
      'with a file that a server in another role has signed',
      { [SIGNED]: signed(pki, SIGNED, evil, pki.capf) },
      [SIGNED],
      {},
    ],
    [
      'with an old list',
      { [ITL]: itl(pki, pki.itlRecovery, NOW - 86_400) },
      [SIGNED, 'XMLDefault.cnf.xml.sgn'],
      { itl: 'older-list' },
    ],
    [
      'with an old rollback list',
      { [ITL]: rollback(pki, NOW - 86_400), [PLAIN]: octets(evil) },
      [SIGNED, 'XMLDefault.cnf.xml.sgn'],
      { itl: 'older-list' },
    ],
    [
      'with empty lists',
      { [CTL]: new Uint8Array(0), [ITL]: new Uint8Array(0), [PLAIN]: octets(evil) },
      [SIGNED, 'XMLDefault.cnf.xml.sgn'],
      {},
    ],
  ])('%s gets nothing', (_what, served, requests, refusal) => {
    const bench = settled();
    const before = bench.region().get('list/itl');
    const boot = bench.boot(served);
    expect(boot.requests.filter((name) => name.includes('.cnf.xml'))).toEqual(requests);
    expect([undefined, '10.0.0.10']).toContain((hostsOf(boot.configuration) as string[] | undefined)?.[0]);
    for (const [list, reason] of Object.entries(refusal)) expect(boot.refusals[list]).toBe(reason);
    if (Object.keys(refusal).length > 0) expect(boot.messages).toContain('Trust List Update Failed');
    expect(bench.region().get('list/itl')).toEqual(before);
    // The cluster is back.
    expect(hostsOf(bench.boot(cluster).configuration)).toEqual(['10.0.0.10']);
  });
});

it('a configuration that cannot be trusted leaves the last good one in use', () => {
  const boot = settled().boot({ ...cluster, [SIGNED]: signed(attacker, SIGNED, evil) });
  expect(boot.configuration).toMatchObject({ cached: true, signature: 'verified' });
  expect(boot.messages).toContain('Auth Fail');
});

it('without one there is nothing to go on with', () => {
  const boot = new TrustBench(DEVICE).boot({ ...cluster, [SIGNED]: signed(attacker, SIGNED, evil) });
  expect(boot).toMatchObject({ configuration: null, reason: 'trust.signer-unknown' });
});

it('servers that do not answer change nothing', () => {
  const boot = settled().boot({ [CTL]: 'timeout', [ITL]: 'timeout', [SIGNED]: 'timeout' });
  expect(boot.configuration).toMatchObject({ cached: true });
  expect(boot.messages).not.toContain('No Trust List installed');
});

it('TVS lets in whom it vouches for, in the role it names', () => {
  const renewed = { ...pki, callManager: stranger('cucm1.lab.example') };
  const served = { ...cluster, [SIGNED]: signed(renewed, SIGNED, good) };
  for (const [roles, hosts] of [
    [[2], ['10.0.0.10']],
    [[0], undefined],
  ] as const) {
    const bench = new TrustBench(DEVICE);
    bench.vouchFor = () => ({ certificate: renewed.callManager.certificate, roles });
    expect(hostsOf(bench.boot(served).configuration)).toEqual(hosts);
  }
});

it('lists that were erased are taken on trust again', () => {
  const bench = settled();
  bench.store().erase();
  const boot = bench.boot({ [ITL]: itl(attacker), [SIGNED]: signed(attacker, SIGNED, evil) });
  expect(boot.lists.itl).toBe('installed');
  expect(hostsOf(boot.configuration)).toEqual(['10.6.6.6']);
});

describe('an encrypted configuration', () => {
  const phone = stranger(`CP-7975G-${DEVICE}`);
  const hash = createHash('md5').update(phone.certificate).digest('hex');
  const minimal = (certHash: string, mode = 2) =>
    signed(
      pki,
      SIGNED,
      `<device><fullConfig>false</fullConfig><capfAuthMode>${mode}</capfAuthMode><certHash>${certHash}</certHash><encrConfig>true</encrConfig></device>`,
    );
  const whole = encrypted(pki, ENCRYPTED, configuration('10.0.0.10', '<encrConfig>true</encrConfig>'), phone);

  function withCertificate(): TrustBench {
    const bench = new TrustBench(DEVICE);
    bench.secure.installKey('mic', phone.privateKey.export({ type: 'pkcs8', format: 'der' }), phone.certificate);
    return bench;
  }

  it('is asked for as soon as its forerunner was read, and first from then on', () => {
    const bench = withCertificate();
    const served = { ...cluster, [SIGNED]: minimal(hash.toUpperCase()), [ENCRYPTED]: whole };
    const first = bench.boot(served);
    expect(first.requests.filter((name) => name.includes('.cnf.xml'))).toEqual([SIGNED, ENCRYPTED]);
    expect(first.configuration).toMatchObject({ signature: 'verified', encrypted: true });
    expect(bench.boot(served).requests.filter((name) => name.includes('.cnf.xml'))).toEqual([ENCRYPTED]);
    // The server has stopped encrypting.
    expect(bench.boot(cluster).configuration).toMatchObject({ encrypted: false });
    expect(bench.boot(cluster).requests).not.toContain(ENCRYPTED);
  });

  it('for another certificate calls for CAPF', () => {
    expect(withCertificate().boot({ ...cluster, [SIGNED]: minimal('00'.repeat(16)) }).encryption).toBe('enrol');
    expect(withCertificate().boot({ ...cluster, [SIGNED]: minimal('') }).reason).toBe('capf.enrol');
    expect(new TrustBench(DEVICE).boot({ ...cluster, [SIGNED]: minimal(hash) }).encryption).toBe('enrol');
    expect(withCertificate().boot({ ...cluster, [SIGNED]: minimal('', 1) }).encryption).toBe('wait');
  });

  it('that cannot be opened leaves the last good one in use', () => {
    const bench = withCertificate();
    bench.boot(cluster);
    bench.store().encrypted = true;
    const boot = bench.boot({ ...cluster, [ENCRYPTED]: encrypted(pki, ENCRYPTED, evil, stranger()) });
    expect(boot.configuration).toMatchObject({ cached: true });
    expect(hostsOf(boot.configuration)).toEqual(['10.0.0.10']);
  });
});

it('a CTL alone is enough', () => {
  const boot = new TrustBench(DEVICE).boot({ [CTL]: ctl(pki), [SIGNED]: signed(pki, SIGNED, good) });
  expect(boot.messages).toContain('CTL Installed');
  expect(hostsOf(boot.configuration)).toEqual(['10.0.0.10']);
});
