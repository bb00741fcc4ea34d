import { describe, expect, it } from 'vitest';
import type { Flash } from '../../hal/flash.ts';
import { FLASH_MAP } from '../../storage/flash-map.ts';
import { RecordStore } from '../../storage/record-store.ts';
import { blankFlash, copier, cutEverywhere } from '../../test/support/flash-bench.ts';
import { type AppliedConfiguration, loadConfiguration, saveConfiguration } from './configuration-memory.ts';

function configuration(host: string): AppliedConfiguration {
  return {
    name: 'SEP02005E000001.cnf.xml.enc.sgn',
    versionStamp: host,
    protocol: 'SIP',
    load: null,
    security: 'encrypted',
    callManagers: [{ priority: 0, host, port: 5060, securePort: 5061 }],
  };
}

const OLD = configuration('cucm-1');
const NEW = configuration('cucm-2');
const region = (flash: Flash): RecordStore => RecordStore.open(flash, FLASH_MAP.trust);

describe('a power cut while the last good configuration is stored', () => {
  it.each([
    ['the first one', [], [null, NEW]],
    ['another one', [OLD], [OLD, NEW]],
    [
      'another one, and it is told by letters that are not ASCII',
      [configuration('Z\u00fcrich')],
      [configuration('Z\u00fcrich'), NEW],
    ],
  ] as const)('%s leaves what was there or the new one, and the next boot stores it', (what, before, either) => {
    const flash = blankFlash();
    for (const one of before) saveConfiguration(region(flash), one);
    const seen = new Set<string>();
    const cases = cutEverywhere(
      copier(flash),
      (part) => saveConfiguration(region(part), NEW),
      (part) => {
        seen.add(JSON.stringify(loadConfiguration(region(part))));
        saveConfiguration(region(part), NEW);
        expect(loadConfiguration(region(part))).toEqual(NEW);
      },
    );
    console.log(`configuration, ${what}: ${cases} power cuts`);
    expect(seen).toEqual(new Set(either.map((one) => JSON.stringify(one))));
  });
});
