import { beforeAll, describe, expect, it } from 'vitest';
import type { CapfOrder } from '../../lab/capf-server.ts';
import { createLabPki, type LabPki } from '../../lab/pki/lab-pki.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const NOW = Date.UTC(2026, 10, 22) / 1_000;
const NAME = 'SEP020000000000';

let pki: LabPki;

beforeAll(() => {
  pki = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
});

const INSTALL: CapfOrder = { operation: 'install', authentication: 'null-string', key: 'rsa-1024' };

/** A mixed-mode cluster whose only phone has a secure profile. */
function secureWorld(capf: CapfOrder, options: TestWorldOptions = {}): TestWorld {
  const world = new TestWorld({ ...options, lab: { security: 'encrypted', pki, capf, ...options.lab } });
  world.powerOn(0);
  return world;
}

describe('a phone with a secure profile', () => {
  it('enrols first and registers then, with the certificate that it has got', async () => {
    const world = secureWorld(INSTALL);
    await world.runHeldUntil('registration.accepted');
    expect(world.all('capf')).toEqual([{ host: '10.100.0.11', port: 3804, outcome: 'installed', reason: 'done' }]);
    expect(world.all('lsc')).toMatchObject([{ outcome: 'installed', key: 'RSA-1024' }]);
    expect(world.all('tls.handshake')).toMatchObject([
      { role: 'CAPF', own: 'mic', outcome: 'complete' },
      { role: 'CCM', own: 'lsc', outcome: 'complete' },
    ]);
  });
});
