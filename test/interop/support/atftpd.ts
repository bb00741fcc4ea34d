import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../../images/public.ts';
import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

/** Unpacked by `run.sh`, since Debian lets only one TFTP server be installed. */
const PROGRAM = join(projectRoot(), '.cache/atftpd/usr/sbin/atftpd');

/** atftpd on an address of the namespace, serving the files of `folder`; further words as it takes them: `--no-blksize`. */
export async function startAtftpd(
  peers: PeerNamespace,
  address: string,
  folder: string,
  words: readonly string[] = [],
): Promise<Daemon> {
  const where = ['--bind-address', address, '--port', '69', '--user', 'root.root', '--logfile', '-'];
  const daemon = peers.start('atftpd', [PROGRAM, '--daemon', '--no-fork', ...where, ...words, folder]);
  await daemon.ready('listens', async () => {
    await sleep(20);
    return peers.run('ss', '-Hulpn').includes(`${address}:69`) ? true : null;
  });
  const role = words.length === 0 ? 'TFTP server' : 'TFTP server without options';
  peerRan('atftpd', versionOf(PROGRAM, '--version'), role);
  return daemon;
}
