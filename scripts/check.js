// Types of all projects, lint, dead code, architecture. Runs all of them, also when one fails, and says which did.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const CHECKS = [
  ['types', 'tsc', '-b'],
  ['lint', 'biome', 'check', '.'],
  ['dead code', 'knip'],
  ['architecture', 'vitest', 'run', 'test/architecture.test.ts', '--reporter=dot'],
];

const failed = CHECKS.filter(([name, command, ...args]) => {
  process.stdout.write(`check: ${name}\n`);
  return spawnSync(`node_modules/.bin/${command}`, args, { cwd: ROOT, stdio: 'inherit' }).status !== 0;
});

process.stdout.write(`check: ${CHECKS.length - failed.length} passed, ${failed.length} failed\n`);
for (const [name] of failed) process.stdout.write(`check failed: ${name}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
