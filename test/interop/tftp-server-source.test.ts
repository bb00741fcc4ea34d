/** Where the phone gets its files from, as dnsmasq and Kea say it: option 66 as a name, the server field of the message, nothing but DNS is in `dns.test.ts`. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { autoMac, formatMac } from '../../device/identity.ts';
import type { Mac } from '../../hal/nic.ts';
import { keaOn, startKea } from './support/dhcp-servers.ts';
import { startDnsmasq } from './support/dnsmasq.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { WirePhone } from './support/wire-phone.ts';

const SERVER = '10.85.0.1';
const FILES = '10.85.0.9';
const NAME = 'tftp.lab.example';
/** Is told a name; all others only who is next. */
const NAMED = autoMac(3, 0, 0);
const NEXT = autoMac(3, 0, 1);
const DNS = ['port=53', 'interface=kernel0', 'local=/lab.example/', `host-record=${NAME},${FILES}`];

async function dnsmasq(peers: PeerNamespace): Promise<void> {
  const lines = [
    ...[...DNS, 'domain=lab.example', 'dhcp-range=10.85.0.50,10.85.0.99,255.255.255.0,1h'],
    ...[`dhcp-mac=set:named,${formatMac(NAMED, ':')}`, `dhcp-option=tag:named,66,"${NAME}"`],
    ...[`dhcp-option=option:dns-server,${SERVER}`, `dhcp-boot=tag:!named,none,,${FILES}`],
  ];
  await startDnsmasq(peers, lines, 'DHCP with option 66 as a name, and siaddr alone');
}

async function kea(peers: PeerNamespace): Promise<void> {
  await startDnsmasq(peers, DNS, 'DNS');
  const options = { routers: SERVER, 'domain-name': 'lab.example', 'domain-name-servers': SERVER };
  const named = {
    name: 'named',
    test: `pkt4.mac == 0x${formatMac(NAMED).toLowerCase()}`,
    'option-data': [{ name: 'tftp-server-name', data: NAME }],
  };
  const subnet = {
    subnet: '10.85.0.0/24',
    interface: 'kernel0',
    pools: [{ pool: '10.85.0.50 - 10.85.0.99' }],
    'next-server': FILES,
    'option-data': Object.entries(options).map(([name, data]) => ({ name, data })),
  };
  const settings = { ...keaOn('kernel0'), 'valid-lifetime': 3_600, 'client-classes': [named], subnet4: [subnet] };
  await startKea(peers, settings, 'DHCP with option 66 as a name, and siaddr alone');
}

describe.each([
  ['dnsmasq', dnsmasq],
  ['Kea', kea],
] as const)('the TFTP server by %s', (name, start) => {
  let peers: PeerNamespace;
  let phone: WirePhone | null = null;

  beforeAll(async () => {
    peers = new PeerNamespace(`source-${name.toLowerCase()}`);
    peers.link('source0', 'kernel0', { addresses: [`${SERVER}/24`] });
    await start(peers);
  });
  afterEach(async () => await phone?.close());
  afterAll(() => peers?.close());

  const boot = (mac: Mac): WirePhone => {
    phone = new WirePhone({ interface: 'source0', mac, tunables: { 'vlan.totalWait': 0, 'lldp.bootWait': 0 } });
    phone.phone.powerOn();
    return phone;
  };

  it('option 66 as a name, which DNS knows', async () => {
    const booted = boot(NAMED);
    expect((await booted.next('dhcp.bound')).tftp).toEqual([]);
    expect(await booted.next('tftp.server')).toEqual({ servers: [FILES], source: 'option66' });
  });

  it('siaddr alone', async () => {
    expect(await boot(NEXT).next('tftp.server')).toEqual({ servers: [FILES], source: 'siaddr' });
  });
});
