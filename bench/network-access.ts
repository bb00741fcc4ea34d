import { SECOND } from '../hal/timer.ts';
import type { BenchResult, BenchRow } from './bench-result.ts';
import { type BenchWorld, benchWorld, bootAll } from './support/bench-world.ts';
import { threadCpu } from './support/profile.ts';

const FLEETS = [100, 1_000, 10_000] as const;
/** World's time over which announcements are measured: CDP once, LLDP twice a minute. */
const QUIET_SECONDS = 120;
const REFRESHES = 6;
/** No keepalive falls into the measured time. */
const KEEPALIVE_SECONDS = 3_600;
/** At this many phones the figures of one phone are taken. */
const LEASES = 2_000;

function world(count: number): BenchWorld {
  return benchWorld(count, { callManager: { keepaliveSeconds: KEEPALIVE_SECONDS } });
}

/** Frames that reached the phones' NICs, whether their filters let them through or not, without the switch's own announcements. */
function deliveries({ world: { phones, lab } }: BenchWorld): number {
  const all = phones.reduce((sum, { nic }) => {
    const { receivedFrames, filteredFrames } = nic.counters();
    return sum + receivedFrames + filteredFrames;
  }, 0);
  return all - lab.switch.announcer.sentFrames;
}

/** What N phones on one switch cost each of them: frames while all boot, frames and CPU of announcements afterwards. */
function fleet(count: number): BenchRow[] {
  const bench = world(count);
  bootAll(bench, 0, count);
  const booted = deliveries(bench);
  const before = threadCpu();
  bench.world.timeline.runUntil(bench.world.timeline.now() + QUIET_SECONDS * SECOND);
  const cpu = (threadCpu() - before) / 1000;
  const name = `${count.toLocaleString('en')} phones`;
  return [
    {
      metric: `${name}: frames delivered to each while all boot`,
      value: booted / count,
      unit: 'frames',
      aim: 'constant',
    },
    {
      metric: `${name}: frames delivered to each in ${QUIET_SECONDS} s afterwards`,
      value: (deliveries(bench) - booted) / count,
      unit: 'frames',
      aim: 'constant',
    },
    {
      metric: `${name}: CPU of a quiet minute by CDP and LLDP refreshes, phone and switch`,
      value: cpu / (count * REFRESHES),
      unit: 'us/refresh',
    },
  ];
}

/** Leases a second of CPU: all phones ask at once, and the lab's server answers. */
function leases(): BenchRow {
  const bench = world(LEASES);
  const { world: lab } = bench;
  for (const manager of lab.lab.callManagers) manager.stop('fin');
  for (const server of lab.lab.tftp) server.stop();
  for (let index = 0; index < LEASES; index++) lab.powerOn(index);
  // Everything up to the decision on the VLAN is over at the first DISCOVER.
  while (lab.lab.dhcp.counters.discover === 0) lab.timeline.step();
  const before = threadCpu();
  while (lab.lab.dhcp.counters.ack < LEASES) lab.timeline.step();
  const seconds = (threadCpu() - before) / 1e9;
  return {
    metric: `${LEASES.toLocaleString('en')} phones at once: DHCP leases, phones and server on one core`,
    value: LEASES / seconds,
    unit: 'leases/s',
  };
}

export async function run(): Promise<BenchResult> {
  return {
    name: 'network access: DHCP, announcements, deliveries on one switch',
    rows: [leases(), ...FLEETS.flatMap(fleet)],
  };
}
