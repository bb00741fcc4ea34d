/** A phone with a SIP load against Kamailio: registered with digest over UDP and TCP, refreshed, refused; tshark reads it all. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { ConfigurationFiles } from '../../lab/configuration-files.ts';
import { DeviceTable } from '../../lab/device-table.ts';
import type { Daemon } from './support/daemon.ts';
import { startDnsmasq } from './support/dnsmasq.ts';
import { eventually } from './support/eventually.ts';
import { KAMAILIO_PRESENT, startKamailio } from './support/kamailio.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { startTftpd } from './support/tftpd.ts';
import { complaints, Recorder, readCapture } from './support/tshark.ts';
import { WirePhone } from './support/wire-phone.ts';

const SERVER = '10.85.0.1';
const PASSWORD = 'correct horse';
/** Short, so that refreshes come while the test looks: half of it is the soonest. */
const EXPIRES = 6;
const TUNABLES = { 'vlan.totalWait': 0, 'lldp.bootWait': 0, 'dhcp.probeCount': 0 };

describe.skipIf(!KAMAILIO_PRESENT)('SIP with Kamailio', () => {
  let peers: PeerNamespace;
  let registrar: Daemon;
  let folder: string;

  beforeAll(async () => {
    peers = new PeerNamespace('sip');
    peers.link('sip0', 'kernel0', { addresses: [`${SERVER}/24`] });
    folder = peers.path('tftp');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    const lines = [
      'interface=kernel0',
      'dhcp-range=10.85.0.50,10.85.0.99,255.255.255.0,1h',
      `dhcp-option=150,${SERVER}`,
    ];
    await startDnsmasq(peers, [...lines, 'dhcp-authoritative'], 'DHCP with option 150');
    await startTftpd(peers, SERVER, folder);
    registrar = await startKamailio(peers, SERVER, { password: PASSWORD, maxExpires: EXPIRES });
  });
  afterAll(() => peers?.close());

  /** Writes the configuration of a phone with two lines. */
  function provide(mac: number, number: number, transportLayerProtocol: string, authPassword: string): void {
    const table = new DeviceTable();
    const line = (directoryNumber: string) => ({ directoryNumber, label: directoryNumber, displayName: 'Zoë' });
    table.add({
      name: deviceName(mac),
      model: '8861',
      deviceType: modelNamed('8861')!.deviceType,
      protocol: 'sip',
      lines: [{ ...line(`${number}`), authName: `${number}`, authPassword }, line(`${number + 1}`)],
    });
    const node = { name: 'kamailio', processNodeName: SERVER, sccpPort: 2000, sipPort: 5060 };
    const files = new ConfigurationFiles({ table, callManagers: [node], transportLayerProtocol });
    const name = `${deviceName(mac)}.cnf.xml`;
    writeFileSync(`${folder}/${name}`, files.read(name)!, { mode: 0o644 });
  }

  const heard = (pattern: RegExp) => [...registrar.log.matchAll(pattern)];

  it.each([
    ['UDP', 'udp', '2', 3001],
    ['TCP', 'tcp', '4', 3101],
  ] as const)(
    'registers two lines over %s with digest, and refreshes them',
    async (_name, transport, written, number) => {
      const mac = autoMac(0, 0, number);
      provide(mac, number, written, PASSWORD);
      const file = peers.path(`${transport}.pcapng`);
      const recorder = await Recorder.start(peers, 'kernel0', file);
      const phone = new WirePhone({ interface: 'sip0', mac, model: '8861', tunables: TUNABLES });
      try {
        phone.phone.powerOn();
        const accepted = await phone.next('registration.accepted');
        const lines = [`${number}`, `${number + 1}`];
        expect(accepted).toMatchObject({ host: SERVER, port: 5060, protocol: 'sip', transport, lines });
        await eventually(
          'a refresh of each line',
          3 * EXPIRES,
          () => {
            const counts = lines.map((line) => heard(new RegExp(`registered ${line} ${transport} \\d+`, 'g')).length);
            return counts.every((count) => count >= 2) ? true : null;
          },
          () => registrar.log.slice(-2000),
        );
        // One Call-ID a line for good, and every CSeq greater than the one before.
        for (const line of lines) {
          const saved = heard(new RegExp(`registered ${line} ${transport} (\\d+) (\\S+)`, 'g'));
          expect(new Set(saved.map(([, , callId]) => callId)).size).toBe(1);
          const sequence = saved.map(([, count]) => Number(count));
          expect(sequence).toEqual([...new Set(sequence)].sort((a, b) => a - b));
        }
        expect(phone.all('registration.lost')).toEqual([]);
      } finally {
        await phone.close();
        await recorder.stop();
      }
      expect(registrar.log).not.toContain('insane');
      expect(await complaints(file)).toEqual([]);
      const requests = await readCapture(file, 'sip.Request-Line', ['sip.Method', 'sip.CSeq.seq']);
      expect(requests.length).toBeGreaterThanOrEqual(6);
      // REFER: the alarm of the boot.
      expect(new Set(requests.map(([method]) => method))).toEqual(new Set(['REGISTER', 'REFER']));
      // Left in order: the last of each line takes the registration back.
      const last = await readCapture(file, 'sip.Method == REGISTER && sip.Expires == 0', ['sip.to.user']);
      expect(new Set(last.map(([user]) => user))).toEqual(new Set([`${number}`, `${number + 1}`]));
    },
  );

  it('is rejected with a wrong password, in words, after trying it once', async () => {
    const mac = autoMac(0, 0, 3201);
    provide(mac, 3201, '4', 'wrong');
    const phone = new WirePhone({ interface: 'sip0', mac, model: '8861', tunables: TUNABLES });
    try {
      phone.phone.powerOn();
      expect(await phone.next('registration.rejected')).toMatchObject({ host: SERVER, reason: 'Unauthorized' });
      expect(phone.all('status').map(({ message }) => message)).toContain('Registration Rejected: Unauthorized');
      const challenges = () => heard(/challenged 3201 tcp/g).length;
      await eventually(
        'two challenges',
        3,
        () => (challenges() >= 2 ? true : null),
        () => registrar.log.slice(-2000),
      );
      expect(challenges()).toBe(2);
      expect(JSON.stringify(phone.events)).not.toContain('wrong');
    } finally {
      await phone.close();
    }
  });
});
