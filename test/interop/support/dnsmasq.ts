import { writeFileSync } from 'node:fs';
import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

/** Lines of `dnsmasq.conf` on top of what every test wants; what it logs is in the daemon's log. */
export async function startDnsmasq(peers: PeerNamespace, lines: readonly string[], role: string): Promise<Daemon> {
  const file = peers.path('dnsmasq.conf');
  const common = [
    ...[
      'port=0',
      'no-resolv',
      'no-hosts',
      'bind-interfaces',
      'except-interface=lo',
      'user=root',
      'no-ping',
      'log-dhcp',
    ],
    ...[`dhcp-leasefile=${peers.path('dnsmasq.leases')}`, 'pid-file'],
  ];
  // The last line of a kind counts.
  const own = new Set(lines.map((line) => line.split('=')[0]));
  const kept = common.filter((line) => !own.has(line.split('=')[0]));
  writeFileSync(file, `${[...kept, ...lines].join('\n')}\n`);
  const daemon = peers.start('dnsmasq', ['dnsmasq', '--keep-in-foreground', '--log-facility=-', '-C', file]);
  await daemon.ready('starts', () => (daemon.log.includes('started, version') ? true : null));
  peerRan('dnsmasq', versionOf('dnsmasq', '--version'), role);
  return daemon;
}
