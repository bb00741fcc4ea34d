import { describe, expect, it } from 'vitest';
import { ipv4Text, macText, parseIpv4 } from './address.ts';

describe('addresses', () => {
  it('prints', () => {
    expect(ipv4Text(0xc0000201)).toBe('192.0.2.1');
    expect(macText(0x02005ec0ffee)).toBe('02:00:5e:c0:ff:ee');
    expect(macText(0)).toBe('00:00:00:00:00:00');
  });

  it('reads dotted text and nothing else', () => {
    expect(parseIpv4('192.0.2.1')).toBe(0xc0000201);
    expect(parseIpv4('255.255.255.255')).toBe(0xffffffff);
    for (const text of [
      '',
      '1.2.3',
      '1.2.3.4.5',
      '1.2.3.256',
      '1.2.3.a',
      '1..2.3',
      ' 1.2.3.4',
      'x.x.x.x',
      '1.2.3.0x4',
    ]) {
      expect(parseIpv4(text), text).toBeNull();
    }
  });
});
