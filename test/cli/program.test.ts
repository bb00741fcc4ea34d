import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { STAGE_NAMES } from '../../hal/trace.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts the built program; `heard` is called with all that it has written on standard output so far. */
function sepia(args: readonly string[], heard: (out: string, child: ChildProcess) => void = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, ['bin/sepia.js', ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    heard(out, child);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

function objects(out: string): Record<string, unknown>[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the program', () => {
  it('demo --json prints objects only: nine steps entered and left, the registration, a verdict last', async () => {
    const { code, out } = await sepia(['demo', '--json', '--exit-when', 'registered', '--timeout', '60']);
    expect(code).toBe(0);
    const events = objects(out);
    const stages = (type: string) => events.filter((event) => event.type === type).map(({ stage }) => stage);
    expect(stages('stage.enter')).toEqual(STAGE_NAMES);
    expect(stages('stage.leave')).toEqual(STAGE_NAMES);
    expect(events.filter(({ type }) => type === 'registration.accepted')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: 'verdict', outcome: 'registered', cause: 'registered' });
    for (const event of events) expect(event).toMatchObject({ at: expect.any(Number), type: expect.any(String) });
  });

  it.each(['authenticated', 'encrypted'])('demo --security %s ends with a registration over TLS', async (security) => {
    const options = ['--exit-when', 'registered', '--timeout', '60'];
    const { code, out } = await sepia(['demo', '--security', security, '--json', ...options]);
    expect(code).toBe(0);
    const accepted = objects(out).find(({ type }) => type === 'registration.accepted');
    expect(accepted).toMatchObject({ transport: 'tls', port: 2443 });
  });

  it('phone --security on the virtual wire registers over TLS; --keylog keeps the secrets of its sessions for their owner', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sepia-keylog-'));
    const keyLog = join(folder, 'keys.txt');
    const wire = ['--nic', 'virtual', '--model', '8861', '--security', 'encrypted', '--keylog', keyLog];
    const { code, out } = await sepia(['phone', ...wire, '--json', '--exit-when', 'registered', '--timeout', '60']);
    expect(code).toBe(0);
    const accepted = objects(out).find(({ type }) => type === 'registration.accepted');
    expect(accepted).toMatchObject({ transport: 'tls', protocol: 'sip', port: 5061 });
    expect(readFileSync(keyLog, 'utf8')).toMatch(/^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/m);
    expect(statSync(keyLog).mode & 0o777).toBe(0o600);
    rmSync(folder, { recursive: true });
  });

  it('demo without a terminal prints plain lines: where the flash lives first, the nine steps, the screen', async () => {
    const { code, out, err } = await sepia(['demo', '--seed', '7', '--exit-when', 'registered', '--timeout', '60']);
    expect(code).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
    expect(out).not.toMatch(/\u001b/);
    const lines = out.split('\n');
    expect(lines[0]).toContain('flash lives in memory');
    for (const [index] of STAGE_NAMES.entries())
      expect(lines[index + 1]).toMatch(new RegExp(`^ {2}${index + 1} {2}\\S`));
    expect(out).toContain('│ 08:00 11/22/26  2001');
    expect(err.replace(/^sepia: .*\n/gm, '')).toBe('');
  });

  it('Ctrl-C unregisters and ends well', async () => {
    let told = false;
    const { code, out } = await sepia(['demo', '--json'], (soFar, child) => {
      if (told || !soFar.includes('registration.accepted')) return;
      told = true;
      child.kill('SIGINT');
    });
    expect(code).toBe(0);
    const events = objects(out);
    expect(events.find(({ type }) => type === 'registration.lost')).toMatchObject({ reason: 'left' });
    expect(events.map(({ type }) => type)).toContain('power.off');
  });

  it('ends with its reader', async () => {
    const { code, err } = await sepia(['demo', '--json'], (_out, child) => child.stdout!.destroy());
    expect(code).toBe(0);
    expect(err).not.toContain('EPIPE');
  });
});
