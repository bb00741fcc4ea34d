import type { PackOptions } from '../../images/public.ts';
import { bundlePayload, developmentKey, packImage, signerOf, testManifests } from '../../images/public.ts';

const payloads = new Map<string, Awaited<ReturnType<typeof bundlePayload>>>();

/** The image for tests of that name (`newer`, `never-registers`), out of the sources under test; `differs` overrides its manifest. */
export async function testImageNamed(name: string, differs: Partial<PackOptions> = {}): Promise<Uint8Array> {
  const manifest = testManifests().find((one) => one.name === `test-${name}`);
  if (manifest === undefined) throw new Error(`no test image is called ${name}`);
  let payload = payloads.get(manifest.entry);
  if (payload === undefined) {
    payload = await bundlePayload(manifest.entry);
    payloads.set(manifest.entry, payload);
  }
  return packImage(payload, { ...manifest, ...differs }, signerOf(manifest, developmentKey()));
}
