import { readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../images/project-root.ts';
import { type BenchResult, formatBench } from './bench-result.ts';

/** Files of this room that are no benches. */
const NO_BENCH = new Set(['run.js', 'bench-result.js']);

/** Runs every bench, or those whose name contains one of the arguments, prints a table each and writes bench/results.json. */
async function main(wanted: readonly string[]): Promise<void> {
  const names = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith('.js') && !NO_BENCH.has(name))
    .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
  const results: BenchResult[] = [];
  for (const name of names.sort()) {
    const bench = (await import(join(import.meta.dirname, name))) as { run?: () => Promise<BenchResult> };
    if (bench.run === undefined) continue;
    const result = await bench.run();
    results.push(result);
    process.stdout.write(`${formatBench(result)}\n\n`);
  }
  const machine = { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length };
  writeFileSync(join(projectRoot(), 'bench', 'results.json'), `${JSON.stringify({ machine, results }, null, 2)}\n`);
}

await main(process.argv.slice(2));
