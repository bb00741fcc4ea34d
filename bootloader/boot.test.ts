import { describe, expect, it } from 'vitest';
import type { Flash } from '../hal/flash.ts';
import type { BootKey } from '../hal/secure.ts';
import { developmentKey, generateKey, readBootKey, readSigningKey } from '../images/key.ts';
import { BootState } from '../storage/boot-state.ts';
import { writeFault } from '../storage/crash-log.ts';
import { FLASH_MAP, type Slot } from '../storage/flash-map.ts';
import { readTrailer, stateOf } from '../storage/slot-trailer.ts';
import { BootBench, blankFlash, testImage } from '../test/support/flash-bench.ts';
import { boot } from './boot.ts';
import { installImage, installRecovery } from './factory.ts';

const OLD = testImage({ load: 'OLD' });
const NEW = testImage({ load: 'NEW' });

function install(bench: BootBench, slot: Slot, image: Uint8Array, confirmed = true): string | null {
  return installImage(bench.hal, slot, image, { confirmed, allowUnsigned: false });
}

/** A board with a confirmed load in slot A. */
function boardWith(image: Uint8Array, keys?: readonly BootKey[]): BootBench {
  const bench = new BootBench(blankFlash(), keys);
  expect(install(bench, 'A', image)).toBeNull();
  return bench;
}

function crash(bench: BootBench, slot: Slot): void {
  writeFault(bench.hal.flash, { slot, load: 'x', at: 0, reason: 'exception', detail: '' });
}

const haltReason = (bench: BootBench): string => {
  const decision = boot(bench.hal, 'power-on');
  return decision.kind === 'halt' ? decision.reason : `runs ${decision.record.load}`;
};

describe('boot', () => {
  it('runs what the factory installed and says what it runs', () => {
    const bench = boardWith(OLD);
    const decision = boot(bench.hal, 'keypad');
    if (decision.kind === 'halt') throw new Error(decision.reason);
    expect(decision.record).toMatchObject({ slot: 'A', load: 'OLD', version: '9.4.2', keyId: 'development' });
    expect(decision.record).toMatchObject({ trial: false, resetReason: 'keypad', protocol: 'sccp' });
    const body = bench.hal.flash.read(decision.bodyOffset, decision.bodyLength);
    expect(new TextDecoder().decode(body)).toBe('(() => "OLD")()');
    expect(bench.events).toEqual([
      {
        type: 'boot.handoff',
        slot: 'A',
        load: 'OLD',
        version: '9.4.2',
        digest: decision.record.digest,
        signature: 'development',
        trial: false,
      },
    ]);
  });

  it('writes nothing to flash when nothing changed', () => {
    const flash = blankFlash();
    const bench = new BootBench(flash);
    install(bench, 'A', OLD);
    const before = flash.operations;
    bench.boot().services.confirm();
    bench.boot();
    expect(flash.operations).toBe(before);
  });

  it('halts when there is nothing', () => {
    expect(haltReason(new BootBench(blankFlash()))).toBe('no image in flash');
  });

  it('gives a new load one trial, and keeps it once it is confirmed', () => {
    const bench = boardWith(OLD);
    install(bench, 'B', NEW, false);
    const trial = bench.boot('load-update');
    expect(trial).toMatchObject({ slot: 'B', load: 'NEW', trial: true });
    expect(trial.services.slots()).toEqual([
      { slot: 'A', state: 'confirmed', load: 'OLD', version: '9.4.2', digest: expect.any(String), running: false },
      { slot: 'B', state: 'trial', load: 'NEW', version: '9.4.2', digest: trial.digest, running: true },
      { slot: 'recovery', state: 'empty', load: null, version: null, digest: null, running: false },
    ]);
    trial.services.confirm();
    expect(bench.boot()).toMatchObject({ slot: 'B', trial: false });
  });

  it('goes back when the trial was not confirmed', () => {
    const bench = boardWith(OLD);
    install(bench, 'B', NEW, false);
    bench.boot();
    expect(bench.boot()).toMatchObject({ slot: 'A', load: 'OLD', trial: false });
    expect(bench.events).toContainEqual({
      type: 'boot.rejected',
      slot: 'B',
      reason: 'it was not confirmed on its trial boot',
    });
    expect(bench.boot().load).toBe('OLD');
    expect(stateOf(readTrailer(bench.hal.flash, 'B'))).toBe('reverted');
  });

  it('allows as many trial boots as it is told', () => {
    const bench = boardWith(OLD);
    install(bench, 'B', NEW, false);
    const loads = [1, 2, 3, 4].map(() => bench.boot('power-on', { trialBoots: 3 }).load);
    expect(loads).toEqual(['NEW', 'NEW', 'NEW', 'OLD']);
  });

  it('installs an older load when it is asked to, and runs it: the newest installation counts, not the highest version', () => {
    const bench = boardWith(testImage({ load: 'TEN', version: { major: 10, minor: 0, revision: 0, build: 0 } }));
    install(bench, 'B', OLD, false);
    bench.boot().services.confirm();
    expect(bench.boot().load).toBe('OLD');
  });

  it('leaves a load that faults three times without registering', () => {
    const bench = boardWith(OLD);
    install(bench, 'B', NEW);
    for (const expected of ['NEW', 'NEW', 'OLD']) {
      crash(bench, 'B');
      expect(bench.boot('fault').load).toBe(expected);
    }
    expect(bench.boot().load).toBe('OLD');
  });

  it('forgets faults when the load registers', () => {
    const bench = boardWith(OLD);
    install(bench, 'B', NEW);
    for (let round = 0; round < 5; round++) {
      crash(bench, 'B');
      const record = bench.boot('watchdog');
      expect(record.load).toBe('NEW');
      record.services.confirm();
    }
  });

  it('runs recovery when both slots are rotten or keep faulting, and a faulting load before it stays dark', () => {
    const bench = boardWith(OLD);
    for (let fault = 0; fault < 3; fault++) {
      crash(bench, 'A');
      bench.boot('fault');
    }
    expect(bench.boot().load).toBe('OLD');
    expect(installRecovery(bench.hal, testImage({ load: 'RECOVERY', models: ['*'], protocol: null }))).toBeNull();
    const recovery = bench.boot();
    expect(recovery).toMatchObject({ slot: 'recovery', load: 'RECOVERY', trial: false });
    expect(recovery).not.toHaveProperty('protocol');
    recovery.services.confirm();

    const installer = recovery.services.beginInstall(NEW.length);
    if (typeof installer === 'string') throw new Error(installer);
    expect(installer.write(NEW)).toBeNull();
    expect(installer.finish()).toBeNull();
    expect(bench.boot('recovery')).toMatchObject({ load: 'NEW', trial: true });
  });
});

describe('boot refuses', () => {
  const reasonFor = (image: Uint8Array, keys?: readonly BootKey[]): string | null =>
    install(new BootBench(blankFlash(), keys), 'A', image);

  it('another model, ABI, hardware', () => {
    expect(reasonFor(testImage({ models: ['8861', '8851'] }))).toBe('it is for 8861, 8851, this is a 7975');
    expect(reasonFor(testImage({ models: ['8861', '7975'] }))).toBeNull();
    expect(reasonFor(testImage({ halAbi: 7 }))).toBe('it was built for HAL ABI 7, this board has 1');
    expect(reasonFor(testImage({ hardwareRevisions: ['2', '3'] }))).toBe('it is for hardware revision 2, 3, this is 1');
    expect(reasonFor(testImage({ hardwareRevisions: ['1'] }))).toBeNull();
  });

  it('what is unsigned, signed by a stranger, by a revoked key, or under a false name', () => {
    const stranger = readSigningKey(generateKey('ed25519').privatePem);
    const impostor = readSigningKey(generateKey('ed25519').privatePem, 'development');
    expect(reasonFor(testImage({}, null))).toBe('it is not signed');
    expect(reasonFor(testImage({}, stranger))).toBe(`its key "${stranger.bootKey.id}" is not in the fuses`);
    expect(reasonFor(testImage({}, stranger), [stranger.bootKey])).toBeNull();
    expect(reasonFor(testImage({}, stranger), [{ ...stranger.bootKey, revoked: true }])).toMatch(/is revoked/);
    expect(reasonFor(testImage({}, impostor))).toBe('the signature does not verify by key "development"');
  });

  it('an ECDSA signature where the fuses have an Ed25519 key, and takes it where they do not', () => {
    const generated = generateKey('ecdsa-p256-sha256');
    const key = readSigningKey(generated.privatePem);
    expect(reasonFor(testImage({}, key), [readBootKey(generated.publicPem)])).toBeNull();
    const namesake = { ...developmentKey().bootKey, id: key.bootKey.id };
    expect(reasonFor(testImage({}, key), [namesake])).toMatch(/signed by ecdsa-p256-sha256/);
  });

  it('an unsigned image, unless unsigned ones are allowed, and then it says so at every boot', () => {
    const bench = new BootBench(blankFlash());
    const unsigned = testImage({ securityCounter: 9 }, null);
    expect(installImage(bench.hal, 'A', unsigned, { confirmed: true, allowUnsigned: true })).toBeNull();
    expect(haltReason(bench)).toBe('A: it is not signed');
    for (let round = 0; round < 2; round++) {
      bench.lines.length = 0;
      expect(bench.boot('power-on', { allowUnsigned: true }).keyId).toBe('unsigned');
      expect(bench.lines.join()).toMatch(/WARNING.*no boot key vouches/);
    }
    expect(new BootState(bench.hal.flash).securityCounter()).toBe(0);
  });

  it('what is below the security counter, which rises only when the load is confirmed', () => {
    const bench = boardWith(testImage({ load: 'ONE', securityCounter: 1 }));
    install(bench, 'B', testImage({ load: 'TWO', securityCounter: 2 }), false);
    const trial = bench.boot();
    const counter = (): number => new BootState(bench.hal.flash).securityCounter();
    expect([trial.load, counter()]).toEqual(['TWO', 1]);
    trial.services.confirm();
    expect(counter()).toBe(2);
    expect(install(bench, 'A', testImage({ securityCounter: 1 }), false)).toBe('security counter 1 is below 2');
    expect(bench.boot().load).toBe('TWO');
  });

  it('an old confirmed slot once the counter is above it, even when the other slot rots', () => {
    const bench = boardWith(testImage({ load: 'ONE', securityCounter: 1 }));
    install(bench, 'B', testImage({ load: 'TWO', securityCounter: 2 }), false);
    bench.boot().services.confirm();
    bench.hal.flash.program(FLASH_MAP.B.offset + 40, new Uint8Array(1));
    expect(haltReason(bench)).toBe(
      'B: the digest does not match: the image is damaged; A: security counter 1 is below 2',
    );
  });
});

describe('beginInstall', () => {
  const begin = (bench: BootBench, size: number) => {
    const installer = bench.boot().services.beginInstall(size);
    if (typeof installer === 'string') throw new Error(installer);
    return installer;
  };
  const stateOfB = (flash: Flash): string => stateOf(readTrailer(flash, 'B'));

  it('takes an image in pieces of any size', () => {
    const image = testImage({ body: new Uint8Array(10_000).fill(0x20) });
    for (const piece of [1, 511, 512, 4096, 4097, 20_000]) {
      const bench = boardWith(OLD);
      const installer = begin(bench, image.length);
      for (let at = 0; at < image.length; at += piece) {
        expect(installer.write(image.subarray(at, at + piece))).toBeNull();
      }
      expect(installer.finish()).toBeNull();
      expect(bench.boot().slot).toBe('B');
    }
  });

  it('refuses what does not fit', () => {
    expect(boardWith(OLD).boot().services.beginInstall(2_000_000)).toMatch(/does not fit slot B, which holds 1306624/);
  });

  it('leaves the slot empty when the image is truncated, too long, no image, or aborted', () => {
    const bench = boardWith(OLD);
    const short = begin(bench, NEW.length);
    short.write(NEW.subarray(0, 100));
    expect(short.finish()).toBe(`the image ended after 100 of ${NEW.length} octets`);
    const long = begin(bench, NEW.length - 1);
    expect(long.write(NEW)).toMatch(/larger than/);
    const trailing = begin(bench, NEW.length + 3);
    trailing.write(NEW);
    trailing.write(new Uint8Array(3));
    expect(trailing.finish()).toBe('3 octets follow the image');
    const rubbish = begin(bench, 5000);
    expect(rubbish.write(new Uint8Array(5000))).toBe('the magic number is missing');
    begin(bench, 5000).abort();
    expect(stateOfB(bench.hal.flash)).toBe('empty');
    expect(bench.boot().load).toBe('OLD');
    expect(() => rubbish.write(NEW)).toThrow('the installation is failed');
  });
});
