/** Opens an interface raw and lets go of it: `open-wire-process INTERFACE`. What this machine lacks is one sentence on standard error and exit code 4. */
import { AfPacketWire } from '../../../hal/host/af-packet.ts';
import { MachineLack } from '../../../hal/host/machine-lack.ts';

try {
  const wire = AfPacketWire.open({ interface: process.argv[2] ?? '' });
  await wire.close();
  process.stdout.write('opened\n');
} catch (error) {
  if (!(error instanceof MachineLack)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
