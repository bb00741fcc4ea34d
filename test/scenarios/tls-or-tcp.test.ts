/**
 * TLS or TCP, one scenario a cell: security profile, what the CTL says of call managers, what becomes of the phone's own certificate, and the transport of the SIP profile.
 *
 *     profile       transport   CTL      the phone speaks                 and then
 *     none          any         any      TCP                              registered
 *     secure        TCP         any      TCP, as the profile says         rejected
 *     secure        TLS         absent   TCP, once it has asked four      rejected, which the phone shows
 *     secure        TLS         empty    TCP                              rejected
 *     secure        TLS         valid    TLS                              registered with a certificate that the call manager knows; with none,
 *                                                                         or a stranger's, the handshake fails: the next member, and never TCP
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { clusterCtl } from '../../lab/pki/cluster-lists.ts';
import { type IdentityHolder, IdentityStock } from '../../lab/pki/identity-stock.ts';
import { createLabPki, type LabPki, selfSigned } from '../../lab/pki/lab-pki.ts';
import { isTrustList } from '../../lab/secure-cluster.ts';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const NOW = Date.UTC(2026, 10, 22) / 1_000;
const NODES = [0x0a64_000b, 0x0a64_000c].map((address, index) => ({ host: `10.100.0.${11 + index}`, address }));

const NAME = deviceName(autoMac(0, 0, 0));
const LINE = { directoryNumber: '2001', label: '2001', displayName: '2001' };

const PROFILES = ['none', 'authenticated', 'encrypted'] as const;
const CTLS = ['absent', 'empty', 'valid'] as const;
const CERTIFICATES = ['usable', 'none', "a stranger's"] as const;
const WAYS = ['sip TLS', 'sip TCP', 'sccp'] as const;

interface Cell {
  readonly profile: (typeof PROFILES)[number];
  readonly ctl: (typeof CTLS)[number];
  readonly certificate: (typeof CERTIFICATES)[number];
  readonly way: (typeof WAYS)[number];
}

const CELLS: readonly Cell[] = WAYS.flatMap((way) =>
  PROFILES.flatMap((profile) =>
    CTLS.flatMap((ctl) => CERTIFICATES.map((certificate) => ({ profile, ctl, certificate, way }))),
  ),
);

let pki: LabPki;
let emptyCtl: Uint8Array;
let factory: IdentityStock;

beforeAll(() => {
  pki = createLabPki({ host: 'cm1.lab.example', keyKind: 'rsa-1024', now: NOW });
  factory = new IdentityStock({ authority: pki.manufacturing, now: NOW, keyKind: 'rsa-1024', keys: 1 });
  emptyCtl = clusterCtl({ pki, nodes: NODES, state: 'non-secure', digest: 'sha1', now: NOW });
});

function worldOf({ profile, ctl, certificate, way }: Cell): TestWorld {
  const [model, protocol] = way === 'sccp' ? (['7975', 'sccp'] as const) : (['8861', 'sip'] as const);
  const { deviceType } = modelNamed(model)!;
  const options: TestWorldOptions = {
    model,
    protocol,
    tunables: { 'trust.listWait': 0 },
    lab: {
      security: profile === 'none' ? 'encrypted' : profile,
      devices: [{ name: NAME, model, deviceType, protocol, security: profile, lines: [LINE] }],
      configuration: { transportLayerProtocol: way === 'sip TCP' ? '1' : '3' },
      pki,
      ...(ctl === 'absent' ? { peculiarities: { ctl: false } } : {}),
      ...(ctl === 'empty'
        ? { files: ({ name }) => (isTrustList(name) && name.startsWith('CTL') ? emptyCtl : null) }
        : {}),
    },
  };
  const stranger = () => selfSigned({ commonName: NAME, keyKind: 'rsa-1024', now: NOW });
  const issued = (holder: IdentityHolder) => factory.issue(holder);
  const identity = certificate === 'none' ? undefined : certificate === 'usable' ? issued : stranger;
  const world = new TestWorld(Object.assign(options, { identity }));
  world.powerOn(0);
  return world;
}

/** First match. */
function decisionOn({ profile, ctl, way }: Cell): { transport: 'tcp' | 'tls'; why: string } {
  if (profile === 'none') return { transport: 'tcp', why: 'profile.none' };
  if (way === 'sip TCP') return { transport: 'tcp', why: 'sip.transport' };
  if (ctl === 'absent') return { transport: 'tcp', why: 'ctl.absent' };
  if (ctl === 'empty') return { transport: 'tcp', why: 'ctl.no-callmanager' };
  return { transport: 'tls', why: 'ctl.valid' };
}

describe.each(WAYS)('TLS or TCP: %s', (way) => {
  it.each(CELLS.filter((cell) => cell.way === way))(
    'profile $profile, CTL $ctl, own certificate $certificate',
    async (cell) => {
      const world = worldOf(cell);
      const { profile, ctl, certificate } = cell;
      const { transport, why } = decisionOn(cell);
      await world.runHeldUntil('callmanager.connect');
      await world.runHeld(30);
      expect(world.all('security.decision')).toEqual([{ profile, ctl, transport, why }]);
      const connects = world.all('callmanager.connect');
      expect(new Set(connects.map((connect) => connect.transport))).toEqual(new Set([transport]));
      if (profile === 'none') expect(world.all('registration.accepted')).toMatchObject([{ transport: 'tcp' }]);
      else if (transport === 'tcp') {
        expect(connects[0]).toMatchObject({ port: way === 'sccp' ? 2000 : 5060, outcome: 'connected' });
        expect(world.all('registration.rejected').length).toBeGreaterThan(0);
        expect(world.screen().join('\n')).toContain('Registration Rejected');
        expect(world.all('tls.handshake').filter(({ role }) => role === 'CCM')).toEqual([]);
      } else if (certificate === 'usable') {
        expect(world.all('registration.accepted')).toMatchObject([{ host: NODES[0]!.host, transport: 'tls' }]);
      } else {
        expect(connects.slice(0, 2)).toMatchObject(NODES.map(({ host }) => ({ host, outcome: 'failed' })));
        expect(world.all('registration.accepted')).toEqual([]);
        expect(world.screen()).toContain('Phone not registered');
      }
    },
  );
});
