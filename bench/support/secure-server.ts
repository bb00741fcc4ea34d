/**
 * The lab's call manager over TLS on this machine's own sockets, a process of its own: `secure-server FOLDER SECURITY COUNT`. Prints its port when it listens, and ends with its standard input.
 */
import { HostTimeline } from '../../hal/host/timeline.ts';
import { CallManager } from '../../lab/call-manager/call-manager.ts';
import { DeviceTable } from '../../lab/device-table.ts';
import { KernelSockets } from '../../lab/kernel-sockets.ts';
import { readPkiFolder } from '../../lab/pki/pki-folder.ts';
import { type LabSecurity, SecureCluster } from '../../lab/secure-cluster.ts';
import { SecureServices } from '../../lab/secure-listener.ts';
import { FIRST_MAC, SECURE_PORT } from './secure-station-plan.ts';

const LOOPBACK = 0x7f00_0001;

const [folder = '', security = 'encrypted', count = '1'] = process.argv.slice(2);
const { pki, nodes } = readPkiFolder(folder);
const mode = security as Exclude<LabSecurity, 'none'>;
const cluster = new SecureCluster({
  security: mode,
  now: Math.floor(Date.now() / 1_000),
  nodes,
  pki,
  plain: () => null,
});
const timeline = new HostTimeline();
const devices = new DeviceTable();
const range = { firstMac: FIRST_MAC, count: Number(count), firstNumber: 200_000, lineCount: 1 };
devices.addRange({ model: '7975', deviceType: 437, security: mode, ...range });
const sockets = new KernelSockets({
  timeline,
  address: LOOPBACK,
  failed: (what, error) => fail(`${what}: ${error.message}`),
});
const secure = { services: new SecureServices(timeline), tls: cluster.callManagerTls(), port: SECURE_PORT };
new CallManager({ name: 'cm1', timeline, sockets, devices, port: SECURE_PORT - 1, secure, events: () => {} }).start();
await sockets.ready();
process.stdout.write(`${SECURE_PORT}\n`);
process.stdin.on('end', () => process.exit(0)).resume();

function fail(text: string): void {
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}
