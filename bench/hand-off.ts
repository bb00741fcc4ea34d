import { autoMac } from '../device/identity.ts';
import { modelNamed } from '../device/models.ts';
import { VirtualWorld } from '../fleet/virtual-world.ts';
import { tunableValues } from '../hal/tunables.ts';
import type { BenchResult } from './bench-result.ts';
import { threadCpu } from './support/profile.ts';

const COLD = 10;
const WARM_UP = 200;
const CACHED = 2_000;

/** A world whose phones are told apart by nothing but their address; its first phone finds no compiled payload and no digest. */
function worldOf(count: number): VirtualWorld {
  const model = modelNamed('7975')!;
  return new VirtualWorld({
    seed: 1,
    phones: Array.from({ length: count }, (_, index) => ({
      model,
      mac: autoMac(0, 0, index),
      protocol: 'sccp' as const,
    })),
    tunables: tunableValues(),
    realistic: false,
    powerSource: 'poe',
    epoch: Date.UTC(2026, 10, 22),
    lab: { protected: true },
    sinks: { trace: () => {} },
  });
}

/** Microseconds of this thread from power-on until the software of the image runs. */
function bootOf(world: VirtualWorld, index: number): number {
  const before = threadCpu();
  world.powerOn(index);
  while (world.phones[index]!.state !== 'running') world.timeline.step();
  return (threadCpu() - before) / 1000;
}

/** CPU from power-on to hand-off: bootloader, verification of the image, compilation, and the software's own start. */
export async function run(): Promise<BenchResult> {
  let cold = 0;
  for (let round = 0; round < COLD; round++) cold += bootOf(worldOf(1), 0);
  const world = worldOf(WARM_UP + CACHED);
  let cached = 0;
  for (let index = 0; index < WARM_UP + CACHED; index++) {
    const microseconds = bootOf(world, index);
    if (index >= WARM_UP) cached += microseconds;
    // What it would do next is not the hand-off's.
    world.phones[index]!.powerOff();
  }
  return {
    name: 'hand-off: from power-on until the software of the image runs',
    rows: [
      { metric: 'the first phone of a load: verified, compiled', value: cold / COLD / 1000, unit: 'ms' },
      { metric: 'every other one: digest and compiled payload shared', value: cached / CACHED, unit: 'us' },
    ],
  };
}
