/**
 * Three DHCP servers with the same job: leases of 10.81.0.50 to .99 on one interface, domain `lab.example`; the phone with the MAC `nameOnly` is told
 * its TFTP server by option 66, all others by options 150 and 66. Each says NAK to whom it does not know.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { formatMac } from '../../../device/identity.ts';
import type { Mac } from '../../../hal/nic.ts';
import type { Daemon } from './daemon.ts';
import { startDnsmasq } from './dnsmasq.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

export const DHCP_SERVER = '10.81.0.1';

export interface DhcpPlan {
  readonly interface: string;
  readonly nameOnly: Mac;
  /** Seconds of a lease; renewed after `renew`, except with dnsmasq, which gives no lease shorter than two minutes and sets its own times. */
  readonly lease: number;
  readonly renew: number;
}

export interface DhcpPeer {
  readonly name: string;
  start(peers: PeerNamespace, plan: DhcpPlan): Promise<Daemon>;
  /** Whether the server has written in its log that this message came from or went to a client. */
  logged(daemon: Daemon, message: 'RELEASE' | 'NAK'): boolean;
  readonly shortestLease: number;
}

const ROLE = 'DHCP with options 66 and 150';

export const DNSMASQ: DhcpPeer = {
  name: 'dnsmasq',
  shortestLease: 120,
  start: async (peers, plan) =>
    await startDnsmasq(
      peers,
      [
        ...[`interface=${plan.interface}`, 'dhcp-authoritative', 'domain=lab.example'],
        `dhcp-mac=set:name-only,${formatMac(plan.nameOnly, ':')}`,
        `dhcp-range=10.81.0.50,10.81.0.99,255.255.255.0,${plan.lease}`,
        `dhcp-option=option:router,${DHCP_SERVER}`,
        `dhcp-option=tag:!name-only,150,${DHCP_SERVER},10.81.0.2`,
        `dhcp-option=66,"${DHCP_SERVER}"`,
      ],
      ROLE,
    ),
  logged: ({ log }, message) => log.includes(`DHCP${message}(`),
};

/** What every configuration of Kea here has. */
export function keaOn(name: string) {
  return {
    'interfaces-config': { interfaces: [name], 'dhcp-socket-type': 'raw' },
    'lease-database': { type: 'memfile', persist: false },
    loggers: [{ name: 'kea-dhcp4', severity: 'DEBUG', debuglevel: 40, output_options: [{ output: 'stdout' }] }],
  };
}

/** @param settings the `Dhcp4` object of its configuration. */
export async function startKea(peers: PeerNamespace, settings: object, role: string): Promise<Daemon> {
  const file = peers.path('kea.json');
  writeFileSync(file, JSON.stringify({ Dhcp4: settings }));
  const folder = peers.path('kea');
  mkdirSync(folder, { recursive: true });
  const environment = { KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder };
  const daemon = peers.start('Kea', ['kea-dhcp4', '-c', file], environment);
  await daemon.ready('serves', () => (daemon.log.includes('DHCP4_STARTED') ? true : null));
  peerRan('Kea', versionOf('kea-dhcp4', '-v'), role);
  return daemon;
}

export const KEA: DhcpPeer = {
  name: 'Kea',
  shortestLease: 1,
  start: async (peers, plan) => {
    const all = { name: 'tftp-servers', data: `${DHCP_SERVER}, 10.81.0.2` };
    const named = { name: 'tftp-server-name', data: DHCP_SERVER };
    const hexadecimal = `0x${formatMac(plan.nameOnly).toLowerCase()}`;
    const subnet = {
      subnet: '10.81.0.0/24',
      interface: plan.interface,
      pools: [{ pool: '10.81.0.50 - 10.81.0.99' }],
      'option-data': [{ name: 'routers', data: DHCP_SERVER }, { name: 'domain-name', data: 'lab.example' }, named],
    };
    const settings = {
      ...keaOn(plan.interface),
      'valid-lifetime': plan.lease,
      'renew-timer': plan.renew,
      'rebind-timer': Math.ceil((plan.lease + plan.renew) / 2),
      authoritative: true,
      'option-def': [{ name: 'tftp-servers', code: 150, type: 'ipv4-address', array: true, space: 'dhcp4' }],
      'client-classes': [{ name: 'listed', test: `not (pkt4.mac == ${hexadecimal})`, 'option-data': [all] }],
      subnet4: [subnet],
    };
    return await startKea(peers, settings, ROLE);
  },
  logged: ({ log }, message) => (message === 'NAK' ? /DHCPNAK/.test(log) : /DHCP4_RELEASE\b|DHCPRELEASE/.test(log)),
};

export const ISC: DhcpPeer = {
  name: 'ISC dhcpd',
  shortestLease: 1,
  start: async (peers, plan) => {
    const file = peers.path('dhcpd.conf');
    const leases = peers.path('dhcpd.leases');
    writeFileSync(leases, '');
    writeFileSync(
      file,
      `option cisco-tftp code 150 = array of ip-address;
authoritative; ddns-update-style none; ping-check false;
default-lease-time ${plan.lease}; max-lease-time ${plan.lease}; min-lease-time ${plan.lease};
option dhcp-renewal-time ${plan.renew};
subnet 10.81.0.0 netmask 255.255.255.0 {
  range 10.81.0.50 10.81.0.99;
  option routers ${DHCP_SERVER};
  option domain-name "lab.example";
  option tftp-server-name "${DHCP_SERVER}";
  if hardware != 1:${formatMac(plan.nameOnly, ':')} { option cisco-tftp ${DHCP_SERVER}, 10.81.0.2; }
}
`,
    );
    const command = ['dhcpd', '-4', '-f', '-d', '--no-pid', '-user', 'root', '-group', 'root'];
    const daemon = peers.start('ISC dhcpd', [...command, '-cf', file, '-lf', leases, plan.interface]);
    await daemon.ready('serves', () => (daemon.log.includes('Server starting service') ? true : null));
    peerRan('ISC dhcpd', versionOf('dhcpd', '--version'), ROLE);
    return daemon;
  },
  logged: ({ log }, message) => log.includes(`DHCP${message} `),
};
