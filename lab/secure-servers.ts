/** The servers that only a secure cluster has, on the machines where CUCM has them. */
import type { Timeline } from '../hal/timeline.ts';
import { type CapfOrder, CapfServer } from './capf-server.ts';
import type { DeviceTable } from './device-table.ts';
import { HttpFileServer } from './http-file-server.ts';
import type { LabEventSink } from './lab-event.ts';
import type { LabHost } from './lab-host.ts';
import type { SecureCluster } from './secure-cluster.ts';
import type { SecureServices } from './secure-listener.ts';
import type { FileProvider } from './tftp-server.ts';
import { TvsServer } from './tvs-server.ts';

export interface SecureServersOptions {
  readonly timeline: Timeline;
  readonly cluster: SecureCluster;
  readonly services: SecureServices;
  readonly events: LabEventSink;
}

/** The configuration files over TLS, one server on each of the hosts. @param plain what is had without it */
export function httpsServers(
  { timeline, cluster, services, events }: SecureServersOptions,
  hosts: readonly LabHost[],
  plain: FileProvider,
): HttpFileServer[] {
  const files: FileProvider = (request) => cluster.readBare(request.name) ?? plain(request);
  const secure = { services, tls: cluster.httpsTls() };
  return hosts.map((host) => {
    const server = new HttpFileServer({ timeline, files, events, secure });
    server.serve(host, host.address);
    return server;
  });
}

/** Trust verification, on every node. */
export function tvsServer({ cluster, services }: SecureServersOptions, nodes: readonly LabHost[]): TvsServer {
  const tvs = new TvsServer({ services, tls: cluster.tvsTls(), certificates: cluster.vouchedFor() });
  for (const host of nodes) tvs.serve(host);
  return tvs;
}

/** The certificate authority proxy, on the first node. */
export function capfServer(
  { cluster, services }: SecureServersOptions,
  publisher: LabHost,
  devices: DeviceTable,
  order: CapfOrder | undefined,
): CapfServer {
  const isKnown = (deviceName: string): boolean => devices.find(deviceName) !== null;
  const server = new CapfServer({ services, isKnown, ...cluster.capf(), ...(order === undefined ? {} : { order }) });
  server.serve(publisher);
  return server;
}
