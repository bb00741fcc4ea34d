#!/usr/bin/env node
// Starts Sepia. In a checkout it first sets itself up when something is missing or stale; an installed package has no scripts/.
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Sepia needs Node 20.19 or later; this is ${process.version}.\n`);
  process.exit(4);
}

const setUpScript = new URL('../scripts/set-up.js', import.meta.url);
if (existsSync(setUpScript)) {
  const { setUp } = await import(setUpScript.href);
  const status = await setUp();
  if (status !== 0) process.exit(status);
}

const { main } = await import(new URL('../dist/cli/main.js', import.meta.url).href);
process.exitCode = await main(process.argv.slice(2));
