import { join } from 'node:path';
import { Cpu } from '../device/cpu.ts';
import { autoMac } from '../device/identity.ts';
import { modelNamed } from '../device/models.ts';
import { Phone } from '../device/phone.ts';
import { HostSecureElement } from '../hal/host/secure-element.ts';
import { tunableValues } from '../hal/tunables.ts';
import { createCable } from '../hal/virtual/cable.ts';
import { VirtualWallClock } from '../hal/virtual/clock.ts';
import { VirtualFlash } from '../hal/virtual/flash.ts';
import { createFlashBase, type FlashBase } from '../hal/virtual/flash-base.ts';
import { phoneSeed, SeededRng } from '../hal/virtual/rng.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { sha256 } from '../images/key.ts';
import { bundlePayload, createFlash, developmentKey, packImage, projectRoot } from '../images/public.ts';
import { FLASH_SIZE } from '../storage/flash-map.ts';
import type { BenchResult, BenchRow } from './bench-result.ts';

const PHONES = 40_000;

/** Octets on the heap and outside it that V8 accounts for, after everything that can go has gone. */
function octetsInUse(): number {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) throw new Error('run with --expose-gc');
  collect();
  collect();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

/** What a piece of work for all phones takes a phone: octets that stay and CPU. */
function budget(component: string, work: () => unknown): BenchRow[] {
  const octets = octetsInUse();
  const cpu = process.cpuUsage();
  const kept = work();
  const { user, system } = process.cpuUsage(cpu);
  const taken = octetsInUse() - octets;
  if (kept === undefined) throw new Error('nothing was kept');
  return [
    { metric: `${component}: memory`, value: taken / PHONES, unit: 'octets/phone' },
    { metric: `${component}: CPU`, value: (user + system) / PHONES, unit: 'us/phone' },
  ];
}

/** A flash part as from the factory with the hello payload, which says a line and waits for keys. */
async function factoryFlash(): Promise<FlashBase> {
  const flash = new VirtualFlash(createFlashBase(new Uint8Array(0), sha256), FLASH_SIZE);
  const payload = await bundlePayload(join(projectRoot(), 'bench', 'payload', 'skeleton.ts'));
  const image = packImage(
    payload,
    {
      load: 'SKELETON.1-0-0',
      version: { major: 1, minor: 0, revision: 0, build: 0 },
      models: ['*'],
      protocol: null,
      securityCounter: 0,
    },
    developmentKey(),
  );
  createFlash(flash, {
    identity: { model: '7975', mac: autoMac(0, 0, 0), serial: 'FCH1402A1B2', hardwareRevision: '1' },
    bootKeys: [developmentKey().bootKey],
    image,
  });
  return createFlashBase(flash.read(0, FLASH_SIZE), sha256);
}

/** 40,000 boards on one timeline with the smallest payload: what a phone costs before it does anything, by component. */
export async function run(): Promise<BenchResult> {
  const base = await factoryFlash();
  const timeline = new VirtualTimeline();
  const cpu = new Cpu();
  const model = modelNamed('7975')!;
  const tunables = tunableValues();
  const bootKeys = [developmentKey().bootKey];
  const each = <T>(make: (index: number) => T): T[] => Array.from({ length: PHONES }, (_, index) => make(index));
  const events = new Map<string, number>();
  const sinks = {
    trace: (_phone: Phone, _at: number, type: string) => void events.set(type, (events.get(type) ?? 0) + 1),
  };

  let cables: ReturnType<typeof createCable>[] = [];
  let flashes: VirtualFlash[] = [];
  let phones: Phone[] = [];
  const rows = [
    ...budget('cable', () => (cables = each(() => createCable(timeline)))),
    ...budget('flash part', () => (flashes = each(() => new VirtualFlash(base, FLASH_SIZE)))),
    ...budget('board', () => {
      phones = each((index) => {
        const mac = autoMac(0, 0, index);
        return new Phone({
          model,
          mac,
          flash: flashes[index]!,
          wire: cables[index]!.a,
          powerSource: 'poe',
          rng: new SeededRng(phoneSeed(1, mac)),
          wallClock: new VirtualWallClock(timeline, 0),
          secure: (complete) => new HostSecureElement({ timeline, bootKeys, complete }),
          timeline,
          cpu,
          tunables,
          realistic: false,
          sinks,
        });
      });
      return phones;
    }),
    ...budget('bootloader, hand-off', () => {
      for (const phone of phones) phone.powerOn();
      timeline.runUntilIdle(Number.MAX_SAFE_INTEGER);
      return phones;
    }),
    ...budget('reset, bootloader again', () => {
      for (const phone of phones) phone.reset('reset');
      timeline.runUntilIdle(Number.MAX_SAFE_INTEGER);
      return phones;
    }),
  ];
  const running = phones.filter(({ state }) => state === 'running').length;
  if (running !== PHONES) throw new Error(`${PHONES - running} phones do not run`);
  const total = (unit: string): number => rows.reduce((sum, row) => sum + (row.unit === unit ? row.value : 0), 0);
  return {
    name: `skeleton of ${PHONES} phones`,
    rows: [
      ...rows,
      { metric: 'sum: memory', value: total('octets/phone'), unit: 'octets/phone', aim: '<= 8,192 of 32,768' },
      { metric: 'sum: CPU', value: total('us/phone'), unit: 'us/phone' },
      { metric: 'payload contexts', value: cpu.payloadCount, unit: '', aim: '1' },
    ],
  };
}
