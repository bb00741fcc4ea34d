import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { ConfigurationFiles } from '../../lab/configuration-files.ts';
import { DeviceTable } from '../../lab/device-table.ts';
import { keaOn, startKea } from './support/dhcp-servers.ts';
import { startDnsmasq } from './support/dnsmasq.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { startTftpd } from './support/tftpd.ts';
import { complaints, Recorder, readCapture } from './support/tshark.ts';
import { WirePhone } from './support/wire-phone.ts';

const SERVER = '10.83.0.1';
const MODEL = modelNamed('7961')!;
const NAME = deviceName(autoMac(0, 0, 0));

/** A small site: no voice VLAN, no TFTP server from DHCP, everything by name. */
describe('a network where DHCP names no TFTP server', () => {
  let peers: PeerNamespace;

  beforeAll(async () => {
    peers = new PeerNamespace('dns');
    peers.link('dns0', 'kernel0', { addresses: [`${SERVER}/24`] });
    const folder = peers.path('tftp');
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    const lines = [{ directoryNumber: '3001', label: '3001', displayName: 'Phone 3001' }];
    const device = { name: NAME, model: MODEL.name, deviceType: MODEL.deviceType, lines };
    const table = new DeviceTable();
    table.add(device);
    const callManagers = [{ name: 'cm1', processNodeName: 'cm1.lab.example', sccpPort: 2000, sipPort: 5060 }];
    const file = new ConfigurationFiles({ table, callManagers }).read(`${NAME}.cnf.xml`)!;
    writeFileSync(`${folder}/${NAME}.cnf.xml`, file, { mode: 0o644 });
    await startDnsmasq(
      peers,
      [
        ...['port=53', 'interface=kernel0', 'local=/lab.example/'],
        ...[`host-record=CiscoCM1.lab.example,${SERVER}`, `host-record=cm1.lab.example,${SERVER}`],
      ],
      'DNS',
    );
    // dnsmasq would name itself in siaddr, which comes before DNS.
    const options = { routers: SERVER, 'domain-name': 'lab.example', 'domain-name-servers': SERVER };
    const subnet = {
      subnet: '10.83.0.0/24',
      interface: 'kernel0',
      pools: [{ pool: '10.83.0.50 - 10.83.0.99' }],
      'option-data': Object.entries(options).map(([name, data]) => ({ name, data })),
    };
    await startKea(peers, { ...keaOn('kernel0'), 'valid-lifetime': 3_600, subnet4: [subnet] }, 'DHCP');
    await startTftpd(peers, SERVER, folder);
    const job = JSON.stringify({ devices: [device], keepaliveSeconds: 30 });
    const callManager = peers.startNode('call manager', 'call-manager-process.ts', job);
    await callManager.ready('listens', () => (callManager.log.includes('ready\n') ? true : null));
  });
  afterAll(() => peers?.close());

  it('the phone finds CiscoCM1 and its call manager by DNS, and registers', async () => {
    const file = peers.path('dns.pcapng');
    const recorder = await Recorder.start(peers, 'kernel0', file);
    const tunables = { 'vlan.totalWait': 0, 'lldp.bootWait': 0 };
    const phone = new WirePhone({ interface: 'dns0', model: MODEL.name, tunables });
    try {
      phone.phone.powerOn();
      expect(await phone.next('tftp.server')).toEqual({ servers: [SERVER], source: 'dns' });
      await phone.next('registration.accepted', 20);
    } finally {
      await phone.close();
      await recorder.stop();
    }
    expect(phone.all('callmanager.connect')).toMatchObject([{ port: 2000, outcome: 'connected' }]);
    expect(await complaints(file)).toEqual([]);
    const asked = await readCapture(file, 'dns.flags.response == 0', ['dns.qry.name', 'dns.qry.type']);
    expect(asked.map(([name]) => name!.toLowerCase())).toEqual(['ciscocm1.lab.example', 'cm1.lab.example']);
    expect(new Set(asked.map(([, type]) => type))).toEqual(new Set(['1']));
  });
});
