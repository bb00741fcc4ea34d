import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { MODELS } from '../device/models.ts';
import { imageCapacity } from '../storage/flash-map.ts';
import { testImage } from '../test/support/flash-bench.ts';
import { buildImages, imageFileName, sourceMapName, UnknownImageError } from './build.ts';
import { inspectImage, verifyImage } from './inspect.ts';
import { developmentKey, generateKey, KeyError, readBootKey, readSigningKey } from './key.ts';
import { allManifests, phoneManifests, versionOfLoad } from './manifests.ts';
import { ImageError, readImage, signImage } from './pack.ts';
import { bundlePayload, PayloadError } from './payload.ts';

const directory = mkdtempSync(join(tmpdir(), 'sepia-images-'));
afterAll(() => rmSync(directory, { recursive: true }));

const hasOpenSsl = spawnSync('openssl', ['version']).status === 0;

describe('buildImages', () => {
  it('builds every image twice to the same octets; loads of one payload share its body', async () => {
    const first = join(directory, 'first');
    const second = join(directory, 'second');
    const built = await buildImages({ outDir: first });
    await buildImages({ outDir: second });
    expect(readdirSync(first)).toEqual(readdirSync(second));
    for (const name of readdirSync(first)) {
      expect(readFileSync(join(first, name)).equals(readFileSync(join(second, name))), name).toBe(true);
    }
    const isForTests = (image: (typeof built)[number]): boolean => image.manifest.name.startsWith('test-');
    const phones = built.filter((image) => image.manifest.protocol !== null && !isForTests(image));
    expect(new Set(phones.map((image) => image.bodyDigest)).size).toBe(1);
    expect(phones.length).toBe(phoneManifests().length);
    for (const image of built.filter((one) => !isForTests(one))) {
      const report = inspectImage(readFileSync(image.path));
      expect(report).toMatchObject({ load: image.manifest.load, signature: 'verified', bodyDigest: image.bodyDigest });
      expect(report.size).toBeLessThan(imageCapacity(image.manifest.name === 'recovery' ? 'recovery' : 'A'));
      expect(readdirSync(first)).toContain(sourceMapName(image.bodyDigest));
    }
  });

  it('has an image for each load of each model', () => {
    const names = allManifests().map((manifest) => imageFileName(manifest.name));
    for (const model of MODELS) {
      for (const load of Object.values(model.loads)) expect(names, model.name).toContain(`${load}.img`);
    }
    expect(phoneManifests().find((manifest) => manifest.load === 'SCCP45.9-4-2SR3-1S')?.models).toEqual([
      '7945',
      '7965',
    ]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('says in one sentence that there is no such image', async () => {
    await expect(buildImages({ outDir: directory, only: ['nonsense'] })).rejects.toThrow(UnknownImageError);
  });

  it('reads versions out of load names', () => {
    expect(versionOfLoad('SCCP75.9-4-2SR3-1S')).toEqual({ major: 9, minor: 4, revision: 2, build: 0 });
    expect(versionOfLoad('P0030801SR02')).toMatchObject({ major: 8, minor: 1 });
    expect(versionOfLoad('nothing')).toBeNull();
  });
});

describe('bundlePayload', () => {
  const entry = (text: string): string => {
    const path = join(directory, 'entry.ts');
    writeFileSync(path, text);
    return path;
  };

  it('makes one expression that evaluates to the entry function', async () => {
    const { body } = await bundlePayload(entry('const answer = "λ"; export const entry = () => answer;'));
    expect(Buffer.from(body).every((octet) => octet < 0x80)).toBe(true);
    const payload: unknown = new Function(`return (${Buffer.from(body).toString('latin1')}\n)`)();
    expect((payload as () => string)()).toBe('λ');
  });

  it.each([
    ['an async function', 'const wait = async () => 1; export const entry = () => void wait();'],
    ['an async method that nobody calls', 'class A { async wait() {} } export const entry = () => new A();'],
    ['an async generator', 'async function* pieces() { yield 1; } export const entry = () => pieces();'],
    ['await at the top', 'const one = await 1; export const entry = () => one;'],
    ['import() of a module', `export const entry = () => import(${JSON.stringify(join(directory, 'other.ts'))});`],
    ['import() of a name', 'export const entry = (name) => import(name);'],
  ])('refuses %s', async (_what, text) => {
    writeFileSync(join(directory, 'other.ts'), 'export const other = 1;');
    await expect(bundlePayload(entry(text))).rejects.toThrow(
      /entry\.ts cannot be built: a payload cannot (wait|import)/,
    );
  });

  it('takes generators, and words that only look like promises', async () => {
    const text = 'function* one() { yield "async await"; } export const entry = () => [...one()];';
    const { body } = await bundlePayload(entry(text));
    const payload: unknown = new Function(`return (${Buffer.from(body).toString('latin1')}\n)`)();
    expect((payload as () => string[])()).toEqual(['async await']);
  });

  it('leads from a place in the text back to the source', async () => {
    const { body, sourceMap } = await bundlePayload(
      entry('const pad = 1;\nexport const entry = () => { throw new Error("find me"); };'),
    );
    const lines = Buffer.from(body).toString('latin1').split('\n');
    const line = lines.findIndex((text) => text.includes('find me'));
    const found = new SourceMap(JSON.parse(sourceMap)).findEntry(line, lines[line]!.indexOf('find me') - 1);
    expect(found).toMatchObject({ originalLine: 1 });
    expect((found as { originalSource: string }).originalSource).toMatch(/entry\.ts$/);
  });

  it.each([
    [
      'an import of Node',
      'import { readFileSync } from "node:fs"; export const entry = () => readFileSync;',
      /node:fs/,
    ],
    [
      'an import that is not there',
      'import x from "no-such-library"; export const entry = () => x;',
      /no-such-library/,
    ],
    ['a syntax error', 'export const entry = (', /entry\.ts:1/],
    ['no entry', 'export const other = 1;', /must export entry/],
    ['more than the entry', 'export const other = 1; export const entry = () => {};', /must export entry/],
  ])('refuses %s', async (_, text, message) => {
    await expect(bundlePayload(entry(text))).rejects.toThrow(PayloadError);
    await expect(bundlePayload(entry(text))).rejects.toThrow(message);
  });
});

describe('keys', () => {
  it.each(['ed25519', 'ecdsa-p256-sha256'] as const)('%s: generated, read back, signs and verifies', (algorithm) => {
    const generated = generateKey(algorithm);
    const key = readSigningKey(generated.privatePem);
    const publicKey = readBootKey(generated.publicPem);
    expect(key.bootKey).toEqual(publicKey);
    expect(publicKey).toMatchObject({ id: generated.id, algorithm });
    const signed = signImage(testImage({}, null), key);
    expect(verifyImage(signed, [publicKey])).toBeNull();
    expect(verifyImage(signed)).toBe(
      `The image is signed by key "${generated.id}", which is not among the keys given.`,
    );
    expect(verifyImage(signed, [{ ...publicKey, revoked: true }])).toMatch(/is revoked/);
    const again = signImage(signed, developmentKey());
    expect(again).toEqual(testImage());
  });

  it('says in one sentence what is no key', () => {
    expect(() => readSigningKey('rubbish')).toThrow(KeyError);
    expect(() => readBootKey('rubbish')).toThrow('This is not a public key in PEM form.');
    expect(readBootKey(generateKey('ed25519').publicPem, 'mine').id).toBe('mine');
  });

  it('says in one sentence what is wrong with an image', () => {
    const damaged = testImage();
    damaged[40]! ^= 1;
    expect(verifyImage(damaged)).toBe('The digest does not match: the image is damaged.');
    expect(verifyImage(testImage({}, null))).toBe('The image is not signed.');
    const impostor = readSigningKey(generateKey('ed25519').privatePem, 'development');
    expect(verifyImage(testImage({}, impostor))).toBe('The signature does not verify by key "development".');
    expect(() => verifyImage(new Uint8Array(50))).toThrow(ImageError);
    expect(() => verifyImage(new Uint8Array([...testImage(), 0]))).toThrow('1 octets follow the image.');
  });

  it.skipIf(!hasOpenSsl).each(['ed25519', 'ecdsa-p256-sha256'] as const)(
    'OpenSSL verifies a signature by %s over the documented octets',
    (algorithm) => {
      const generated = generateKey(algorithm);
      const octets = signImage(testImage(), readSigningKey(generated.privatePem));
      const image = readImage(octets);
      const file = (name: string, content: Uint8Array | string): string => {
        writeFileSync(join(directory, name), content);
        return join(directory, name);
      };
      const signed = file('signed', octets.subarray(0, image.signedLength));
      const digest = file('digest', execFileSync('openssl', ['dgst', '-sha256', '-binary', signed]));
      const publicKey = file('public.pem', generated.publicPem);
      const signature = file('signature', image.signature!.octets);
      const verify =
        algorithm === 'ed25519'
          ? ['pkeyutl', '-verify', '-pubin', '-inkey', publicKey, '-rawin', '-in', digest, '-sigfile', signature]
          : ['dgst', '-sha256', '-verify', publicKey, '-signature', signature, digest];
      expect(execFileSync('openssl', verify).toString()).toMatch(/Verified (OK|Successfully)|Verified Successfully/i);
    },
  );
});
