import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SECTOR_SIZE } from '../hal/flash.ts';
import { blankFlash, copier, cutEverywhere, RottenFlash, untilCut } from '../test/support/flash-bench.ts';
import { FLASH_MAP } from './flash-map.ts';
import { RecordStore } from './record-store.ts';

const REGION = { offset: 0, size: 2 * SECTOR_SIZE, about: 'test' };
const octets = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (value: Uint8Array | null): string | null => value && new TextDecoder().decode(value);
const contents = (store: RecordStore): Record<string, string | null> =>
  Object.fromEntries(store.keys().map((key) => [key, textOf(store.get(key))]));

describe('RecordStore', () => {
  it('gives back what was set, also after a restart', () => {
    const flash = blankFlash(REGION.size);
    const store = RecordStore.open(flash, REGION);
    expect(store.get('admin/dhcp')).toBeNull();
    store.set('admin/dhcp', octets('off'));
    store.set('admin/dhcp', octets('on'));
    store.set('user/contrast', octets('5'));
    store.set('state/lease', new Uint8Array(0));
    store.delete('user/contrast');
    const again = RecordStore.open(flash, REGION);
    expect(contents(again)).toEqual({ 'admin/dhcp': 'on', 'state/lease': '' });
    expect(again.get('state/lease')).toEqual(new Uint8Array(0));
    expect(again.keys('admin/')).toEqual(['admin/dhcp']);
  });

  it('reads 64 octets to open a blank region, and no more to find nothing in it', () => {
    let read = 0;
    const part = blankFlash();
    const flash = {
      size: part.size,
      read: (offset: number, length: number) => {
        read += length;
        return part.read(offset, length);
      },
      program: () => {},
      erase: () => {},
      isErased: (offset: number, length: number) => part.isErased(offset, length),
      sha256: () => new Uint8Array(32),
    };
    const store = RecordStore.open(flash, FLASH_MAP.trust);
    expect(store.get('file/CTL')).toBeNull();
    expect(store.keys()).toEqual([]);
    store.clear('');
    expect(read).toBe(64);
  });

  it('costs no flash to write what is there already', () => {
    const flash = blankFlash(REGION.size);
    const store = RecordStore.open(flash, REGION);
    store.set('a', octets('1'));
    const before = flash.operations;
    store.set('a', octets('1'));
    store.delete('b');
    expect(flash.operations).toBe(before);
  });

  it('compacts when a bank is full, and refuses what does not fit without losing anything', () => {
    const flash = blankFlash(REGION.size);
    const store = RecordStore.open(flash, REGION);
    for (let round = 0; round < 300; round++) expect(store.set(`key${round % 3}`, octets(`value ${round}`))).toBeNull();
    const full = { key0: 'value 297', key1: 'value 298', key2: 'value 299' };
    expect(contents(RecordStore.open(flash, REGION))).toEqual(full);
    expect(store.usage().generation).toBeGreaterThanOrEqual(3);
    expect(store.set('big', new Uint8Array(SECTOR_SIZE))).toMatch(/full/);
    expect(contents(RecordStore.open(flash, REGION))).toEqual(full);
    expect(store.set('key0', octets('more'))).toBeNull();
  });

  it('removes cleared octets from the flash', () => {
    const flash = blankFlash(REGION.size);
    const store = RecordStore.open(flash, REGION);
    store.set('admin/secret', octets('hunter2'));
    store.set('state/lease', octets('10.0.0.5'));
    store.clear('admin/');
    expect(contents(RecordStore.open(flash, REGION))).toEqual({ 'state/lease': '10.0.0.5' });
    expect(textOf(flash.read(0, REGION.size))).not.toContain('hunter2');
  });

  it('starts afresh on a region full of rubbish', () => {
    const flash = blankFlash(REGION.size);
    flash.program(
      0,
      Uint8Array.from({ length: REGION.size }, (_, index) => (index * 31) & 0xff),
    );
    const store = RecordStore.open(flash, REGION);
    expect(store.keys()).toEqual([]);
    store.set('a', octets('1'));
    expect(contents(RecordStore.open(flash, REGION))).toEqual({ a: '1' });
  });

  it('is as before or as after, wherever the power is cut, and works on', () => {
    let cases = 0;
    const flash = blankFlash(REGION.size);
    let store = RecordStore.open(flash, REGION);
    let before = contents(store);
    const steps: ((store: RecordStore) => void)[] = [
      (on) => on.set('a', octets('first')),
      (on) => on.set('b', octets('x'.repeat(100))),
      (on) => on.delete('a'),
      ...Array.from({ length: 40 }, (_, n) => (on: RecordStore) => on.set(`k${n % 4}`, octets(`${n}`.repeat(60)))),
      (on) => on.clear('k'),
      (on) => on.set('a', octets('last')),
    ];
    for (const step of steps) {
      const make = copier(flash);
      step(store);
      store = RecordStore.open(flash, REGION);
      const after = contents(store);
      cases += cutEverywhere(
        make,
        (part) => step(RecordStore.open(part, REGION)),
        (part, where, atEdge) => {
          const found = contents(RecordStore.open(part, REGION));
          expect([before, after], where).toContainEqual(found);
          if (atEdge) cases += secondCut(part, found, where);
        },
      );
      before = after;
    }
    console.log(`record store: ${cases} power cuts`);
    expect(cases).toBeGreaterThan(1000);
  });

  /** A write right after the first cut is cut as well, at each of its operations. */
  function secondCut(part: ReturnType<typeof blankFlash>, found: Record<string, string | null>, where: string): number {
    const write = (store: RecordStore): void => void store.set('z', octets('again'));
    const make = copier(part);
    const whole = make();
    write(RecordStore.open(whole, REGION));
    for (let operation = 1; operation <= whole.operations; operation++) {
      const again = make();
      again.cutPowerAt(operation, 7);
      untilCut(() => write(RecordStore.open(again, REGION)));
      again.restorePower();
      expect([found, { ...found, z: 'again' }], where).toContainEqual(contents(RecordStore.open(again, REGION)));
      write(RecordStore.open(again, REGION));
      expect(contents(RecordStore.open(again, REGION)), where).toEqual({ ...found, z: 'again' });
    }
    return whole.operations;
  }

  it('loses at most one record to a rotten bit', () => {
    const flash = blankFlash(REGION.size);
    const store = RecordStore.open(flash, REGION);
    for (let n = 0; n < 8; n++) store.set(`k${n}`, octets(`value ${n}`));
    store.set('k1', octets('newer'));
    const whole = contents(store);
    const { used } = store.usage();
    for (let octet = 0; octet < used + 64; octet++) {
      for (let bit = 0; bit < 8; bit++) {
        const rotten = RecordStore.open(new RottenFlash(flash, octet, bit), REGION);
        const wrong = Object.keys(whole).filter((key) => textOf(rotten.get(key)) !== whole[key]);
        expect(wrong.length, `bit ${bit} of octet ${octet}: ${wrong}`).toBeLessThanOrEqual(1);
        for (const key of wrong) expect([null, 'value 1']).toContain(textOf(rotten.get(key)));
      }
    }
  });

  it('writes on behind a rotten tail', () => {
    for (let octet = 0; octet < 200; octet++) {
      const flash = blankFlash(REGION.size);
      RecordStore.open(flash, REGION).set('a', octets('1'));
      RecordStore.open(flash, REGION).set('b', octets('2'));
      const rotten = new RottenFlash(flash, octet, octet % 8);
      RecordStore.open(rotten, REGION).set('c', octets('3'));
      expect(textOf(RecordStore.open(rotten, REGION).get('c')), `octet ${octet}`).toBe('3');
    }
  });

  it('behaves as a map does, for any commands and cuts', () => {
    const key = fc.constantFrom('a/1', 'a/2', 'b/1', 'b/2');
    const command = fc.record({
      verb: fc.constantFrom('set' as const, 'set' as const, 'set' as const, 'delete' as const, 'clear' as const),
      key,
      size: fc.integer({ min: 0, max: 900 }),
      cut: fc.option(fc.record({ after: fc.integer({ min: 1, max: 4 }), torn: fc.integer({ min: 0, max: 900 }) })),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        const flash = blankFlash(REGION.size);
        let model: Record<string, string | null> = {};
        commands.forEach(({ verb, key: name, size, cut }, index) => {
          const value = String.fromCharCode(97 + (index % 26)).repeat(size);
          const next = { ...model };
          if (verb === 'set') next[name] = value;
          else
            for (const other of Object.keys(next))
              if (other.startsWith(verb === 'clear' ? name[0]! : name)) delete next[other];
          if (cut) flash.cutPowerAt(flash.operations + cut.after, cut.torn);
          let refused: string | null = null;
          untilCut(() => {
            const store = RecordStore.open(flash, REGION);
            if (verb === 'set') refused = store.set(name, octets(value));
            else if (verb === 'delete') store.delete(name);
            else store.clear(name[0]!);
          });
          flash.restorePower();
          const found = contents(RecordStore.open(flash, REGION));
          if (refused !== null) expect(found).toEqual(model);
          else if (cut) expect([model, next]).toContainEqual(found);
          else expect(found).toEqual(next);
          model = found;
        });
      }),
      { numRuns: 500 },
    );
  });
});
