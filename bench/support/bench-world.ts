import { autoMac } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { type PhonePlan, VirtualWorld } from '../../fleet/virtual-world.ts';
import { MILLISECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import type { LabOptions } from '../../lab/public.ts';

export interface BenchWorld {
  readonly world: VirtualWorld;
  /** Phones registered so far. */
  readonly registered: () => number;
}

/** A world with `count` phones of one model, none of them powered. @param apart they cannot reach each other, as on protected ports */
export function benchWorld(
  count: number,
  lab: Omit<LabOptions, 'timeline' | 'devices'> = {},
  apart = true,
): BenchWorld {
  const model = modelNamed('7975')!;
  const first = autoMac(0, 0, 0);
  const phones = Array.from(
    { length: count },
    (_, index): PhonePlan => ({ model, mac: first + index, protocol: 'sccp' }),
  );
  let registered = 0;
  const world = new VirtualWorld({
    seed: 1,
    phones,
    tunables: tunableValues(),
    realistic: false,
    powerSource: 'poe',
    epoch: Date.UTC(2026, 10, 22),
    lab: {
      ...lab,
      protected: apart,
      devices: [
        { model: model.name, deviceType: model.deviceType, firstMac: first, count, firstNumber: 200_000, lineCount: 1 },
      ],
    },
    sinks: {
      trace: (_phone, _at, type) => {
        if (type === 'registration.accepted') registered++;
      },
    },
  });
  return { world, registered: () => registered };
}

/** Powers phones `from` to `to`, a few at a time, and runs until all of them are registered. */
export function bootAll({ world, registered }: BenchWorld, from: number, to: number): void {
  for (let index = from; index < to; index++) {
    world.powerOn(index);
    if (index % 10 === 9) world.timeline.runUntil(world.timeline.now() + 100 * MILLISECOND);
  }
  for (let round = 0; round < 600 && registered() < to; round++) {
    world.timeline.runUntil(world.timeline.now() + 100 * MILLISECOND);
  }
  if (registered() < to) throw new Error(`${registered()} of ${to} phones are registered`);
}
