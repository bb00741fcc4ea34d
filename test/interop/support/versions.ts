import { spawnSync } from 'node:child_process';
import { release } from 'node:os';

/** The first thing that looks like a version in what a program says about itself. */
export function versionOf(program: string, ...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000 });
  return /\d+(?:\.\d+)+(?:-P\d+)?|(?<=iputils )\d{8}/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
}

export function kernelVersion(): string {
  return release();
}
