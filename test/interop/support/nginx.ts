import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Identity } from '../../../lab/pki/lab-pki.ts';
import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

/** Where the call manager's TFTP service listens for HTTP. */
const PORT = 6970;
const SECURE_PORT = 6971;

/**
 * nginx on port 6970 of an address of the namespace, serving the files of `folder`; one process, in the foreground, with nothing outside its own folder.
 * @param identity what it shows on port 6971, where it serves the configurations without their signatures; it does not listen there without
 */
export async function startNginx(
  peers: PeerNamespace,
  address: string,
  folder: string,
  identity: Identity | null = null,
): Promise<Daemon> {
  const own = (name: string): string => peers.path(`nginx-${name}`);
  writeFileSync(
    own('conf'),
    `daemon off;
master_process off;
user root;
pid ${own('pid')};
error_log stderr notice;
events { worker_connections 64; }
http {
  log_format with_tls '$ssl_protocol $remote_addr "$request" $status';
  access_log ${own('access')} with_tls;
  default_type application/octet-stream;
  client_body_temp_path ${own('body')};
  proxy_temp_path ${own('proxy')};
  fastcgi_temp_path ${own('fastcgi')};
  uwsgi_temp_path ${own('uwsgi')};
  scgi_temp_path ${own('scgi')};
  server {
    listen ${address}:${PORT};
    root ${folder};
  }
${identity === null ? '' : secureServer(peers, address, folder, identity)}}
`,
  );
  const daemon = peers.start('nginx', ['nginx', '-c', own('conf'), '-e', 'stderr']);
  await daemon.ready('listens', () => (peers.run('ss', '-Htln').includes(`${address}:${PORT}`) ? true : null));
  peerRan('nginx', versionOf('nginx', '-v'), 'HTTP on port 6970');
  if (identity !== null) peerRan('nginx', versionOf('nginx', '-v'), 'HTTPS on port 6971');
  return daemon;
}

function secureServer(peers: PeerNamespace, address: string, folder: string, identity: Identity): string {
  const key = peers.path('nginx-key');
  const certificate = peers.path('nginx-certificate');
  writeFileSync(key, identity.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  writeFileSync(certificate, new X509Certificate(identity.certificate).toString());
  return `  server {
    listen ${address}:${SECURE_PORT} ssl;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    ssl_protocols TLSv1 TLSv1.1 TLSv1.2;
    ssl_ciphers ALL:@SECLEVEL=0;
    root ${folder};
    rewrite ^(.*\\.cnf\\.xml)\\.sgn$ $1 last;
  }
`;
}
