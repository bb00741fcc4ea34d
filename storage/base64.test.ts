import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseBase64 } from './base64.ts';

it('reads what others write', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (octets) => {
      expect(Buffer.from(parseBase64(Buffer.from(octets).toString('base64'))!)).toEqual(Buffer.from(octets));
    }),
  );
});

it('takes nothing else', () => {
  for (const text of ['', 'A', 'AAA', 'AAA=A', 'A===', 'AA-_', 'AAAA\n', '===='])
    expect(parseBase64(text), text).toBeNull();
});
