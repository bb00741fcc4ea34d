import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { autoMac } from '../../device/identity.ts';
import { saveLease } from '../../firmware/startup/lease-memory.ts';
import type { Daemon } from './support/daemon.ts';
import { DHCP_SERVER, DNSMASQ, ISC, KEA } from './support/dhcp-servers.ts';
import { eventually } from './support/eventually.ts';
import { PeerNamespace } from './support/peer-namespace.ts';
import { complaints, Recorder, readCapture } from './support/tshark.ts';
import { WirePhone, type WirePhoneOptions } from './support/wire-phone.ts';

const NAME_ONLY = autoMac(0, 0, 9);
const LEASE = 8;
const RENEW = 2;

/** An address of somewhere else, with hours left. */
const FOREIGN_LEASE = {
  address: 0x0a09_0909,
  mask: 0xffff_ff00,
  prefixLength: 24,
  routers: [],
  dns: [],
  domain: null,
  ntp: [],
  server: 0x0a09_0901,
  leaseSeconds: 86_400,
  t1: 43_200,
  t2: 75_600,
  boundAt: 0,
  option150: [],
  option66: null,
  siaddr: 0,
  sname: '',
};

describe.each([DNSMASQ, KEA, ISC].map((peer) => [peer.name, peer] as const))('DHCP from %s', (_name, peer) => {
  let peers: PeerNamespace;
  let server: Daemon;
  let phone: WirePhone;
  const lease = Math.max(LEASE, peer.shortestLease);

  beforeAll(async () => {
    peers = new PeerNamespace(`dhcp-${peer.name.split(' ')[0]!.toLowerCase()}`);
    peers.link('dhcp0', 'kernel0', { addresses: [`${DHCP_SERVER}/24`] });
    server = await peer.start(peers, { interface: 'kernel0', nameOnly: NAME_ONLY, lease, renew: RENEW });
  });
  afterEach(() => phone?.close());
  afterAll(() => peers?.close());

  const boot = (options: Partial<WirePhoneOptions> = {}) => {
    const tunables = { 'vlan.totalWait': 0, 'lldp.bootWait': 0, 'dhcp.probeInterval': 0.05 };
    phone = new WirePhone({ interface: 'dhcp0', tunables, ...options });
    phone.phone.powerOn();
  };

  const states = () => phone.all('dhcp.state').map(({ state }) => state.replace('DHCP ', ''));

  it('a lease with option 150, given back', async () => {
    const file = peers.path('lease.pcapng');
    const recorder = await Recorder.start(peers, 'kernel0', file);
    boot();
    const bound = await phone.next('dhcp.bound');
    expect(bound).toMatchObject({
      server: DHCP_SERVER,
      router: DHCP_SERVER,
      leaseSeconds: lease,
      domain: 'lab.example',
    });
    expect(bound.address).toMatch(/^10\.81\.0\.[5-9]\d\/24$/);
    expect(await phone.next('tftp.server')).toEqual({ servers: [DHCP_SERVER, '10.81.0.2'], source: 'option150' });
    await phone.close();
    const heard = () => (peer.logged(server, 'RELEASE') ? true : null);
    await eventually('the server hears RELEASE', 3, heard, () => server.log);
    await recorder.stop();
    expect(await complaints(file)).toEqual([]);
  });

  it('option 66 alone', async () => {
    boot({ mac: NAME_ONLY });
    expect((await phone.next('dhcp.bound')).tftp).toEqual([]);
    expect(await phone.next('tftp.server')).toEqual({ servers: [DHCP_SERVER], source: 'option66' });
  });

  it('NAK for an address of another network, then a lease of this one', async () => {
    boot({
      mac: autoMac(0, 0, 2),
      remember: (memory, wallClock) => saveLease(memory, FOREIGN_LEASE, null, wallClock, 0),
    });
    expect((await phone.next('dhcp.bound')).address).toMatch(/^10\.81\.0\./);
    expect(states().slice(0, 2)).toEqual(['REBOOT', 'INIT']);
    expect(peer.logged(server, 'NAK')).toBe(true);
  });

  it('the same address again from flash, in one exchange', async () => {
    boot({ mac: autoMac(0, 0, 3) });
    const { address } = await phone.next('dhcp.bound');
    // The power goes without a word.
    phone.phone.powerOff();
    phone.phone.powerOn();
    expect((await phone.next('dhcp.bound', 10, 1)).address).toBe(address);
    expect(states().slice(-2)).toEqual(['REBOOT', 'BOUND']);
  });

  if (peer.shortestLease > LEASE) return;

  it('a short lease, renewed in time with the server that gave it', async () => {
    const file = peers.path('renewal.pcapng');
    const recorder = await Recorder.start(peers, 'kernel0', file);
    boot({ mac: autoMac(0, 0, 5) });
    await phone.next('dhcp.bound');
    const twice = () => (states().length >= 7 ? true : null);
    await phone.until('two renewals', 3 * RENEW + 5, twice);
    expect(states().slice(0, 7)).toEqual(['INIT', 'REQUESTING', 'BOUND', 'RENEWING', 'BOUND', 'RENEWING', 'BOUND']);
    expect(phone.all('dhcp.lost')).toEqual([]);
    await recorder.stop();
    const renewal = 'dhcp.option.dhcp == 3 && dhcp.ip.client != 0.0.0.0';
    const [first] = await readCapture(file, renewal, ['ip.dst', 'eth.dst']);
    expect(first![0]).toBe(DHCP_SERVER);
    expect(first![1]).not.toBe('ff:ff:ff:ff:ff:ff');
  });

  it('a server that was restarted, and has forgotten its leases', async () => {
    boot({ mac: autoMac(0, 0, 6) });
    await phone.next('dhcp.bound');
    await server.stop();
    server = await peer.start(peers, { interface: 'kernel0', nameOnly: NAME_ONLY, lease, renew: RENEW });
    const shown = states().length;
    // By ACK it stays, by NAK it asks anew: either way it has an address again before the lease would have run out.
    const again = () => (states().slice(shown).includes('BOUND') ? true : null);
    await phone.until('it is bound again', LEASE + 10, again);
    expect(phone.all('dhcp.lost').every(({ reason }) => reason === 'nak')).toBe(true);
  });

  it('a lease that runs out when the server is gone', async () => {
    boot({ mac: autoMac(0, 0, 4) });
    await phone.next('dhcp.bound');
    await server.stop();
    expect((await phone.next('dhcp.lost', LEASE + 5)).reason).toBe('expired');
    expect(states()).toContain('REBINDING');
    // Back at the step that has nothing any more.
    const entered = () => phone.all('stage.enter').filter(({ stage }) => stage === 'address').length;
    await phone.until('the step is entered again', 5, () => (entered() === 2 ? true : null));
    expect(phone.phone.panel.text.join()).toContain('Configuring IP');
  });
});
