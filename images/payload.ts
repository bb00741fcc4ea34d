import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { type BuildFailure, build } from 'esbuild';
import { projectRoot } from './project-root.ts';

/** The body of an image, and the way back from its text to the sources. */
export interface BundledPayload {
  /** ASCII text of one expression that evaluates to the payload's entry function. */
  readonly body: Uint8Array;
  /** SHA-256 of the body, hexadecimal. */
  readonly digest: string;
  /** Source map, version 3, JSON; sources are relative to the project. */
  readonly sourceMap: string;
}

/** A payload that cannot be bundled. The message has esbuild's own words. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';
}

/** What esbuild leaves at the end of a module that exports `entry` and nothing else. */
const EXPORT = /export\s*\{\s*([\w$]+)(?:\s+as\s+entry)?\s*\};?\s*$/;
const HEAD = '(() => {"use strict";\n';

/**
 * Links a payload's modules and libraries into one expression. An import that stays unresolved (of Node, say) fails it, as there is nothing
 * on a board that could resolve it. The same sources give the same octets.
 *
 * @param entry path of the module that exports `entry: Payload`.
 */
export async function bundlePayload(entry: string): Promise<BundledPayload> {
  const root = projectRoot();
  const result = await build({
    entryPoints: [entry],
    absWorkingDir: root,
    outfile: 'payload.js',
    write: false,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2023',
    minify: true,
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: false,
    logLevel: 'silent',
  }).catch((error: BuildFailure) => {
    throw new PayloadError(`${relative(root, entry)} cannot be built: ${firstError(error)}`);
  });
  const file = (name: string): string => result.outputFiles.find((output) => output.path.endsWith(name))?.text ?? '';
  const module = file('payload.js');
  const exported = EXPORT.exec(module);
  if (exported === null) throw new PayloadError(`${relative(root, entry)} must export entry, and nothing else.`);
  const text = `${HEAD}${module.slice(0, exported.index)}\nreturn ${exported[1]};\n})()`;
  const body = new Uint8Array(Buffer.from(text, 'latin1'));
  return { body, digest: createHash('sha256').update(body).digest('hex'), sourceMap: shiftLines(file('.map')) };
}

/** In the `mappings` of a source map each line ends with a semicolon; ours are one line further down. */
function shiftLines(json: string): string {
  const map = JSON.parse(json) as { mappings: string };
  return JSON.stringify({ ...map, mappings: `;${map.mappings}` });
}

function firstError(error: BuildFailure): string {
  const [first] = error.errors ?? [];
  if (first === undefined) return error.message;
  const { location } = first;
  return location === null ? first.text : `${first.text} (${location.file}:${location.line})`;
}
