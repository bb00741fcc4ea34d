/**
 * Vectors that are not part of the project: they lie beside a checkout, or nowhere. A test that reads them is skipped where they do not:
 * `it.skipIf(sharedVectors === null)('…', …)`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const DIRECTORY = new URL('../../../shared/vectors/', import.meta.url);

/** The directory; null when it is not there. */
export const sharedVectors: URL | null = existsSync(DIRECTORY) ? DIRECTORY : null;

/** Octets of `configs/properties.xml`, say; null when it is not there. */
export function sharedVector(path: string): Uint8Array | null {
  const file = new URL(path, DIRECTORY);
  return existsSync(file) ? new Uint8Array(readFileSync(file)) : null;
}

/** Names in a folder of the vectors, sorted; none when it is not there. */
export function sharedVectorNames(folder: string): string[] {
  const directory = new URL(`${folder}/`, DIRECTORY);
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}
