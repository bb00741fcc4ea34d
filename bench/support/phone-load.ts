/** What phones do to servers in the bench against others' programs, in a process of its own in the phones' network namespace. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { autoMac } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { MARKS } from '../../firmware/net/marking.ts';
import { TftpDownload } from '../../firmware/startup/download.ts';
import { parseIpv4 } from '../../firmware/wire/address.ts';
import { RealWorld } from '../../fleet/public.ts';
import { AfPacketWire } from '../../hal/host/af-packet.ts';
import { WireDemux } from '../../hal/host/nic-demux.ts';
import { HostTimeline } from '../../hal/host/timeline.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import { KernelSockets } from '../../lab/kernel-sockets.ts';
import { TftpServer } from '../../lab/tftp-server.ts';
import { type Part, Station } from '../../probe/station.ts';
import { PHONE_END, SERVER_ADDRESS } from './peer-network.ts';

/** Phones that ask at the same time: one that is done makes room for the next. */
export const ASKING_AT_ONCE = 100;
const GIVE_UP_MILLISECONDS = 120_000;
const FIRST_ADDRESS = parseIpv4('10.90.1.0')!;
const SERVER = parseIpv4(SERVER_ADDRESS)!;

/** Whole phones that boot until each has a lease. Seconds. */
export async function leases(count: number): Promise<{ seconds: number; bound: number }> {
  const model = modelNamed('7975')!;
  let bound = 0;
  const world = await RealWorld.open({
    nic: { kind: 'af-packet', interface: PHONE_END },
    seed: 1,
    phones: Array.from({ length: count }, (_, index) => ({ model, mac: autoMac(1, 0, index), protocol: 'sccp' })),
    // Nobody speaks CDP or LLDP here, and a probe for the address only waits.
    tunables: tunableValues({ 'vlan.totalWait': 0, 'lldp.bootWait': 0, 'dhcp.probeCount': 0 }),
    realistic: false,
    powerSource: 'external',
    epoch: Date.now(),
    sinks: {
      trace: (_phone, _at, type) => {
        if (type === 'dhcp.bound') bound += 1;
      },
    },
    conflict: () => {},
  });
  const start = performance.now();
  let started = 0;
  while (bound < count && performance.now() - start < GIVE_UP_MILLISECONDS) {
    while (started < count && started - bound < ASKING_AT_ONCE) world.powerOn(started++);
    await sleep(1);
  }
  const seconds = (performance.now() - start) / 1000;
  await world.close();
  return { seconds, bound };
}

/** Stacks as phones have them, each fetching the file once, all at the same time, in blocks of 512 octets. */
export async function downloads(count: number, name: string): Promise<{ seconds: number; octets: number }> {
  const wire = AfPacketWire.open({ interface: PHONE_END, ...(count > 1 ? { pollMicroseconds: 0 } : {}) });
  const timeline = new HostTimeline();
  const demux = new WireDemux({ wire, macsChanged: (macs) => wire.setMacs(macs) });
  const stations = Array.from({ length: count }, (_, index) => {
    const mac = autoMac(2, 0, index);
    const station = new Station({
      timeline,
      rng: new SeededRng(`download/${index}`),
      wire: demux.plug(mac),
      mac,
      discovery: () => {},
    });
    station.stack.setVlan(station.now(), { vlan: null, priority: 0 });
    const config = { address: FIRST_ADDRESS + index, prefixLength: 16, routers: [] };
    station.stack.setAddress(station.now(), config);
    return station;
  });
  await sleep(100);
  let left = count;
  let octets = 0;
  const start = performance.now();
  for (const station of stations) {
    fetch(station, name, (received) => {
      left -= 1;
      octets += received;
    });
  }
  while (left > 0 && performance.now() - start < GIVE_UP_MILLISECONDS) await sleep(1);
  const seconds = (performance.now() - start) / 1000;
  timeline.close();
  await wire.close();
  return { seconds, octets };
}

function fetch(station: Station, name: string, done: (octets: number) => void): void {
  const request = { name, server: SERVER, maxSize: 2 ** 24, sink: null, mark: MARKS.bestEffort, https: null };
  const download = new TftpDownload(station.stack, tunableValues(), station.now(), request);
  const part: Part = {
    pollAt: () => download.pollAt(),
    dispatch: (now) =>
      download.dispatch(now, (outcome) => {
        station.remove(part);
        done(outcome.outcome === 'received' ? outcome.octets.length : 0);
      }),
  };
  station.add(part);
  station.run(
    (function* () {
      yield* station.wait(() => true, 0);
    })(),
  );
}

/** Our own TFTP server on the kernel's sockets, for as long as the process lives: files of so many octets by name. */
export async function serveFiles(): Promise<never> {
  const timeline = new HostTimeline();
  const sockets = new KernelSockets({ timeline, address: SERVER });
  const files = new Map<string, Uint8Array>();
  const server = new TftpServer({
    timeline,
    files: ({ name }) => {
      if (!files.has(name)) files.set(name, new Uint8Array(Number(name)));
      return files.get(name)!;
    },
  });
  server.serve(sockets, SERVER);
  server.start();
  await sockets.ready();
  for (;;) await sleep(1_000);
}
