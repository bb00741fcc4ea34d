/** A phone with a secure profile against Kamailio over TLS: each knows the other by its certificate, and digest goes on within. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName, serialNumber } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { ConfigurationFiles } from '../../lab/configuration-files.ts';
import { DeviceTable } from '../../lab/device-table.ts';
import { createLabPki, type Identity, type LabPki } from '../../lab/pki/lab-pki.ts';
import { createPkiFolder } from '../../lab/pki/pki-folder.ts';
import { SecureCluster } from '../../lab/secure-cluster.ts';
import type { Daemon } from './support/daemon.ts';
import { startDnsmasq } from './support/dnsmasq.ts';
import { eventually } from './support/eventually.ts';
import { KAMAILIO_PRESENT, startKamailio } from './support/kamailio.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { startTftpd } from './support/tftpd.ts';
import { complaints, readCapture } from './support/tshark.ts';
import { WirePhone } from './support/wire-phone.ts';

const SERVER = '10.87.0.1';
const ADDRESS = 0x0a570001;
const PASSWORD = 'correct horse';
const EXPIRES = 6;
const TUNABLES = { 'vlan.totalWait': 0, 'lldp.bootWait': 0, 'dhcp.probeCount': 0 };
const MODEL = modelNamed('8861')!;

describe.skipIf(!KAMAILIO_PRESENT)('SIP over TLS with Kamailio', () => {
  const now = Math.floor(Date.now() / 1_000);
  let peers: PeerNamespace;
  let registrar: Daemon;
  let folder: string;
  let pki: LabPki;

  beforeAll(async () => {
    peers = new PeerNamespace('siptls');
    peers.link('sip0', 'kernel0', { addresses: [`${SERVER}/24`] });
    folder = peers.path('tftp');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    const lines = ['interface=kernel0', 'dhcp-range=10.87.0.50,10.87.0.99,255.255.255.0,1h'];
    await startDnsmasq(peers, [...lines, `dhcp-option=150,${SERVER}`, 'dhcp-authoritative'], 'DHCP with option 150');
    await startTftpd(peers, SERVER, folder);
    pki = createLabPki({ host: 'kamailio', now });
    const keys = peers.path('pki');
    createPkiFolder(keys, { pki, nodes: [{ host: 'kamailio', address: ADDRESS }] });
    const tls = {
      address: SERVER,
      certificate: join(keys, 'call-manager.pem'),
      key: join(keys, 'call-manager.key'),
      clientAuthority: join(keys, 'manufacturing.pem'),
    };
    registrar = await startKamailio(peers, SERVER, { password: PASSWORD, maxExpires: EXPIRES, tls });
  });
  afterAll(() => peers?.close());

  /** Writes the signed configuration of a phone, with the lists by which it knows `lists`, and returns its own certificate. */
  function provide(mac: number, number: number, lists: LabPki): Identity {
    const name = deviceName(mac);
    const table = new DeviceTable();
    const line = { directoryNumber: `${number}`, label: `${number}`, displayName: 'Zoë' };
    table.add({
      name,
      model: '8861',
      deviceType: MODEL.deviceType,
      protocol: 'sip',
      security: 'encrypted',
      lines: [{ ...line, authName: `${number}`, authPassword: PASSWORD }],
    });
    const node = { name: 'kamailio', processNodeName: SERVER, sccpPort: 2000, sipPort: 5060 };
    const files = new ConfigurationFiles({ table, callManagers: [node], secureCluster: true });
    const cluster = new SecureCluster({
      security: 'encrypted',
      now,
      nodes: [{ host: 'kamailio', address: ADDRESS }],
      pki: lists,
      plain: (file) => files.read(file),
    });
    for (const file of [`CTL${name}.tlv`, `ITL${name}.tlv`, `${name}.cnf.xml.sgn`]) {
      writeFileSync(join(folder, file), cluster.read(file)!, { mode: 0o644 });
    }
    const authority = new SecureCluster({ security: 'encrypted', now, nodes: [], pki, plain: () => null });
    return authority.identity({ productId: MODEL.productId, deviceName: name, serial: serialNumber(mac) });
  }

  function phoneOf(mac: number, mic: Identity, capture: string): WirePhone {
    return new WirePhone({ interface: 'sip0', mac, model: '8861', tunables: TUNABLES, mic, capture });
  }

  it('registers with digest and its certificate, and refreshes on the same session', async () => {
    const [mac, number] = [autoMac(0, 0, 3301), 3301];
    const capture = peers.path('sip-tls.pcapng');
    const phone = phoneOf(mac, provide(mac, number, pki), capture);
    try {
      phone.phone.powerOn();
      const accepted = await phone.next('registration.accepted');
      expect(accepted).toMatchObject({ host: SERVER, port: 5061, protocol: 'sip', transport: 'tls', lines: ['3301'] });
      const handshakes = () => phone.all('tls.handshake').filter(({ role }) => role === 'CCM');
      expect(handshakes()).toMatchObject([{ outcome: 'complete', own: 'mic', peer: 'CN=kamailio;OU=Lab;O=Sepia Lab' }]);
      await eventually(
        'a refresh',
        3 * EXPIRES,
        () => ([...registrar.log.matchAll(/registered 3301 tls \d+/g)].length >= 2 ? true : null),
        () => registrar.log.slice(-2000),
      );
      expect(registrar.log).toContain('challenged 3301 tls');
      expect(phone.all('registration.lost')).toEqual([]);
      expect(handshakes()).toHaveLength(1);
    } finally {
      await phone.close();
    }
    expect(registrar.log).not.toContain('insane');
    expect(await complaints(capture)).toEqual([]);
    // Nothing of SIP in the clear, one handshake, and the phone shows its certificate.
    expect(await readCapture(capture, 'sip', ['sip.Method'])).toEqual([]);
    const hellos = await readCapture(capture, 'tls.handshake.type == 1 && tcp.dstport == 5061', ['tcp.dstport']);
    expect(hellos).toEqual([['5061']]);
  });

  it('does not speak to a server that its lists do not know, and does not fall to TCP', async () => {
    const mac = autoMac(0, 0, 3302);
    const capture = peers.path('sip-tls-stranger.pcapng');
    const phone = phoneOf(mac, provide(mac, 3302, createLabPki({ host: 'kamailio', now })), capture);
    try {
      phone.phone.powerOn();
      const peer = await phone.next('tls.peer');
      expect(peer).toMatchObject({ host: SERVER, port: 5061, role: 'CCM', outcome: 'refused', reason: 'peer-unknown' });
      expect(phone.all('status').map(({ message }) => message)).toContain(
        `TLS Error: ${SERVER} is not a trusted CCM server`,
      );
      expect(phone.all('registration.accepted')).toEqual([]);
    } finally {
      await phone.close();
    }
    expect(await readCapture(capture, 'sip || tcp.dstport == 5060', ['tcp.dstport'])).toEqual([]);
  });
});
