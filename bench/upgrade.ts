import { autoMac } from '../device/identity.ts';
import { modelNamed } from '../device/models.ts';
import { VirtualWorld } from '../fleet/virtual-world.ts';
import { SECOND } from '../hal/timer.ts';
import { tunableValues } from '../hal/tunables.ts';
import { bundlePayload, developmentKey, packImage, testManifests } from '../images/public.ts';
import { firmwareFile, imageLoad, type Load, loadFiles, vendorLoad } from '../lab/public.ts';
import { imageCapacity } from '../storage/flash-map.ts';
import type { BenchResult, BenchRow } from './bench-result.ts';
import { threadCpu } from './support/profile.ts';

const MODEL = modelNamed('7975')!;
const FIRST_MAC = autoMac(0, 0, 0);

/** Phones that upgrade in one storm, and how much of a load each of them fetches. */
const STORM = 1_000;
const FLEET = 10_000;
const FLEET_BEFORE = 1_000;
/** A real load of a 79x5: jar, cnu, apps, dsp and cvm files come to about 8 MB. */
const VENDOR_STORM = 50;
const VENDOR_FILES = 5;
const VENDOR_FILE_SIZE = 1_600_000;

interface Storm {
  readonly world: VirtualWorld;
  /** Phones whose load update ended well, and what those files were in octets. */
  readonly updated: () => number;
  readonly settled: () => number;
}

/** Phones whose configuration names `load` from the first boot on. */
function stormOf(count: number, load: Load): Storm {
  let updated = 0;
  let settled = 0;
  const upgrading = new Set<string>();
  const world = new VirtualWorld({
    seed: 1,
    phones: Array.from({ length: count }, (_, index) => ({
      model: MODEL,
      mac: FIRST_MAC + index,
      protocol: 'sccp' as const,
    })),
    tunables: tunableValues(),
    realistic: false,
    powerSource: 'poe',
    epoch: Date.UTC(2026, 10, 22),
    lab: {
      protected: true,
      files: loadFiles([load]),
      devices: [
        {
          model: MODEL.name,
          deviceType: MODEL.deviceType,
          firstMac: FIRST_MAC,
          count,
          firstNumber: 200_000,
          lineCount: 1,
          load: load.name,
        },
      ],
    },
    sinks: {
      trace: (phone, _at, type, fields) => {
        if (type === 'load.update' && 'outcome' in fields && fields.outcome !== 'rejected') {
          updated++;
          upgrading.add(phone.board.deviceName);
        }
        if (type === 'registration.accepted' && upgrading.delete(phone.board.deviceName)) settled++;
      },
    },
  });
  return { world, updated: () => updated, settled: () => settled };
}

/** Powers phones `from` to `to` and runs until each has upgraded and is registered. Returns seconds of the world. */
function upgrade({ world, settled }: Storm, from: number, to: number): number {
  const { timeline } = world;
  const start = timeline.now();
  for (let index = from; index < to; index++) world.powerOn(index);
  while (settled() < to && timeline.now() - start < 3_600 * SECOND) timeline.runUntil(timeline.now() + SECOND / 10);
  if (settled() < to) throw new Error(`${settled()} of ${to} phones have upgraded`);
  return (timeline.now() - start) / SECOND;
}

async function compressedImage(): Promise<Uint8Array> {
  const manifest = testManifests().find(({ name }) => name === 'test-good')!;
  return packImage(await bundlePayload(manifest.entry), { ...manifest, compress: true }, developmentKey());
}

/** The image with so much of nothing behind the payload that it fills a slot. */
async function largestImage(): Promise<Uint8Array> {
  const manifest = testManifests().find(({ name }) => name === 'test-good')!;
  const payload = await bundlePayload(manifest.entry);
  const bare = packImage(payload, manifest, developmentKey());
  // A multiple of four, as the body is padded to.
  const body = new Uint8Array(payload.body.length + ((imageCapacity('B') - bare.length) & ~3)).fill(0x20);
  body.set(payload.body);
  return packImage({ ...payload, body }, manifest, developmentKey());
}

function sizeOf(load: Load): number {
  return [...load.files.values()].reduce((sum, octets) => sum + octets.length, 0);
}

function storm(what: string, count: number, load: Load): BenchRow[] {
  const prepared = stormOf(count, load);
  const cpu = threadCpu();
  const worldSeconds = upgrade(prepared, 0, count);
  const seconds = (threadCpu() - cpu) / 1e9;
  const megabytes = (sizeOf(load) * count) / 1e6;
  const own = prepared.world.phones.reduce((sum, _phone, index) => sum + prepared.world.flash(index).ownOctets, 0);
  return [
    { metric: `${what}: fetched by TFTP, phone and server on one core`, value: megabytes / seconds, unit: 'MB/s' },
    { metric: `${what}: CPU of one upgrade, two boots included`, value: (1e3 * seconds) / count, unit: 'ms/phone' },
    {
      metric: `${what}: until all were registered, on a wire of 1 Gb/s each`,
      value: worldSeconds,
      unit: 's of the world',
    },
    { metric: `${what}: flash of its own that each holds afterwards`, value: own / count / 1024, unit: 'KiB' },
    { metric: `${what}: the load of each`, value: sizeOf(load) / 1024, unit: 'KiB' },
  ];
}

function used(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function memory(load: Load): BenchRow[] {
  if (globalThis.gc === undefined) throw new Error('the memory bench needs node --expose-gc');
  const prepared = stormOf(FLEET, load);
  upgrade(prepared, 0, FLEET_BEFORE);
  const before = used();
  upgrade(prepared, FLEET_BEFORE, FLEET);
  const phones = FLEET - FLEET_BEFORE;
  const own = prepared.world.phones.reduce((sum, _phone, index) => sum + prepared.world.flash(index).ownOctets, 0);
  return [
    { metric: `${FLEET} phones upgraded: memory of one`, value: (used() - before) / phones / 1024, unit: 'KiB' },
    { metric: `${FLEET} phones upgraded: of that, flash of its own`, value: own / FLEET / 1024, unit: 'KiB' },
    { metric: `${FLEET} phones upgraded: the image of each`, value: sizeOf(load) / 1024, unit: 'KiB' },
  ];
}

/** Upgrades of many phones at once: octets a second, CPU of one, and what an upgraded phone keeps. */
export async function run(): Promise<BenchResult> {
  const largest = imageLoad(await largestImage());
  const compressed = imageLoad(await compressedImage());
  const files = new Map(
    Array.from({ length: VENDOR_FILES }, (_, index) => {
      const name = `part${index}.9-9-9S.sbn`;
      return [name, firmwareFile(name, new Uint8Array(VENDOR_FILE_SIZE).fill(index))] as const;
    }),
  );
  return {
    name: 'upgrade: phones that fetch, install and try a load',
    rows: [
      ...storm(`${STORM} phones, an image that fills the slot`, STORM, largest),
      ...storm(`${STORM} phones, our image compressed`, STORM, compressed),
      ...storm(`${VENDOR_STORM} phones, a vendor's load of 8 MB`, VENDOR_STORM, vendorLoad('SCCP75.9-9-9S', files)),
      ...memory(compressed),
    ],
  };
}
