import { beforeAll, describe, expect, it } from 'vitest';
import { createLabPki, type LabPki, selfSigned } from '../../lab/pki/lab-pki.ts';
import { ROLE_CODES } from '../../lab/pki/trust-list-writer.ts';
import type { ClusterPeculiarities } from '../../lab/secure-cluster.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const NOW = Date.UTC(2026, 10, 22) / 1_000;
const NAME = 'SEP020000000000.cnf.xml';

let pki: LabPki;

beforeAll(() => {
  pki = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
});

async function booted(peculiarities: ClusterPeculiarities = {}, options: TestWorldOptions = {}): Promise<TestWorld> {
  const lab = { security: 'encrypted', pki, callManagers: 1, peculiarities, ...options.lab } as const;
  const world = new TestWorld({ model: '8861', protocol: 'sip', ...options, lab });
  world.powerOn(0);
  await world.runHeldUntil('registration.accepted');
  return world;
}

/** `via name: outcome` of each attempt to have the phone's own configuration. */
function attempts(world: TestWorld): string[] {
  const own = world.all('file.done').filter(({ name }) => name.startsWith(NAME));
  return own.map(({ via, name, outcome }) => `${via} ${name}: ${outcome}`);
}

describe('an ITL with an advanced signer and a TFTP server of an elliptic curve', () => {
  it.each([
    ['8861', 'sip', '1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['6961', 'sccp', '1.0', 'ECDHE-ECDSA-AES256-SHA'],
  ] as const)(
    'makes a %s ask for its configuration by HTTPS, and take it bare',
    async (model, protocol, version, cipher) => {
      const world = await booted({}, { model, protocol });
      expect(attempts(world)).toEqual([`https ${NAME}.sgn: received`]);
      expect(world.all('tls.handshake')[0]).toMatchObject({ role: 'TFTP', port: 6971, version, cipher });
      expect(world.all('tls.peer')[0]).toMatchObject({ role: 'TFTP', outcome: 'accepted', by: 'list' });
      expect(world.all('config.applied')).toMatchObject([
        { name: `${NAME}.sgn`, signature: 'verified', authenticatedBy: 'tls', security: 'encrypted' },
      ]);
      expect(world.lab.https[0]!.counters).toMatchObject({ requests: 1, sent: 1 });
    },
  );

  it('says nothing to a phone that knows TFTP only', async () => {
    const world = await booted({}, { model: '7975', protocol: 'sccp' });
    expect(attempts(world)).toEqual([`tftp ${NAME}.sgn: received`]);
  });

  it('leaves all other files to HTTP', async () => {
    const world = await booted();
    const others = world.all('file.request').filter(({ name }) => !name.startsWith(NAME));
    expect(others.map(({ via }) => via)).not.toContain('https');
    expect(others.map(({ via }) => via)).toContain('http');
  });
});

describe('when HTTPS comes to nothing', () => {
  it('the phone asks by HTTP, and verifies the signature', async () => {
    const world = await booted({}, { lab: { https: false } });
    expect(attempts(world)).toEqual([`https ${NAME}.sgn: error`, `http ${NAME}.sgn: received`]);
    expect(world.all('config.applied')).toMatchObject([{ name: `${NAME}.sgn`, signature: 'verified' }]);
  });

  it.each<[string, () => ClusterPeculiarities['https'], string]>([
    ['a certificate that nobody knows', () => impostor(), 'peer-unknown'],
    ['the certificate of the CAPF', () => pki.capf, 'peer-role'],
  ])('for %s, the server is told nothing', async (_what, https, reason) => {
    const world = await booted({ https: https()!, httpsCiphers: ['ECDHE-ECDSA-AES256-GCM-SHA384', 'AES256-SHA'] });
    expect(attempts(world)).toEqual([`https ${NAME}.sgn: error`, `http ${NAME}.sgn: received`]);
    expect(world.all('tls.peer')[0]).toMatchObject({ role: 'TFTP', outcome: 'refused', reason });
    expect(world.lab.https[0]!.counters.requests).toBe(0);
  });

  it('by a server that TVS vouches for, it does not', async () => {
    const https = impostor();
    const vouchedFor = [{ certificate: https.certificate, roles: [ROLE_CODES.TFTP] }];
    const world = await booted({ https, vouchedFor });
    // The servers to ask are those of the last configuration, so the first start knows none.
    expect(attempts(world)).toEqual([`https ${NAME}.sgn: error`, `http ${NAME}.sgn: received`]);
    world.lab.sipCallManagers[0]!.reset(world.phone.board.deviceName, 'reset');
    await world.runHeldUntil('registration.accepted');
    expect(attempts(world).slice(2)).toEqual([`https ${NAME}.sgn: received`]);
    expect(world.all('tls.peer')).toContainEqual(expect.objectContaining({ role: 'TFTP', by: 'tvs' }));
  });
});

const impostor = () => selfSigned({ commonName: 'cm1.lab.example-EC', keyKind: 'ec-p256', now: NOW });
