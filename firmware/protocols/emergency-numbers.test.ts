import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EmergencyNumbers } from './emergency-numbers.ts';

const USUAL = new EmergencyNumbers(9);

describe('emergency numbers', () => {
  it.each([
    '112',
    '911',
    '999',
    '000',
    '110',
    '119',
    '118',
    '08',
    '111',
    '100',
    '15',
    '10111',
    // For an outside line.
    '9911',
    '0112',
    '9112',
    // As people and URIs write them.
    '+112',
    '9-1-1',
    '911;phone-context=example.com',
    '911#',
  ])('%s is one', (number) => {
    expect(USUAL.has(number)).toBe(true);
  });

  it.each(['2001', '1001', '9121', '1120', '91125551234', '', '9', '*67', '01', '5911'])('%s is none', (number) => {
    expect(USUAL.has(number)).toBe(false);
  });

  it('the prefix that a plan names is heeded beside the usual ones', () => {
    const ours = new EmergencyNumbers(77);
    expect(['77112', '9112', '0112', '112'].map((number) => ours.has(number))).toEqual([true, true, true, true]);
    expect(USUAL.has('77112')).toBe(false);
    expect(ours.mayBecome('7')).toBe(true);
  });

  it('every beginning of one may become one, and no digits that may not ever do', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9]{1,8}$/), fc.stringMatching(/^[0-9]{0,4}$/), (digits, more) => {
        if (USUAL.has(digits + more)) expect(USUAL.mayBecome(digits)).toBe(true);
      }),
    );
    expect(['9', '91', '911', '0', '00', '10', '11'].every((digits) => USUAL.mayBecome(digits))).toBe(true);
    expect(['2', '20', '1001', '914155', '7'].some((digits) => USUAL.mayBecome(digits))).toBe(false);
  });
});
