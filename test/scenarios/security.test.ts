import { beforeAll, describe, expect, it } from 'vitest';
import { encryptFile } from '../../lab/pki/encrypted-file-writer.ts';
import { createLabPki, type Identity, type LabPki, selfSigned } from '../../lab/pki/lab-pki.ts';
import { ROLE_CODES } from '../../lab/pki/trust-list-writer.ts';
import type { ClusterPeculiarities } from '../../lab/secure-cluster.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const NOW = Date.UTC(2026, 10, 22) / 1_000;

let pki: LabPki;
let otherCluster: LabPki;

beforeAll(() => {
  pki = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
  otherCluster = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
});

const impostor = () => selfSigned({ commonName: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });

function secureWorld(security: 'authenticated' | 'encrypted', options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld({ ...options, lab: { security, pki, ...options.lab } });
  world.powerOn(0);
  return world;
}

describe('a phone of a mixed-mode cluster', () => {
  it.each([
    ['authenticated', '7975', '1.0', 'NULL-SHA'],
    ['encrypted', '7975', '1.0', 'AES256-SHA'],
    ['encrypted', '8945', '1.0', 'AES256-SHA'],
  ] as const)('registers %s over TLS: a %s by TLS %s with %s', async (security, model, version, cipher) => {
    const world = secureWorld(security, { model });
    const accepted = await world.runHeldUntil('registration.accepted');
    expect(accepted).toMatchObject({ transport: 'tls', port: 2443, protocol: 'sccp', lines: ['2001'] });
    expect(world.all('trust.list')).toMatchObject([
      { list: 'ctl', outcome: 'installed', reason: 'first-use' },
      { list: 'itl', outcome: 'installed' },
    ]);
    expect(world.all('config.applied')).toMatchObject([{ signature: 'verified', security }]);
    expect(world.all('tls.handshake').filter(({ role }) => role === 'CCM')).toMatchObject([
      { outcome: 'complete', version, cipher, own: 'mic', role: 'CCM', resumed: false },
    ]);
    expect(world.all('tls.peer').at(-1)).toMatchObject({ role: 'CCM', outcome: 'accepted', by: 'list' });
    expect(world.statuses()).toContain('CTL and ITL installed');
  });
});

describe('a cluster that encrypts its configurations', () => {
  it('gives the phone a signed one first, and from then on what only its key opens', async () => {
    const world = secureWorld('encrypted', { lab: { encryptsFiles: true } });
    await world.runHeldUntil('registration.accepted');
    world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'reset');
    await world.runHeldUntil('registration.accepted');
    expect(world.all('config.applied')).toMatchObject([
      { name: 'SEP020000000000.cnf.xml.sgn', encrypted: false },
      { name: 'SEP020000000000.cnf.xml.enc.sgn', encrypted: true, signature: 'verified' },
    ]);
  });
});

describe('a configuration that is encrypted with a key typed on the phone', () => {
  const KEY = '00112233445566778899aabbccddeeff';
  const name = 'SEP020000000000.cnf.xml.enc.sgn';

  /** A cluster that has no such lists: nothing vouches for anybody. */
  function worldWith(configurationKey: string, tunables = {}): TestWorld {
    const options = { signer: pki.callManager, digest: 'sha1', filename: name, timestamp: NOW } as const;
    const encrypted = () => {
      const plain = world.lab.configurationFiles.read('SEP020000000000.cnf.xml')!;
      return encryptFile(plain, { ...options, phoneKey: Buffer.from(KEY, 'hex') });
    };
    const lab: TestWorldOptions['lab'] = { files: (request) => (request.name === name ? encrypted() : null) };
    const world = new TestWorld({ settings: { configurationKey }, tunables, lab });
    world.powerOn(0);
    return world;
  }

  it("is asked for first and used, and its signature is nobody's business", async () => {
    const world = worldWith(KEY);
    await world.runHeldUntil('registration.accepted');
    expect(world.all('config.applied')).toMatchObject([{ name, encrypted: true, signature: 'none' }]);
  });

  it('is not used with another key, nor without a verified signature where one is wanted', async () => {
    for (const world of [worldWith('1'.repeat(32)), worldWith(KEY, { 'trust.typedKeySignature': 'verified' })]) {
      await world.runHeld(60);
      expect(world.statuses()).toContain('Auth Fail');
      expect(world.all('config.applied')).toEqual([]);
    }
  });

  it('is not asked for once 32 zeros are typed', async () => {
    const world = worldWith('0'.repeat(32));
    await world.runHeldUntil('registration.accepted');
    expect(world.all('config.applied')).toMatchObject([{ name: 'SEP020000000000.cnf.xml', encrypted: false }]);
  });
});

describe('a SIP phone of a mixed-mode cluster', () => {
  it.each([
    ['authenticated', '7975', '1.0', 'NULL-SHA'],
    ['encrypted', '7975', '1.0', 'AES256-SHA'],
    ['authenticated', '8861', '1.2', 'NULL-SHA'],
    ['encrypted', '8861', '1.2', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ] as const)('registers %s over TLS: a %s by TLS %s with %s', async (security, model, version, cipher) => {
    const world = secureWorld(security, { model, protocol: 'sip' });
    const accepted = await world.runHeldUntil('registration.accepted');
    expect(accepted).toMatchObject({ transport: 'tls', port: 5061, protocol: 'sip', lines: ['2001'] });
    const handshake = world.all('tls.handshake').find(({ role }) => role === 'CCM');
    expect(handshake).toMatchObject({ outcome: 'complete', version, cipher, own: 'mic' });
    // An hour of refreshes, and of the keep-alive connection to the other node.
    await world.runHeld(3600);
    expect(world.all('registration.lost')).toEqual([]);
  });
});

function peculiarWorld(peculiarities: ClusterPeculiarities): TestWorld {
  return secureWorld('encrypted', { lab: { callManagers: 1, peculiarities } });
}

/** What the call manager has heard of phones. */
function heard(world: TestWorld): number {
  const { alarms, registrations, keepalives, tokens, unknown, garbled } = world.lab.callManagers[0]!.counters;
  return alarms + registrations + keepalives + tokens + unknown + garbled;
}

describe('a phone in FIPS mode', () => {
  it('says of servers with short keys that they are', async () => {
    const world = secureWorld('encrypted', { tunables: { 'tls.fips': 'on' } });
    await world.runHeldUntil('registration.accepted');
    expect(world.statuses()).toContain('Cert key size is not FIPS compliant');
  });
});

describe('lists that the user erases', () => {
  it('are gone, and the next ones are taken on trust', async () => {
    const world = secureWorld('encrypted');
    await world.runHeldUntil('registration.accepted');
    const before = world.events.length;
    for (const key of ['settings', '*', '*', '#'] as const) world.phone.press(key);
    for (const label of ['Reset Settings', 'Security']) {
      while (!world.screen().some((line) => line.startsWith('>') && line.includes(label))) world.phone.press('down');
      world.phone.press('select');
    }
    await world.runHeldUntil('registration.accepted');
    const lists = world.events.slice(before).filter(({ type }) => type === 'trust.list');
    expect(lists.map(({ fields }) => fields)).toMatchObject([
      { list: 'ctl', outcome: 'cleared', reason: 'erased' },
      { list: 'itl', outcome: 'cleared', reason: 'erased' },
      { list: 'ctl', outcome: 'installed', reason: 'first-use' },
      { list: 'itl', outcome: 'installed' },
    ]);
    expect(world.statuses()).toContain('Erasing CTL and ITL files');
  });
});

describe('a man in the middle', () => {
  it.each<[string, () => Identity, string]>([
    ['a certificate that he signed himself', impostor, 'peer-unknown'],
    ['the certificate of another role', () => pki.capf, 'peer-role'],
    ["another cluster's certificate", () => otherCluster.callManager, 'peer-unknown'],
    ["the TVS server's own", () => pki.tvs, 'peer-role'],
  ])('with %s is told nothing', async (_what, identity, reason) => {
    const world = peculiarWorld({ callManager: identity() });
    const decision = await world.runHeldUntil('callmanager.connect');
    expect(decision).toMatchObject({ transport: 'tls', outcome: 'failed', reason: `tls.${reason}` });
    expect(world.all('tls.peer').at(-1)).toMatchObject({ role: 'CCM', outcome: 'refused', reason });
    expect(world.statuses()).toContain('TLS Error: 10.100.0.11 is not a trusted CCM server');
    await world.runHeld(30);
    expect(world.all('registration.accepted')).toEqual([]);
    expect(heard(world)).toBe(0);
    expect(world.lab.callManagers[0]!.counters.connections).toBeGreaterThan(0);
  });
});

describe('a call manager', () => {
  it('that is in no list yet is asked about at TVS, which is remembered', async () => {
    const callManager = selfSigned({ commonName: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
    const vouchedFor = [{ certificate: callManager.certificate, roles: [ROLE_CODES['CCM+TFTP']] }];
    const world = peculiarWorld({ callManager, vouchedFor });
    await world.runHeldUntil('registration.accepted');
    expect(world.all('tls.peer')).toMatchObject([
      { role: 'TVS', outcome: 'accepted', by: 'list', port: 2445 },
      { role: 'CCM', outcome: 'accepted', by: 'tvs', port: 2443 },
    ]);
    expect(world.lab.tvs!.counters).toEqual({ requests: 1, unknown: 0 });
    world.lab.callManagers[0]!.reset(world.phone.board.deviceName, 'restart');
    await world.runHeldUntil('registration.accepted');
    expect(world.lab.tvs!.counters.requests).toBe(1);
    expect(world.all('tls.handshake').at(-1)).toMatchObject({ resumed: true });
  });

  it('with an expired certificate in the lists is spoken to, unless the phone looks at dates', async () => {
    const longAgo = NOW - 20 * 365 * 86_400;
    const callManager = selfSigned({ commonName: 'cm1.lab.example', keyKind: 'rsa-1024', now: longAgo });
    const lab = { callManagers: 1, pki: { ...pki, callManager } };
    await secureWorld('encrypted', { lab }).runHeldUntil('registration.accepted');
    const strict = secureWorld('encrypted', { lab, tunables: { 'tls.outOfDatePeer': 'refused' } });
    const failed = await strict.runHeldUntil('callmanager.connect');
    expect(failed).toMatchObject({ transport: 'tls', outcome: 'failed', reason: 'tls.peer-out-of-date' });
    expect(strict.statuses()).toContain('TLS Error: 10.100.0.11 is not a trusted CCM server');
    expect(heard(strict)).toBe(0);
  });

  it('for which TVS vouches in another role is refused', async () => {
    const callManager = impostor();
    const world = peculiarWorld({
      callManager,
      vouchedFor: [{ certificate: callManager.certificate, roles: [ROLE_CODES.CAPF, ROLE_CODES.TFTP] }],
    });
    expect(await world.runHeldUntil('callmanager.connect')).toMatchObject({ outcome: 'failed' });
    expect(heard(world)).toBe(0);
  });

  it('whose minimum TLS version is above the model ends in that sentence', async () => {
    const world = peculiarWorld({ callManagerTls: { versions: ['1.2', '1.2'] } });
    const failed = await world.runHeldUntil('callmanager.connect');
    expect(failed).toMatchObject({ outcome: 'failed', reason: 'tls.version' });
    expect(world.statuses()).toContain("This model cannot speak the server's minimum TLS version");
  });

  it('of a cluster without CTL is spoken to over TCP, and refuses a phone with a secure profile', async () => {
    const world = peculiarWorld({ ctl: false });
    const rejected = await world.runHeldUntil('registration.rejected');
    expect(rejected).toMatchObject({ reason: 'Error: Security' });
    expect(world.all('trust.list').filter(({ list }) => list === 'ctl')).toHaveLength(4);
    expect(world.all('trust.list').filter(({ list }) => list === 'itl')).toHaveLength(4);
    expect(world.all('callmanager.connect')).toMatchObject([{ transport: 'tcp', port: 2000, outcome: 'connected' }]);
  });

  it('of such a cluster is not spoken to at all where the load asks for a CTL for ever', async () => {
    const world = secureWorld('encrypted', {
      lab: { callManagers: 1, peculiarities: { ctl: false } },
      tunables: { 'trust.listTries': 0 },
    });
    await world.runHeld(600);
    expect(world.all('trust.list').length).toBeGreaterThan(100);
    expect(world.all('callmanager.connect')).toEqual([]);
  });

  it('does not let in a phone whose certificate another authority has signed', async () => {
    const world = new TestWorld({
      lab: { security: 'encrypted', pki, callManagers: 1 },
      identity: () => selfSigned({ commonName: 'CP-7975G-SEP020000000000', keyKind: 'rsa-1024', now: NOW }),
    });
    world.powerOn(0);
    await world.runHeldUntil('callmanager.connect');
    expect(world.lab.callManagers[0]!.counters.connections).toBe(0);
  });
});
