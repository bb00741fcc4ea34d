import { readFileSync, writeFileSync } from 'node:fs';
import { UsageError } from './usage-error.ts';

/** Keys, dumps. */
const MODE_OWNER_ONLY = 0o600;

/** Throws UsageError with one sentence. */
export function readOctets(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${codeOf(error)}.`);
  }
}

/** Throws UsageError with one sentence; also when the file exists, unless it may be written over. */
export function writeOctets(
  path: string,
  octets: Uint8Array | string,
  { secret = false, over = false }: { readonly secret?: boolean; readonly over?: boolean } = {},
): void {
  try {
    writeFileSync(path, octets, { flag: over ? 'w' : 'wx', ...(secret ? { mode: MODE_OWNER_ONLY } : {}) });
  } catch (error) {
    const code = codeOf(error);
    throw new UsageError(
      code === 'EEXIST'
        ? `${path} exists already; give another name or --force.`
        : `${path} cannot be written: ${code}.`,
    );
  }
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
