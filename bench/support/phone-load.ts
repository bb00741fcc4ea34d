/** What phones do to servers in the bench against others' programs, in a process of its own in the phones' network namespace. */
import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { autoMac } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import { MARKS } from '../../firmware/net/marking.ts';
import type { FileSink } from '../../firmware/protocols/file-outcome.ts';
import { TftpDownload } from '../../firmware/startup/download.ts';
import { parseIpv4 } from '../../firmware/wire/address.ts';
import { RealWorld } from '../../fleet/public.ts';
import { SECTOR_SIZE } from '../../hal/flash.ts';
import { AfPacketWire } from '../../hal/host/af-packet.ts';
import { WireDemux } from '../../hal/host/nic-demux.ts';
import { HostTimeline } from '../../hal/host/timeline.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { VirtualFlash } from '../../hal/virtual/flash.ts';
import { createFlashBase } from '../../hal/virtual/flash-base.ts';
import { SeededRng } from '../../hal/virtual/rng.ts';
import { KernelSockets } from '../../lab/kernel-sockets.ts';
import { TftpServer } from '../../lab/tftp-server.ts';
import { type Part, Station } from '../../probe/station.ts';
import { FLASH_MAP, FLASH_SIZE } from '../../storage/flash-map.ts';
import { PHONE_END, SERVER_ADDRESS } from './peer-network.ts';

/** Phones that ask at the same time: one that is done makes room for the next. */
export const ASKING_AT_ONCE = 100;
const GIVE_UP_MILLISECONDS = 120_000;
/** A storm of upgrades moves more than a gigabyte in blocks of 512 octets. */
const UPGRADE_GIVE_UP_MILLISECONDS = 600_000;
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
  return await fetchAtOnce(count, name, () => null, GIVE_UP_MILLISECONDS);
}

/** As `downloads`, into the slot of a flash part of each: `kibibytes` is what this process has grown by for one phone. */
export async function upgrades(
  count: number,
  name: string,
): Promise<{ seconds: number; octets: number; kibibytes: number }> {
  const base = createFlashBase(new Uint8Array(0), (octets) => createHash('sha256').update(octets).digest());
  const parts = Array.from({ length: count }, () => new VirtualFlash(base, FLASH_SIZE));
  const before = process.memoryUsage().rss;
  const fetched = await fetchAtOnce(count, name, (index) => new SlotSink(parts[index]!), UPGRADE_GIVE_UP_MILLISECONDS);
  return { ...fetched, kibibytes: (process.memoryUsage().rss - before) / 1024 / count };
}

/** Writes what comes into slot B sector by sector, as the bootloader's installer does. */
class SlotSink implements FileSink {
  octets = 0;
  readonly #flash: VirtualFlash;
  readonly #sector = new Uint8Array(SECTOR_SIZE);

  constructor(flash: VirtualFlash) {
    this.#flash = flash;
  }

  begin(): void {
    this.octets = 0;
  }

  push(octets: Uint8Array): boolean {
    for (let done = 0; done < octets.length; ) {
      const at = this.octets % SECTOR_SIZE;
      const piece = octets.subarray(done, done + SECTOR_SIZE - at);
      this.#sector.set(piece, at);
      done += piece.length;
      this.octets += piece.length;
      if (this.octets % SECTOR_SIZE === 0) {
        const offset = FLASH_MAP.B.offset + this.octets - SECTOR_SIZE;
        this.#flash.erase(offset);
        this.#flash.program(offset, this.#sector);
      }
    }
    return true;
  }
}

async function fetchAtOnce(
  count: number,
  name: string,
  sinkOf: (index: number) => SlotSink | null,
  giveUpMilliseconds: number,
): Promise<{ seconds: number; octets: number }> {
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
  for (const [index, station] of stations.entries()) {
    fetch(station, name, sinkOf(index), (received) => {
      left -= 1;
      octets += received;
    });
  }
  while (left > 0 && performance.now() - start < giveUpMilliseconds) await sleep(1);
  const seconds = (performance.now() - start) / 1000;
  timeline.close();
  await wire.close();
  return { seconds, octets };
}

function fetch(station: Station, name: string, sink: SlotSink | null, done: (octets: number) => void): void {
  const request = { name, server: SERVER, maxSize: 2 ** 24, sink, mark: MARKS.bestEffort, https: null };
  const download = new TftpDownload(station.stack, tunableValues(), station.now(), request);
  const part: Part = {
    pollAt: () => download.pollAt(),
    dispatch: (now) =>
      download.dispatch(now, (outcome) => {
        station.remove(part);
        done(outcome.outcome === 'received' ? (sink?.octets ?? outcome.octets.length) : 0);
      }),
  };
  station.add(part);
  station.run(
    (function* () {
      yield* station.wait(() => true, 0);
    })(),
  );
}

/** A file of which no two sectors are the same. */
export function patterned(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => Math.imul(index >>> 2, 0x9e37_79b1) >>> (8 * (index & 3)));
}

/** Our own TFTP server on the kernel's sockets, for as long as the process lives: files of so many octets by name. */
export async function serveFiles(): Promise<never> {
  const timeline = new HostTimeline();
  const sockets = new KernelSockets({ timeline, address: SERVER });
  const files = new Map<string, Uint8Array>();
  const server = new TftpServer({
    timeline,
    files: ({ name }) => {
      if (!files.has(name)) files.set(name, patterned(Number(name)));
      return files.get(name)!;
    },
  });
  server.serve(sockets, SERVER);
  server.start();
  await sockets.ready();
  for (;;) await sleep(1_000);
}
