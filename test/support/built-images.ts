import type { ImageReader } from '../../fleet/flash-stock.ts';
import { allManifests, bundlePayload, developmentKey, packImage } from '../../images/public.ts';

const payloads = new Map<string, Awaited<ReturnType<typeof bundlePayload>>>();
const images = new Map<string, Uint8Array>();

// Bundled from the sources as they are now, once for each file of tests: what runs in the flash of a test's phones is this checkout.
for (const { entry } of allManifests()) {
  if (!payloads.has(entry)) payloads.set(entry, await bundlePayload(entry));
}

/** Images out of the sources under test. */
export function builtImages(): ImageReader {
  return (name) => {
    const known = images.get(name);
    if (known !== undefined) return known;
    const manifest = allManifests().find((one) => one.name === name);
    if (manifest === undefined) throw new Error(`no image is called ${name}`);
    const image = packImage(payloads.get(manifest.entry)!, manifest, developmentKey());
    images.set(name, image);
    return image;
  };
}
