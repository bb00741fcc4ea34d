import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { civilTime, dateText, millisecondsOf } from './date-text.ts';

describe('calendar time', () => {
  it('agrees with the host over four centuries', () => {
    fc.assert(
      fc.property(fc.integer({ min: -6_000_000_000, max: 8_000_000_000 }), (seconds) => {
        const host = new Date(seconds * 1000);
        const time = civilTime(seconds * 1000);
        expect(time).toEqual({
          year: host.getUTCFullYear(),
          month: host.getUTCMonth() + 1,
          day: host.getUTCDate(),
          hour: host.getUTCHours(),
          minute: host.getUTCMinutes(),
          second: host.getUTCSeconds(),
        });
        expect(millisecondsOf(time)).toBe(seconds * 1000);
      }),
    );
  });

  it.each([
    ['M/D/YA', '2:05p 11/22/26'],
    ['D/M/Y', '14:05 22/11/26'],
    ['D.M.Y', '14:05 22.11.26'],
    ['Y/M/D', '14:05 26/11/22'],
    ['D-M-YYA', '2:05p 22-11-2026'],
    ['nonsense', '2:05p 11/22/26'],
  ])('writes %s as %s', (template, text) => {
    expect(dateText(Date.UTC(2026, 10, 22, 14, 5, 9), template)).toBe(text);
  });
});
