/**
 * Configuration files as they occur in the field, which lie beside a checkout or nowhere: each is served as the phone's own by a TFTP server of others,
 * and is either applied or refused in words.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { sharedVector, sharedVectorNames } from '../support/shared-vectors.ts';
import { startDnsmasq } from './support/dnsmasq.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { startTftpd } from './support/tftpd.ts';
import { WirePhone } from './support/wire-phone.ts';

const SERVER = '10.80.0.1';
const FILES = sharedVectorNames('configs');

describe('configuration files of the field, from tftpd-hpa', () => {
  let peers: PeerNamespace;
  let folder: string;

  beforeAll(async () => {
    if (FILES.length === 0) return;
    peers = new PeerNamespace('field');
    peers.link('field0', 'kernel0', { addresses: [`${SERVER}/24`] });
    folder = peers.path('tftp');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    const lines = [
      'interface=kernel0',
      'dhcp-range=10.80.0.50,10.80.0.99,255.255.255.0,1h',
      `dhcp-option=150,${SERVER}`,
    ];
    await startDnsmasq(peers, [...lines, 'dhcp-authoritative'], 'DHCP with option 150');
    await startTftpd(peers, SERVER, folder);
  });
  afterAll(() => peers?.close());

  if (FILES.length === 0) it.skip('there are none beside this checkout', () => {});

  it.each(FILES.map((name, index) => [name, index] as const))('%s', async (name, index) => {
    const octets = sharedVector(`configs/${name}`)!;
    const mac = autoMac(0, 0, index + 1);
    writeFileSync(`${folder}/${deviceName(mac)}.cnf.xml`, octets, { mode: 0o644 });
    const tunables = { 'vlan.totalWait': 0, 'lldp.bootWait': 0, 'dhcp.probeCount': 0 };
    const phone = new WirePhone({ interface: 'field0', mac, tunables });
    try {
      phone.phone.powerOn();
      const words = () =>
        phone
          .all('status')
          .map(({ message }) => message)
          .join('\n');
      const outcome = await phone.until(
        'the configuration is judged',
        15,
        () => phone.outcomes().configuration ?? null,
      );
      const fetched = phone.all('file.done').find((file) => file.name === `${deviceName(mac)}.cnf.xml`);
      expect(fetched).toMatchObject({ outcome: 'received', bytes: octets.length, via: 'tftp' });
      const names = callManagerNames(new TextDecoder().decode(octets));
      const hosts = phone.all('config.applied').flatMap(({ callManagers }) => callManagers.map(({ host }) => host));
      expect([...new Set(hosts)]).toEqual([...new Set(names)]);
      // A file without a call manager may still be a configuration; the phone then says that it has none.
      if (names.length > 0) expect(outcome).toMatch(/^done \(config\.(own|default)\)$/);
      else expect(words()).toMatch(/Error parsing config file|No CUCM in the configuration/);
      // Whatever the file says, the phone goes on: no fault, no reset.
      expect(phone.all('fault')).toEqual([]);
      expect(phone.phone.state).toBe('running');
    } finally {
      await phone.close();
    }
  });
});

/** Names of the call managers of a group, by reading the text and not the structure. */
function callManagerNames(text: string): string[] {
  const code = text.replaceAll(/<!--[\s\S]*?-->/g, '');
  const group = /<callManagerGroup>([\s\S]*?)<\/callManagerGroup>/i.exec(code)?.[1] ?? '';
  return [...group.matchAll(/<processNodeName>\s*([^<\s][^<]*?)\s*</g)].map((match) => match[1]!);
}
