import { writeFileSync } from 'node:fs';
import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

/** Where the call manager's TFTP service listens for HTTP. */
const PORT = 6970;

/** nginx on port 6970 of an address of the namespace, serving the files of `folder`; one process, in the foreground, with nothing outside its own folder. */
export async function startNginx(peers: PeerNamespace, address: string, folder: string): Promise<Daemon> {
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
  access_log ${own('access')};
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
}
`,
  );
  const daemon = peers.start('nginx', ['nginx', '-c', own('conf'), '-e', 'stderr']);
  await daemon.ready('listens', () => (peers.run('ss', '-Htln').includes(`${address}:${PORT}`) ? true : null));
  peerRan('nginx', versionOf('nginx', '-v'), 'HTTP on port 6970');
  return daemon;
}
