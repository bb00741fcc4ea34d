import { describe, expect, it } from 'vitest';
import { blankFlash, copier, cutEverywhere } from '../test/support/flash-bench.ts';
import { type FaultRecord, lastFault, readFaults, writeFault } from './crash-log.ts';

const fault = (n: number, detail = 'Error: no\nat f (a.ts:1:2)'): FaultRecord => ({
  slot: 'A',
  load: 'SCCP75.9-4-2SR3-1S',
  at: n,
  reason: 'exception',
  detail,
});

describe('crash log', () => {
  it('gives back what was written, oldest first', () => {
    const flash = blankFlash();
    expect([readFaults(flash), lastFault(flash)]).toEqual([[], null]);
    writeFault(flash, fault(1));
    writeFault(flash, fault(2));
    expect(readFaults(flash)).toEqual([fault(1), fault(2)]);
    expect(lastFault(flash)).toEqual(fault(2));
  });

  it('keeps at least the last 60 faults, however many there were', () => {
    const flash = blankFlash();
    for (let n = 1; n <= 200; n++) {
      writeFault(flash, fault(n));
      const kept = readFaults(flash).map((record) => record.at);
      const expected = Array.from({ length: kept.length }, (_, index) => n - kept.length + 1 + index);
      expect(kept).toEqual(expected);
      expect(kept.length).toBeGreaterThanOrEqual(Math.min(n, 60));
    }
  });

  it('cuts a long detail off and shows what is not ASCII as question marks', () => {
    const flash = blankFlash();
    writeFault(flash, fault(1, `Ω${'x'.repeat(3000)}`));
    const detail = lastFault(flash)?.detail ?? '';
    expect(detail.startsWith('?xxx')).toBe(true);
    expect(detail.length).toBeGreaterThan(900);
    expect(detail.length).toBeLessThan(1024);
  });

  it('loses only the record that a power cut tears', () => {
    const flash = blankFlash();
    for (let n = 1; n <= 64; n++) writeFault(flash, fault(n));
    cutEverywhere(
      copier(flash),
      (part) => writeFault(part, fault(65)),
      (part, where) => {
        const kept = readFaults(part).map((record) => record.at);
        expect(kept.at(-1), where).toBeGreaterThanOrEqual(64);
        expect(kept.length, where).toBeGreaterThanOrEqual(60);
        writeFault(part, fault(66));
        expect(lastFault(part)?.at, where).toBe(66);
      },
    );
  });
});
