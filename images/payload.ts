import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { type BuildFailure, type BuildOptions, build, type Message } from 'esbuild';
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

/** Makes esbuild refuse what makes a promise; with generators alone it would rewrite async functions instead. */
const NO_PROMISES = {
  'async-await': false,
  'async-generator': false,
  'for-await': false,
  'top-level-await': false,
  generator: false,
} as const;
/** What it then says of ordinary generators, which are welcome. */
const OF_GENERATORS = 'Transforming generator functions ';

/**
 * Links a payload's modules and libraries into one expression. An import that stays unresolved (of Node, say) fails it, as there is nothing
 * on a board that could resolve it; so do async functions and `import()`, as nobody on a board runs what a promise leaves for later. The same sources give the
 * same octets.
 *
 * @param entry path of the module that exports `entry: Payload`.
 */
export async function bundlePayload(entry: string): Promise<BundledPayload> {
  const root = projectRoot();
  const options = {
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
    logLimit: 0,
  } as const satisfies BuildOptions;
  const refuse = (why: string): never => {
    throw new PayloadError(`${relative(root, entry)} cannot be built: ${why}`);
  };
  const result = await build({ ...options, metafile: true }).catch((error: BuildFailure) =>
    refuse(errorText(error.errors?.[0]) ?? error.message),
  );
  const promise = await firstPromise(options);
  if (promise !== undefined) refuse(`a payload cannot wait for promises${placeOf(promise)}`);
  const file = (name: string): string => result.outputFiles.find((output) => output.path.endsWith(name))?.text ?? '';
  const module = file('payload.js');
  const imports = Object.values(result.metafile.inputs).flatMap((input) => input.imports);
  if (imports.some(({ kind }) => kind === 'dynamic-import') || /\bimport\(/.test(module)) {
    refuse('a payload cannot import() anything when it runs');
  }
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

/** The first place where code makes a promise. */
async function firstPromise(options: BuildOptions): Promise<Message | undefined> {
  const check = build({ ...options, supported: NO_PROMISES });
  const errors: readonly Message[] = await check.then(
    () => [],
    (error: BuildFailure) => error.errors ?? [],
  );
  return errors.find(({ text }) => !text.startsWith(OF_GENERATORS));
}

function errorText(error: Message | undefined): string | undefined {
  return error === undefined ? undefined : `${error.text}${placeOf(error)}`;
}

function placeOf({ location }: Message): string {
  return location === null ? '' : ` (${location.file}:${location.line})`;
}
