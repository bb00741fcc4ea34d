import { writeFileSync } from 'node:fs';
import type { Identity } from '../../../lab/pki/lab-pki.ts';
import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

/** `openssl s_server` on an address of the namespace, with this certificate; further words as it takes them: `-tls1_3`, `-Verify 1`. */
export async function startOpensslServer(
  peers: PeerNamespace,
  address: string,
  port: number,
  identity: Identity,
  words: readonly string[],
): Promise<Daemon> {
  const pem = (name: string, label: string, der: Uint8Array): string => {
    const path = peers.path(`${port}-${name}.pem`);
    writeFileSync(path, `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`);
    return path;
  };
  const key = pem('key', 'PRIVATE KEY', identity.privateKey.export({ type: 'pkcs8', format: 'der' }));
  const certificate = pem('certificate', 'CERTIFICATE', identity.certificate);
  const command = ['openssl', 's_server', '-accept', `${address}:${port}`, '-key', key, '-cert', certificate, '-quiet'];
  const daemon = peers.start(`openssl on ${port}`, [...command, ...words]);
  await daemon.ready('listens', () => (peers.run('ss', '-Htln').includes(`${address}:${port}`) ? true : null));
  peerRan('openssl', versionOf('openssl', 'version'), 'TLS server');
  return daemon;
}
