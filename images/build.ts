import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectImage } from './inspect.ts';
import { developmentKey, type SigningKey } from './key.ts';
import { allManifests, type Manifest } from './manifests.ts';
import { packImage } from './pack.ts';
import { type BundledPayload, bundlePayload } from './payload.ts';
import { imageDirectory } from './project-root.ts';
import { strangersKey, type TestManifest, testManifests } from './test-manifests.ts';

export interface BuildOptions {
  readonly outDir?: string;
  /** Names of images (`recovery`, a load name); all of them without it. */
  readonly only?: readonly string[];
  /** The development key without it. */
  readonly key?: SigningKey;
  /** Deflates the bodies. */
  readonly compress?: boolean;
}

export interface BuiltImage {
  readonly manifest: Manifest;
  readonly path: string;
  readonly size: number;
  readonly bodyDigest: string;
}

/** A name that no manifest has. The message is one sentence. */
export class UnknownImageError extends Error {
  override readonly name = 'UnknownImageError';
}

/**
 * Builds images and writes them, with the source map of each payload beside them, named by the digest of its body. All loads of one
 * payload have the same body, octet for octet. Throws PayloadError or UnknownImageError before anything is written.
 */
export async function buildImages(options: BuildOptions = {}): Promise<BuiltImage[]> {
  const outDir = options.outDir ?? imageDirectory();
  const { key = developmentKey(), compress = false } = options;
  const manifests = select([...allManifests(), ...testManifests()], options.only ?? null);
  const payloads = new Map<string, BundledPayload>();
  for (const entry of new Set(manifests.map((manifest) => manifest.entry)))
    payloads.set(entry, await bundlePayload(entry));

  mkdirSync(outDir, { recursive: true });
  if (options.only === undefined) removeStale(outDir);
  return manifests.map((manifest) => {
    const payload = payloads.get(manifest.entry)!;
    const image = packImage(payload, { ...manifest, compress }, signerOf(manifest, key));
    const { bodyDigest } = inspectImage(image);
    writeFileSync(join(outDir, sourceMapName(bodyDigest)), payload.sourceMap);
    const path = join(outDir, imageFileName(manifest.name));
    writeFileSync(path, image);
    return { manifest, path, size: image.length, bodyDigest };
  });
}

/** Who signs an image when `key` is given for all: null for nobody. */
export function signerOf(manifest: Manifest | TestManifest, key: SigningKey): SigningKey | null {
  if (!('signedBy' in manifest) || manifest.signedBy === 'given-key') return key;
  return manifest.signedBy === 'stranger' ? strangersKey() : null;
}

/** `SCCP75.9-4-2SR3-1S.img`. */
export function imageFileName(name: string): string {
  return `${name}.img`;
}

/** The source map of a payload, by the digest of its body, which `BootDecision` gives as well. */
export function sourceMapName(bodyDigest: string): string {
  return `${bodyDigest.slice(0, 16)}.map`;
}

function select(manifests: readonly Manifest[], only: readonly string[] | null): Manifest[] {
  if (only === null) return [...manifests];
  return only.map((name) => {
    const found = manifests.find((manifest) => manifest.name === name);
    if (found === undefined) {
      throw new UnknownImageError(
        `There is no image "${name}"; there are ${manifests.map((each) => each.name).join(', ')}.`,
      );
    }
    return found;
  });
}

/** What an earlier build left and no manifest names any more would be taken for an image of now. */
function removeStale(outDir: string): void {
  for (const name of readdirSync(outDir)) if (/\.(img|map)$/.test(name)) rmSync(join(outDir, name));
}
