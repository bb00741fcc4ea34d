/**
 * The lab's call manager on the kernel's sockets, a process of its own in the peers' namespace: `call-manager-process OPTIONS`, OPTIONS an object in
 * JSON. Prints its events as JSON, one a line, and does what it reads line by line: `reset DEVICE`, `restart DEVICE`, `stop fin|rst|silent`, `start`.
 * Ends with its standard input.
 */
import { createInterface } from 'node:readline';
import { HostTimeline } from '../../../hal/host/timeline.ts';
import { CallManager } from '../../../lab/call-manager/call-manager.ts';
import type { StopMode } from '../../../lab/call-manager/call-manager-options.ts';
import { DeviceTable, type NewDevice } from '../../../lab/device-table.ts';
import { KernelSockets } from '../../../lab/kernel-sockets.ts';

interface Options {
  readonly devices: readonly NewDevice[];
  readonly keepaliveSeconds: number;
}

const options = JSON.parse(process.argv[2] ?? '') as Options;
const timeline = new HostTimeline();
const devices = new DeviceTable();
for (const device of options.devices) devices.add(device);
const failed = (what: string, error: Error) => {
  process.stderr.write(`${what}: ${error.message}\n`);
  process.exitCode = 1;
};
const sockets = new KernelSockets({ timeline, failed });
const manager = new CallManager({
  name: 'cm1',
  timeline,
  sockets,
  devices,
  keepaliveSeconds: options.keepaliveSeconds,
  events: (_at, event) => process.stdout.write(`${JSON.stringify(event)}\n`),
});
manager.start();
await sockets.ready();
process.stdout.write('ready\n');

for await (const line of createInterface({ input: process.stdin })) {
  const [verb = '', object = ''] = line.split(' ');
  if (verb === 'start') manager.start();
  else if (verb === 'stop') manager.stop(object as StopMode);
  else if (verb === 'reset' || verb === 'restart') manager.reset(object, verb);
}
manager.stop('rst');
sockets.destroy();
timeline.close();
