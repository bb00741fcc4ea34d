import { describe, expect, it } from 'vitest';
import type { Flash } from '../hal/flash.ts';
import type { VirtualFlash } from '../hal/virtual/flash.ts';
import { BootState } from '../storage/boot-state.ts';
import { FLASH_MAP, trailerOffset } from '../storage/flash-map.ts';
import { TRAILER_SIZE } from '../storage/slot-trailer.ts';
import {
  BootBench,
  blankFlash,
  copier,
  cutEverywhere,
  RottenFlash,
  testImage,
  untilCut,
} from '../test/support/flash-bench.ts';
import { boot } from './boot.ts';
import { installImage } from './factory.ts';

const OLD = testImage({ load: 'OLD', securityCounter: 1 });
const NEW = testImage({ load: 'NEW', securityCounter: 2, body: new TextEncoder().encode(`"${'x'.repeat(9_000)}"`) });

function factory(): VirtualFlash {
  const flash = blankFlash();
  expect(installImage(new BootBench(flash).hal, 'A', OLD, { confirmed: true, allowUnsigned: false })).toBeNull();
  return flash;
}

function install(flash: Flash): void {
  const installer = new BootBench(flash).boot().services.beginInstall(NEW.length);
  if (typeof installer === 'string') throw new Error(installer);
  for (let at = 0; at < NEW.length; at += 512) installer.write(NEW.subarray(at, at + 512));
  expect(installer.finish()).toBeNull();
}

const confirm = (flash: Flash): void => new BootBench(flash).boot().services.confirm();

/** What the next boots come to when the running load registers each time, or never does. */
function settle(flash: Flash, registers: boolean): string[] {
  return [1, 2, 3].map(() => {
    const counter = new BootState(flash).securityCounter();
    const record = new BootBench(flash).boot();
    if (counter === 2) expect(record.load, 'below the counter').toBe('NEW');
    if (registers) record.services.confirm();
    return record.load;
  });
}

/** Both futures of a part after a cut. Returns how many further cuts it tried. */
function checkBoth(flash: VirtualFlash, where: string, allowed: readonly string[], atEdge: boolean): number {
  const copy = copier(flash);
  for (const registers of [true, false]) {
    const loads = settle(copy(), registers);
    expect(allowed, `${where}, ${registers ? 'registers' : 'never registers'}`).toContain(loads.join());
  }
  if (!atEdge) return 0;
  // Two cuts deep: the boot after the first is cut at each of its operations as well.
  const work = (part: Flash): void => new BootBench(part).boot().services.confirm();
  const whole = copy();
  work(whole);
  for (let operation = 1; operation <= whole.operations; operation++) {
    const again = copy();
    again.cutPowerAt(operation, 2);
    untilCut(() => work(again));
    again.restorePower();
    expect(allowed, `${where}, then operation ${operation}`).toContain(settle(again, true).join());
  }
  return whole.operations;
}

const OLD_STAYS = 'OLD,OLD,OLD';
const NEW_STAYS = 'NEW,NEW,NEW';
const REVERTED = 'NEW,OLD,OLD';

describe('a power cut', () => {
  it('during install, trial, confirmation and reversion ends in the old or the new load', () => {
    let cases = 0;
    const installed = factory();
    install(installed);
    const tried = copier(installed)();
    new BootBench(tried).boot();
    const stages: [string, VirtualFlash, (flash: Flash) => void, string[]][] = [
      ['install', factory(), install, [OLD_STAYS, NEW_STAYS, REVERTED]],
      ['trial', installed, (flash) => void new BootBench(flash).boot(), [NEW_STAYS, REVERTED, OLD_STAYS]],
      ['confirmation', installed, confirm, [NEW_STAYS, REVERTED, OLD_STAYS]],
      ['reversion', tried, (flash) => void new BootBench(flash).boot(), [OLD_STAYS]],
    ];
    for (const [name, flash, work, allowed] of stages) {
      cases += cutEverywhere(copier(flash), work, (part, where, atEdge) => {
        cases += checkBoth(part, `${name}: ${where}`, allowed, atEdge);
      });
    }
    console.log(`bootloader: ${cases} power cuts`);
    expect(cases).toBeGreaterThan(100);
  });

  it('while the factory installs leaves a part that can be installed again', () => {
    const work = (flash: Flash): void =>
      void installImage(new BootBench(flash).hal, 'A', OLD, { confirmed: true, allowUnsigned: false });
    cutEverywhere(
      () => blankFlash(),
      work,
      (flash, where) => {
        work(flash);
        expect(settle(flash, false).join(), where).toBe(OLD_STAYS);
      },
    );
  });
});

describe('a rotten bit', () => {
  it('anywhere in an image is found before hand-off, in slot A and in slot B', () => {
    for (const slot of ['A', 'B'] as const) {
      const flash = blankFlash();
      installImage(new BootBench(flash).hal, slot, OLD, { confirmed: true, allowUnsigned: false });
      for (let octet = 0; octet < OLD.length; octet++) {
        for (let bit = 0; bit < 8; bit++) {
          const rotten = new RottenFlash(flash, FLASH_MAP[slot].offset + octet, bit);
          const decision = boot(new BootBench(rotten).hal, 'power-on');
          expect(decision.kind, `bit ${bit} of octet ${octet} in slot ${slot}`).toBe('halt');
        }
      }
    }
  });

  it('anywhere in a trailer or in the boot state changes nothing', () => {
    const flash = factory();
    install(flash);
    confirm(flash);
    const places = [
      [trailerOffset('A'), TRAILER_SIZE],
      [trailerOffset('B'), TRAILER_SIZE],
      [FLASH_MAP.boot.offset, 128],
    ] as const;
    for (const [place, size] of places) {
      for (let octet = place; octet < place + size; octet++) {
        for (let bit = 0; bit < 8; bit++) {
          const rotten = new RottenFlash(flash, octet, bit);
          expect(new BootBench(rotten).boot().load, `bit ${bit} of octet ${octet.toString(16)}`).toBe('NEW');
          expect(new BootState(rotten).securityCounter()).toBe(2);
        }
      }
    }
  });
});
