import { describe, expect, it } from 'vitest';
import { HostRng } from './entropy.ts';
import { SerialConsole } from './serial-console.ts';

describe('SerialConsole', () => {
  it('writes lines with a prefix, and no control characters of others', () => {
    const written: string[] = [];
    const serial = new SerialConsole('SEP02005EC0FFEE| ', (text) => written.push(text));
    serial.write('CTL\tinstalled: Büro');
    serial.write('\u001b[2Jcleared\r\nforged | line\u009b');
    expect(written).toEqual([
      'SEP02005EC0FFEE| CTL\tinstalled: Büro\n',
      'SEP02005EC0FFEE| \\x1b[2Jcleared\\x0d\\x0aforged | line\\x9b\n',
    ]);
  });
});

describe('HostRng', () => {
  it('draws whole words, bounded integers and octets, and never the same twice', () => {
    const rng = new HostRng();
    const words = Array.from({ length: 5_000 }, () => rng.u32());
    expect(words.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)).toBe(true);
    expect(new Set(words).size).toBeGreaterThan(4_980);
    expect(new Set(Array.from({ length: 500 }, () => rng.below(6)))).toEqual(new Set([0, 1, 2, 3, 4, 5]));
    expect(() => rng.below(0)).toThrow(RangeError);
    const [first, second] = [new Uint8Array(32), new Uint8Array(32)];
    rng.fill(first);
    rng.fill(second);
    expect(first).not.toEqual(second);
  });
});
