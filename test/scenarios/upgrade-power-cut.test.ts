import { describe, expect, it } from 'vitest';
import { Cpu } from '../../device/cpu.ts';
import { autoMac, deviceName } from '../../device/identity.ts';
import { modelNamed } from '../../device/models.ts';
import type { Phone } from '../../device/phone.ts';
import type { Flash } from '../../hal/flash.ts';
import { SECOND } from '../../hal/timer.ts';
import type { VirtualFlash } from '../../hal/virtual/flash.ts';
import { createFlash, developmentKey } from '../../images/public.ts';
import { createLab, imageLoad, loadFiles } from '../../lab/public.ts';
import { BootState } from '../../storage/boot-state.ts';
import { parse } from '../../storage/image-format.ts';
import { isMalformed } from '../../storage/malformed-image.ts';
import { blankFlash, copier, operationLengths } from '../support/flash-bench.ts';
import { TestBoards } from '../support/test-board.ts';
import { testImageNamed } from '../support/test-images.ts';

const MODEL = modelNamed('7975')!;
const MAC = autoMac(0, 0, 0);
const IDENTITY = { model: MODEL.name, mac: MAC, serial: 'FCH1402A1B2', hardwareRevision: '1' };
/** A first boot, a download, a second boot. */
const LIFE = 60;
/** Boots that a phone may need to come to rest after a cut: the one cut off, a trial, a reversion. */
const MAX_LIVES = 3;

/** One for all cases: the payloads are compiled once. */
const cpu = new Cpu();

function loadOf(image: Uint8Array): { load: string; securityCounter: number } {
  const parsed = parse(image);
  if (isMalformed(parsed)) throw new Error(parsed.malformed);
  return parsed;
}

/** A board with this flash in a lab that serves `target` and whose call manager wants it. */
class UpgradeBench {
  readonly boards = new TestBoards(cpu);
  readonly phone: Phone;

  constructor(flash: Flash, target: Uint8Array) {
    const { timeline } = this.boards;
    const device = {
      name: deviceName(MAC),
      model: MODEL.name,
      deviceType: MODEL.deviceType,
      lines: [{ directoryNumber: '2001', label: '2001', displayName: '2001' }],
      load: loadOf(target).load,
    };
    const lab = createLab({ timeline, devices: [device], files: loadFiles([imageLoad(target)]) });
    this.phone = this.boards.add(flash as VirtualFlash, { wire: lab.port(1) });
  }

  get hasPower(): boolean {
    return this.phone.state !== 'off';
  }

  /** Power on, until the power goes or the phone is registered, with its load settled before. Returns the loads it was handed to, and whether it registered last. */
  live(): { loads: string[]; registered: boolean } {
    const { boards, phone } = this;
    boards.events.length = 0;
    phone.powerOn();
    let registered = false;
    for (let second = 0; second < LIFE && !registered && this.hasPower; second++) {
      boards.timeline.runUntil(boards.timeline.now() + SECOND);
      const types = boards.types();
      registered = types.lastIndexOf('registration.accepted') > types.lastIndexOf('boot.handoff');
    }
    const loads = boards.events
      .filter(({ type }) => type === 'boot.handoff')
      .map(({ fields }) => (fields as { load: string }).load);
    return { loads, registered: registered && phone.state === 'running' };
  }
}

interface Plan {
  readonly factory: Uint8Array;
  readonly target: Uint8Array;
  readonly make: () => VirtualFlash;
}

/** What a phone has to come to after a cut: running, registered, and never below its counter. */
function settle(bench: UpgradeBench, flash: VirtualFlash, plan: Plan, where: string): void {
  const counters = new Map(
    [plan.factory, plan.target].map((image) => [loadOf(image).load, loadOf(image).securityCounter]),
  );
  for (let life = 1; ; life++) {
    const before = new BootState(flash).securityCounter();
    const { loads, registered } = bench.live();
    for (const load of loads) {
      const counter = counters.get(load);
      expect(counter, `${where}: ran ${load}`).toBeDefined();
      expect(counter, `${where}: ran ${load} below the counter`).toBeGreaterThanOrEqual(before);
    }
    if (registered) return;
    expect(life, `${where}: not registered after ${life} lives, ran ${loads.join()}`).toBeLessThan(MAX_LIVES);
    bench.phone.powerOff();
  }
}

/** Cuts the power at every flash operation of an upgrade, torn in several ways, and with `deep` once more at every operation of the next life. */
function cutAll(plan: Plan, deep = false): number {
  const lengths = operationLengths(plan.make(), (flash) => void new UpgradeBench(flash, plan.target).live());
  let cases = 0;
  lengths.forEach((length, index) => {
    for (const torn of [0, length >> 1, length]) {
      const where = `operation ${index + 1} of ${lengths.length} after ${torn} of ${length} octets`;
      const flash = plan.make();
      const bench = new UpgradeBench(flash, plan.target);
      flash.cutPowerAt(index + 1, torn);
      bench.live();
      expect(bench.phone.state, where).toBe('off');
      flash.restorePower();
      const again = deep && torn !== length >> 1 ? copier(flash) : null;
      settle(bench, flash, plan, where);
      cases += again === null ? 1 : 1 + cutAgain(again, plan, where);
    }
  });
  return cases;
}

function cutAgain(make: () => VirtualFlash, plan: Plan, where: string): number {
  const lengths = operationLengths(make(), (flash) => void new UpgradeBench(flash, plan.target).live());
  lengths.forEach((length, index) => {
    const flash = make();
    const bench = new UpgradeBench(flash, plan.target);
    flash.cutPowerAt(index + 1, length >> 1);
    bench.live();
    flash.restorePower();
    settle(bench, flash, plan, `${where}, then at operation ${index + 1} of ${lengths.length}`);
  });
  return lengths.length;
}

async function planFor(name: string): Promise<Plan> {
  // Compressed, so that an image is few sectors.
  const factory = await testImageNamed('good', { compress: true });
  const target = await testImageNamed(name, { compress: true });
  const flash = blankFlash();
  createFlash(flash, { identity: IDENTITY, bootKeys: [developmentKey().bootKey], image: factory });
  return { factory, target, make: copier(flash) };
}

/** Two cuts deep a whole upgrade is thousands of cases: continuous integration tries them. */
const THOROUGH = process.env.FUZZ_RUNS !== undefined;

describe('a power cut at any flash operation of a whole upgrade', () => {
  it(
    'leaves a phone that comes back registered, on the old or the new load',
    async () => {
      const cases = cutAll(await planFor('newer'), THOROUGH);
      console.log(`upgrade of a board: ${cases} power cuts`);
      expect(cases).toBeGreaterThan(100);
    },
    THOROUGH ? 1_800_000 : 120_000,
  );

  it('also when the new load is one that crashes and is reverted, two cuts deep', async () => {
    const cases = cutAll(await planFor('crashes-at-boot'), true);
    console.log(`reverted upgrade of a board: ${cases} power cuts`);
    expect(cases).toBeGreaterThan(100);
  }, 120_000);
});
