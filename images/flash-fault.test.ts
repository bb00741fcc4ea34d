import { describe, expect, it } from 'vitest';
import { FLASH_MAP, FLASH_SIZE } from '../storage/flash-map.ts';
import { BootBench, blankFlash, testImage } from '../test/support/flash-bench.ts';
import { type FlashFault, injectFault, parseFault } from './flash-fault.ts';
import { createFlash, flashInfo, installInto, setSetting } from './flash-tool.ts';
import { developmentKey } from './key.ts';

const IDENTITY = { model: '7975', mac: 0x02005ec0ffee, serial: 'FCH1402A1B2', hardwareRevision: '1' };

function phoneFlash() {
  const flash = blankFlash();
  createFlash(flash, {
    identity: IDENTITY,
    bootKeys: [developmentKey().bootKey],
    recovery: testImage({ load: 'RECOVERY' }),
    image: testImage({ load: 'ONE' }),
  });
  installInto(flash, testImage({ load: 'TWO' }), { slot: 'B', confirmed: true });
  return flash;
}

const fault = (text: string): FlashFault => {
  const parsed = parseFault(text, FLASH_SIZE);
  if (typeof parsed === 'string') throw new Error(parsed);
  return parsed;
};

describe('flash faults', () => {
  it('are written as text', () => {
    expect(fault('flip:0x80010:3')).toEqual({ kind: 'flip', offset: 0x80010, bit: 3 });
    expect(fault('flip:B+16')).toEqual({ kind: 'flip', offset: FLASH_MAP.B.offset + 16, bit: 0 });
    expect(fault('cut-erase:trust+4096')).toEqual({ kind: 'cut-erase', offset: FLASH_MAP.trust.offset + 4096 });
  });

  it('are refused in a sentence', () => {
    expect(parseFault('burn', FLASH_SIZE)).toMatch(/^"burn" is no fault; /);
    expect(parseFault('flip:C+1', FLASH_SIZE)).toMatch(/no region "C"/);
    expect(parseFault('flip:settings+0x8000', FLASH_SIZE)).toMatch(/not within settings, which has 32768 octets/);
    expect(parseFault('cut-erase:5:1', FLASH_SIZE)).toMatch(/Only a flip has a bit/);
  });

  it('in one slot make the phone boot the other, in both recovery', () => {
    const flash = phoneFlash();
    expect(new BootBench(flash).boot().load).toBe('TWO');
    injectFault(flash, fault('flip:B+40:5'));
    expect(new BootBench(flash).boot().load).toBe('ONE');
    injectFault(flash, fault('cut-program:A+20'));
    expect(new BootBench(flash).boot().load).toBe('RECOVERY');
  });

  it('in the settings cost the last record at most', () => {
    const flash = phoneFlash();
    setSetting(flash, 'domain', 'lab.example');
    setSetting(flash, 'ringVolume', '3');
    const before = flash.read(FLASH_MAP.settings.offset, 4096);
    const end = before.findLastIndex((octet) => octet !== 0xff);
    injectFault(flash, fault(`cut-program:settings+${end}`));
    expect(flashInfo(flash).settings).toEqual([['domain', 'lab.example']]);
    injectFault(flash, fault('cut-erase:settings+4000'));
    expect(flashInfo(flash).settings).toEqual([]);
    expect(new BootBench(flash).boot().load).toBe('TWO');
  });
});
