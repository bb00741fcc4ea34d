import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { projectRoot } from '../../images/project-root.ts';
import { testImageNamed } from '../support/test-images.ts';

/** Inside the project, so that the thread finds its libraries. */
const directory = mkdtempSync(join(projectRoot(), 'node_modules', '.leak-'));
const program = join(directory, 'shard.mjs');

beforeAll(async () => {
  await build({
    entryPoints: [join(projectRoot(), 'test', 'support', 'leaking-shard.ts')],
    outfile: program,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
  });
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs an image in a thread of its own with 64 MiB of heap, and says how the thread ended. */
function shardWith(image: Uint8Array): Promise<string> {
  const worker = new Worker(program, {
    workerData: image,
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16 },
  });
  return new Promise((resolve) => {
    let end = 'exit';
    worker.on('error', (error: Error & { code?: string }) => {
      end = error.code ?? error.message;
    });
    worker.on('exit', () => resolve(end));
  });
}

it('a load that leaks ends its shard, and the process goes on', async () => {
  expect(await shardWith(await testImageNamed('leaks'))).toBe('ERR_WORKER_OUT_OF_MEMORY');
  expect(await shardWith(await testImageNamed('crashes-at-boot'))).toBe('exit');
}, 60_000);
