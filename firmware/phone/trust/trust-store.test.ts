import { describe, expect, it } from 'vitest';
import type { Flash } from '../../../hal/flash.ts';
import { HostSecureElement } from '../../../hal/host/secure-element.ts';
import type { VirtualFlash } from '../../../hal/virtual/flash.ts';
import { VirtualTimeline } from '../../../hal/virtual/timeline.ts';
import { FLASH_MAP } from '../../../storage/flash-map.ts';
import { RecordStore } from '../../../storage/record-store.ts';
import { blankFlash, copier, cutEverywhere } from '../../../test/support/flash-bench.ts';
import { ctl, itl, labPki, NOW, rollback } from '../../../test/support/lab-trust.ts';
import { NO_LISTS } from './installed-lists.ts';
import { type ListArrival, statusOfRound, TrustStore } from './trust-store.ts';

const secure = new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], complete: () => undefined });
const pki = labPki();
const other = labPki();
const OLD = itl(pki);
const NEW = itl(pki, pki.callManager, NOW + 60);

const region = (flash: Flash): RecordStore => RecordStore.open(flash, FLASH_MAP.trust);
const storeOn = (flash: Flash): TrustStore => new TrustStore(region(flash), secure, 'rejected');
const said = (arrival: ListArrival): string => (arrival.outcome === 'rejected' ? arrival.reason : arrival.outcome);

describe('TrustStore', () => {
  it('goes through the life of a phone', () => {
    const flash = blankFlash();
    // Each step is a boot of its own: what counts is in flash.
    const arrive = (kind: 'ctl' | 'itl', octets: Uint8Array) => said(storeOn(flash).arrived(kind, octets));
    expect(storeOn(flash).installed()).toEqual(NO_LISTS);
    expect(storeOn(flash).expectsSignedFiles()).toBe(false);
    expect(arrive('itl', new Uint8Array(0))).toBe('absent');
    expect(arrive('itl', OLD)).toBe('installed');
    expect(storeOn(flash).expectsSignedFiles()).toBe(true);
    expect(arrive('itl', OLD)).toBe('unchanged');
    expect(arrive('itl', new Uint8Array(0))).toBe('absent');
    expect(arrive('itl', itl(other))).toBe('ask-tvs');
    expect(arrive('itl', NEW)).toBe('updated');
    expect(arrive('itl', OLD)).toBe('older-list');
    expect(arrive('ctl', ctl(pki, pki.itlRecovery))).toBe('installed');
    expect(arrive('itl', rollback(pki, NOW + 120))).toBe('cleared');
    expect(storeOn(flash).expectsSignedFiles(), 'the CTL still names a TFTP server').toBe(true);
    expect(arrive('itl', itl(other))).toBe('signer-unknown');
    storeOn(flash).erase();
    expect(storeOn(flash).installed()).toEqual(NO_LISTS);
    expect(arrive('itl', itl(other))).toBe('installed');
  });

  it('changes nothing when it refuses', () => {
    const flash = blankFlash();
    storeOn(flash).arrived('itl', OLD);
    const before = flash.operations;
    for (const bad of [itl(other), OLD.slice(0, -1), OLD.map((octet, at) => (at === 700 ? octet ^ 1 : octet))]) {
      expect(['ask-tvs', 'rejected']).toContain(storeOn(flash).arrived('itl', bad).outcome);
    }
    expect(flash.operations).toBe(before);
  });

  it('remembers that the configuration is encrypted, until the lists are erased', () => {
    const flash = blankFlash();
    expect(storeOn(flash).encrypted).toBe(false);
    storeOn(flash).encrypted = true;
    expect(storeOn(flash).encrypted).toBe(true);
    storeOn(flash).erase();
    expect(storeOn(flash).encrypted).toBe(false);
  });
});

/** A part with the old list, and with room in its bank for nothing more. */
function fullPart(): VirtualFlash {
  const flash = blankFlash();
  storeOn(flash).arrived('itl', OLD);
  const store = region(flash);
  for (let size = 1 << 17; size >= 1 << 10; size >>= 1) {
    while (store.usage().used + size + 64 < store.usage().size)
      store.set(
        'filler',
        new Uint8Array(size).map((_, at) => at + store.usage().used),
      );
  }
  return flash;
}

describe('a power cut while a list is written', () => {
  it.each([
    [
      'behind the old one',
      () => {
        const flash = blankFlash();
        storeOn(flash).arrived('itl', OLD);
        return flash;
      },
    ],
    ['into a bank that is full', fullPart],
  ])('%s leaves the old one or the new one', (where, make) => {
    const copy = copier(make());
    const seen = new Set<string>();
    const cases = cutEverywhere(
      copy,
      (flash) => storeOn(flash).arrived('itl', NEW),
      (flash, cut) => {
        const now = region(flash).get('list/itl');
        const which =
          now === null
            ? 'none'
            : Buffer.compare(now, OLD) === 0
              ? 'old'
              : Buffer.compare(now, NEW) === 0
                ? 'new'
                : 'torn';
        expect(['old', 'new'], cut).toContain(which);
        seen.add(which);
        expect(['updated', 'unchanged'], cut).toContain(storeOn(flash).arrived('itl', NEW).outcome);
      },
    );
    console.log(`trust list ${where}: ${cases} power cuts`);
    expect(cases).toBeGreaterThan(4);
    expect(seen).toEqual(new Set(['old', 'new']));
  });

  it('and while they are erased leaves both or none', () => {
    const flash = blankFlash();
    storeOn(flash).arrived('itl', OLD);
    storeOn(flash).arrived('ctl', ctl(pki, pki.itlRecovery));
    cutEverywhere(
      copier(flash),
      (part) => storeOn(part).erase(),
      (part, where) => {
        const { ctl: hasCtl, itl: hasItl } = storeOn(part).installed();
        expect(hasCtl === null, where).toBe(hasItl === null);
      },
    );
  });
});

it('the status menu says what has become of both lists', () => {
  const installed = storeOn(blankFlash());
  const none = installed.installed();
  installed.arrived('itl', OLD);
  const one = installed.installed();
  expect(statusOfRound({ ctl: 'absent', itl: 'absent' }, none)).toEqual(['No Trust List installed']);
  expect(statusOfRound({ ctl: 'absent', itl: 'installed' }, one)).toEqual(['ITL installed']);
  expect(statusOfRound({ ctl: 'installed', itl: 'installed' }, one)).toEqual(['CTL and ITL installed']);
  expect(statusOfRound({ ctl: 'installed', itl: 'unchanged' }, one)).toEqual(['CTL Installed']);
  expect(statusOfRound({ ctl: 'rejected', itl: 'cleared' }, one)).toEqual([
    'Trust List Updated',
    'Trust List Update Failed',
  ]);
  expect(statusOfRound({ ctl: null, itl: 'unchanged' }, one)).toEqual([]);
});
