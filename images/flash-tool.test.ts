import { describe, expect, it } from 'vitest';
import type { Flash } from '../hal/flash.ts';
import { writeFault } from '../storage/crash-log.ts';
import { developmentBootKey } from '../storage/development-key.ts';
import { FLASH_MAP, FLASH_SIZE } from '../storage/flash-map.ts';
import { RecordStore } from '../storage/record-store.ts';
import { BootBench, blankFlash, testImage } from '../test/support/flash-bench.ts';
import {
  createFlash,
  dumpFlash,
  eraseRegion,
  FlashToolError,
  flashInfo,
  installInto,
  restoreFlash,
  revokeKey,
  setSetting,
} from './flash-tool.ts';

const IDENTITY = { model: '7975', mac: 0x02005ec0ffee, serial: 'FCH1402A1B2', hardwareRevision: '1' };
const RECOVERY = testImage({ load: 'RECOVERY', models: ['*'], protocol: null });

function phoneFlash() {
  const flash = blankFlash();
  createFlash(flash, {
    identity: IDENTITY,
    bootKeys: [developmentBootKey()],
    recovery: RECOVERY,
    image: testImage({ load: 'ONE' }),
  });
  return flash;
}

const load = (flash: Flash): string => new BootBench(flash).boot().load;

describe('flash tool', () => {
  it('makes a phone that boots, and says what is in it', () => {
    const flash = phoneFlash();
    expect(load(flash)).toBe('ONE');
    const info = flashInfo(flash);
    expect(info).toMatchObject({ size: FLASH_SIZE, identity: IDENTITY, securityCounter: 1, settings: [], faults: [] });
    expect(info.bootKeys.map((key) => key.id)).toEqual(['development']);
    expect(info.slots.map(({ slot, state, load: name }) => [slot, state, name])).toEqual([
      ['A', 'confirmed', 'ONE'],
      ['B', 'empty', null],
      ['recovery', 'confirmed', 'RECOVERY'],
    ]);
    expect(info.map.map((region) => [region.name, region.usedSectors])).toEqual([
      ['board', 2],
      ['boot', 1],
      ['recovery', 1],
      ['A', 2],
      ['B', 0],
      ['settings', 0],
      ['trust', 0],
      ['crash', 0],
    ]);
    expect(info.map.find((region) => region.name === 'A')?.wear).toBe(1);
  });

  it('installs to the other slot, on trial unless told otherwise', () => {
    const flash = phoneFlash();
    expect(installInto(flash, testImage({ load: 'TWO' }))).toBe('B');
    expect(flashInfo(flash).slots[1]).toMatchObject({ state: 'untried', load: 'TWO', sequence: 2 });
    expect(installInto(flash, testImage({ load: 'THREE' }), { slot: 'B', confirmed: true })).toBe('B');
    expect(flashInfo(flash).slots[1]).toMatchObject({ state: 'confirmed', load: 'THREE' });
    expect(installInto(flash, testImage({ load: 'FOUR' }))).toBe('A');
  });

  it('refuses in one sentence', () => {
    const flash = phoneFlash();
    const refusals: [() => unknown, string | RegExp][] = [
      [
        () => installInto(flash, testImage({ models: ['8861'] })),
        'The image is refused: it is for 8861, this is a 7975.',
      ],
      [() => installInto(flash, testImage({}, null)), 'The image is refused: it is not signed.'],
      [() => installInto(blankFlash(), RECOVERY), "This is not a phone's flash: there is no board record."],
      [() => flashInfo(blankFlash(8192)), /The part has 8192 octets; a phone's has 4194304/],
      [() => setSetting(flash, 'adminVlan', '9999'), 'adminVlan must be a VLAN from 1 to 4094, not "9999".'],
      [() => eraseRegion(flash, 'boot'), '"boot" cannot be erased; A, B, settings, trust, crash can.'],
      [() => revokeKey(flash, 'x'), 'The fuses hold no key "x".'],
      [() => restoreFlash(flash, new Uint8Array(3)), /The dump has 3 octets/],
      [
        () => createFlash(blankFlash(), { identity: { ...IDENTITY, serial: 'x'.repeat(20) }, bootKeys: [] }),
        /The board record cannot be written/,
      ],
    ];
    for (const [act, sentence] of refusals) {
      expect(act).toThrow(FlashToolError);
      expect(act).toThrow(sentence);
    }
    expect(load(flash)).toBe('ONE');
  });

  it('lets an unsigned image in when it is told to, and shows it', () => {
    const flash = phoneFlash();
    installInto(flash, testImage({ load: 'MINE' }, null), { allowUnsigned: true, confirmed: true });
    expect(flashInfo(flash).slots[1]?.state).toBe('invalid');
    expect(flashInfo(flash, true).slots[1]).toMatchObject({ state: 'confirmed', load: 'MINE' });
  });

  it('revokes a boot key: what it signed does not boot', () => {
    const flash = phoneFlash();
    revokeKey(flash, 'development');
    const info = flashInfo(flash);
    expect(info.bootKeys[0]?.revoked).toBe(true);
    expect(info.slots.map(({ state }) => state)).toEqual(['invalid', 'empty', 'invalid']);
    expect(() => new BootBench(flash, info.bootKeys).boot()).toThrow('its key "development" is revoked');
  });

  it('sets settings, shows files and faults, erases by region', () => {
    const flash = phoneFlash();
    setSetting(flash, 'dhcp', 'off');
    setSetting(flash, 'address', '10.0.0.5');
    RecordStore.open(flash, FLASH_MAP.trust).set('file/ITL', new Uint8Array(700));
    writeFault(flash, { slot: 'A', load: 'ONE', at: 1, reason: 'exception', detail: 'x' });
    const info = flashInfo(flash);
    expect(info.settings).toEqual([
      ['dhcp', 'off'],
      ['address', '10.0.0.5'],
    ]);
    expect(info.files).toEqual([['file/ITL', 700]]);
    expect(info.faults).toHaveLength(1);
    for (const region of ['settings', 'trust', 'crash', 'A']) eraseRegion(flash, region);
    expect(flashInfo(flash)).toMatchObject({ settings: [], files: [], faults: [] });
    expect(load(flash)).toBe('RECOVERY');
  });

  it('restores what it dumped', () => {
    const flash = phoneFlash();
    setSetting(flash, 'contrast', '9');
    const other = blankFlash();
    other.program(FLASH_MAP.B.offset, new Uint8Array(100));
    restoreFlash(other, dumpFlash(flash));
    expect(Buffer.from(dumpFlash(other)).equals(dumpFlash(flash))).toBe(true);
    expect(load(other)).toBe('ONE');
  });
});
