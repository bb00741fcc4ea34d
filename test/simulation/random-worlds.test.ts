import { describe, expect, it } from 'vitest';
import { type ImpairedWire, type Impairment, impair } from '../../hal/virtual/impair.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import { TestWorld } from '../support/test-world.ts';

/** Worlds tried; SIMULATION_RUNS asks for more, SIMULATION_SEED for one that has failed. */
const RUNS = Number(process.env.SIMULATION_RUNS ?? 12);
const FIRST_SEED = Number(process.env.SIMULATION_SEED ?? 1);

const PHONES = 3;
/** Seconds of trouble, and of quiet after it. The quiet outlasts every wait of the phone: back-offs, leases, retry loops. */
const TROUBLE = 900;
const QUIET = 900;

/** A bad line, but one over which TCP and TFTP can still live. */
function badLine(rng: SeededRng): Impairment {
  const chance = (percent: number) => rng.below(percent + 1) / 100;
  return {
    loss: chance(20),
    delay: rng.below(50_000),
    jitter: rng.below(20_000),
    reorder: chance(10),
    duplicate: chance(10),
    corrupt: chance(3),
  };
}

/** What may go wrong, each with what mends it. */
function troubles(world: TestWorld, rng: SeededRng): readonly (() => void)[] {
  const phone = () => rng.below(PHONES);
  const manager = () => world.lab.callManagers[rng.below(world.lab.callManagers.length)]!;
  const how = () => (['fin', 'rst', 'silent'] as const)[rng.below(3)]!;
  return [
    () => world.lab.unplug(phone()),
    () => world.lab.plug(phone()),
    () => world.lab.dhcp.stop(),
    () => world.lab.dhcp.start(),
    () => world.lab.tftp[0]!.stop(),
    () => world.lab.tftp[0]!.start(),
    () => manager().stop(how()),
    () => manager().start(),
    () => manager().reset(world.phones[phone()]!.board.deviceName, rng.below(2) === 0 ? 'reset' : 'restart'),
    () => world.lab.setVoiceVlan(rng.below(2) === 0 ? 100 : 200, phone()),
    () => world.lab.cutPower(phone()),
    () => world.lab.restorePower(phone()),
    () => world.lab.machine('cm1').cable.unplug(),
    () => world.lab.machine('cm1').cable.plug(),
  ];
}

function mend(world: TestWorld, wires: readonly ImpairedWire[]): void {
  for (const wire of wires) wire.set({});
  world.lab.dhcp.start();
  world.lab.tftp[0]!.start();
  for (const manager of world.lab.callManagers) manager.start();
  world.lab.machine('cm1').cable.plug();
  for (let index = 0; index < PHONES; index++) {
    world.lab.plug(index);
    world.lab.restorePower(index);
  }
}

/** Runs one world through trouble and quiet; returns it for a look at what became of it. */
function live(seed: number): TestWorld {
  const rng = new SeededRng(`simulation/${seed}`);
  const wires: ImpairedWire[] = [];
  const world = new TestWorld({
    seed,
    count: PHONES,
    lab: { vlans: [200], dhcp: { leaseSeconds: 120 + rng.below(600) } },
    wire: (wire, _phone, timeline) => {
      const impaired = impair(wire, { timeline, rng: new SeededRng(`wire/${seed}/${wires.length}`), ...badLine(rng) });
      wires.push(impaired);
      return impaired;
    },
  });
  for (let index = 0; index < PHONES; index++) world.powerOn(index);
  const what = troubles(world, rng);
  for (let elapsed = 0; elapsed < TROUBLE; ) {
    const pause = 1 + rng.below(40);
    world.run(pause);
    elapsed += pause;
    what[rng.below(what.length)]!();
  }
  mend(world, wires);
  world.run(QUIET);
  return world;
}

/** The last words of a phone, for a failure that has to be understood. */
function lastWords(world: TestWorld, name: string): string {
  const said = world.events.filter(({ phone, type }) => phone === name && type !== 'panel').slice(-30);
  return said.map(({ at, type, fields }) => `${at.toFixed(3)} ${type} ${JSON.stringify(fields)}`).join('\n');
}

describe('worlds of chance: whatever went wrong, once it is mended every phone is registered', () => {
  it.each(Array.from({ length: RUNS }, (_, index) => FIRST_SEED + index))('seed %i', (seed) => {
    const world = live(seed);
    expect(world.all('fault')).toEqual([]);
    for (const { board, state } of world.phones) {
      const registrations = world.events.filter(
        ({ phone, type }) => phone === board.deviceName && /^registration\.(accepted|lost)$/.test(type),
      );
      const registered = state === 'running' && registrations.at(-1)?.type === 'registration.accepted';
      expect(registered, `seed ${seed}, ${board.deviceName}:\n${lastWords(world, board.deviceName)}`).toBe(true);
    }
    const somewhere = world.lab.callManagers.reduce((sum, manager) => sum + manager.counters.registered, 0);
    expect(somewhere).toBe(PHONES);
  });
});
