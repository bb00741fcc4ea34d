import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { selfSigned } from '../../lab/pki/lab-pki.ts';
import { elementPath, readElement, writeElement } from './element-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'sepia-element-'));
afterAll(() => rmSync(folder, { recursive: true }));

const identity = () => selfSigned({ commonName: 'CP-7975G-SEP02005E000001', keyKind: 'ec-p256', now: 1_800_000_000 });

describe("a secure element's file", () => {
  it('is made with a secret of its own, which stays, for its owner only', () => {
    const flash = join(folder, 'a.flash');
    const { secret, mic } = readElement(flash);
    expect(secret.length).toBe(32);
    expect(mic).toBeNull();
    expect(readElement(flash).secret).toEqual(secret);
    expect(readElement(join(folder, 'b.flash')).secret).not.toEqual(secret);
    expect(statSync(elementPath(flash)).mode & 0o777).toBe(0o600);
  });

  it('keeps the key and the certificate of the factory', () => {
    const flash = join(folder, 'c.flash');
    const mic = identity();
    writeElement(flash, { ...readElement(flash), mic });
    const read = readElement(flash).mic!;
    expect(read.certificate).toEqual(mic.certificate);
    expect(read.privateKey.equals(mic.privateKey)).toBe(true);
  });

  it('says so when it was meddled with', () => {
    const flash = join(folder, 'd.flash');
    writeFileSync(elementPath(flash), 'text');
    expect(() => readElement(flash)).toThrow("is no secure element's file");
    writeElement(flash, { secret: new Uint8Array(32), mic: { ...identity(), certificate: identity().certificate } });
    expect(readFileSync(elementPath(flash), 'latin1')).toContain('BEGIN PRIVATE KEY');
    expect(() => readElement(flash)).toThrow('do not belong together');
  });
});
