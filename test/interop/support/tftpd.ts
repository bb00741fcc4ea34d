import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

/** tftpd-hpa on an address of the namespace, serving the files of `folder`. */
export async function startTftpd(peers: PeerNamespace, address: string, folder: string): Promise<Daemon> {
  const command = [
    'in.tftpd',
    '--listen',
    '--foreground',
    '--ipv4',
    '--address',
    `${address}:69`,
    '--secure',
    '--user',
    'nobody',
  ];
  const daemon = peers.start('tftpd-hpa', [...command, folder]);
  await daemon.ready('listens', async () => {
    await sleep(20);
    return peers.run('ss', '-Hulpn').includes(`${address}:69`) ? true : null;
  });
  peerRan('tftpd-hpa', versionOf('in.tftpd', '-V'), 'TFTP server');
  return daemon;
}
