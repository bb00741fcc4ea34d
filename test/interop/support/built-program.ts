import { basename, join } from 'node:path';
import { buildSync } from 'esbuild';
import { projectRoot } from '../../../images/public.ts';
import { runName } from './interop-run.ts';

const built = new Map<string, string>();

/** A program of this folder as one JavaScript file that Node runs as it is; within the checkout, so that it finds packages. */
export function builtProgram(file: string): string {
  const known = built.get(file);
  if (known !== undefined) return known;
  const outfile = join(projectRoot(), '.cache', runName(), `${basename(file, '.ts')}.mjs`);
  buildSync({
    entryPoints: [join(import.meta.dirname, file)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  built.set(file, outfile);
  return outfile;
}
