import { beforeAll, describe, expect, it } from 'vitest';
import { createLabPki, type LabPki } from '../../lab/pki/lab-pki.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const NOW = Date.UTC(2026, 10, 22) / 1_000;

let pki: LabPki;

beforeAll(() => {
  pki = createLabPki({ host: 'cm1.lab.example', now: NOW });
});

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
    expect(world.all('tls.handshake')).toMatchObject([
      { outcome: 'complete', version, cipher, own: 'mic', role: 'CCM', resumed: false },
    ]);
    expect(world.all('security.decision')).toMatchObject([{ outcome: 'accepted', by: 'list' }]);
    expect(world.statuses()).toContain('CTL and ITL installed');
  });
});
