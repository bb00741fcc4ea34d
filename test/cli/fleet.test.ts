import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sepia, type ToldEvent } from '../support/built-program.ts';
import { testImageNamed } from '../support/test-images.ts';

/** Runs a fleet to its end. */
async function fleet(...args: readonly string[]) {
  const ended = await sepia('fleet', '--json', '--quiet', '--timeout', '120', ...args);
  const events = ended.events();
  return { ...ended, of: (type: string) => events.filter((event) => event.type === type) };
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sepia-shards-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function imageFile(name: string): Promise<string> {
  const path = join(folder, `${name}.img`);
  writeFileSync(path, await testImageNamed(name));
  return path;
}

describe('a fleet', () => {
  it('tells what happened to phones, then one result; all events go to the trace, which is private', async () => {
    const trace = join(folder, 'trace');
    const args = ['--count', '4', '--exit-when', 'registered', '--set', 'tftp.tries=5', '--trace', trace];
    const { code, of, events } = await fleet(...args);
    expect(code).toBe(0);
    expect(of('registration.accepted')).toHaveLength(4);
    expect(of('verdict')).toHaveLength(4);
    expect(of('dhcp.bound')).toHaveLength(0);
    expect(events().at(-1)).toMatchObject({ type: 'fleet.result', registered: 4, tunables: { 'tftp.tries': 5 } });
    expect(readFileSync(trace, 'latin1').match(/"dhcp.bound"/g)).toHaveLength(4);
    expect(statSync(trace).mode & 0o777).toBe(0o600);
  });

  it('of a secure cluster says with how many different keys its phones have proved who they are', async () => {
    const { code, of } = await fleet('--count', '3', '--security', 'encrypted', '--exit-when', 'registered');
    expect(code).toBe(0);
    expect(of('registration.accepted')).toMatchObject(Array(3).fill({ transport: 'tls' }));
    const [result] = of('fleet.result');
    expect(result!.generator).toMatchObject({ identityKeys: 3 });
  });

  it('that times out names its phones, with exit code 3', async () => {
    const args = ['--count', '9', '--exit-when', 'registered', '--timeout', '0.001', '--quiet'];
    const { code, out, err } = await sepia('fleet', ...args);
    expect(code).toBe(3);
    expect(err).toMatch(/^Timed out: \d phones are not there yet: SEP[0-9A-F]{12}, .* more\.\n$/);
    expect(out).toBe('');
  });
});

describe('a fleet whose phones call each other', () => {
  it('accounts for every call in its result', async () => {
    const { code, of } = await fleet('--count', '6', '--shards', '2', '--calls', '3', '--talk', '1', '--timeout', '10');
    expect(code).toBe(0);
    const [result] = of('fleet.result');
    const { attempted, answered, failed, underWay } = result!.calls as Record<string, number>;
    expect(failed).toEqual({});
    expect(answered! + underWay!).toBe(attempted);
  });

  it.each([
    [['--talk', '5'], '--talk says how long the calls of --calls last, and there is no --calls.'],
    [['--calls', '1', '--exit-when', 'registered'], '--exit-when registered would end the run before.'],
    [['--calls', '1', '--count', '5', '--shards', '3'], '--calls takes two phones a shard: --count 6 or more.'],
    [['--calls', '1', '--nic', 'eth0'], '--calls concerns the virtual wire'],
  ])('%j is refused', async (args, sentence) => {
    const { code, err } = await sepia('fleet', '--count', '4', ...args);
    expect(code).toBe(2);
    expect(err).toContain(sentence);
  });
});

describe('a fleet in shards', () => {
  it('registers the phones of all shards, each with a number of its own, in one result', async () => {
    const { code, of } = await fleet('--count', '31', '--shards', '3', '--exit-when', 'registered');
    expect(code).toBe(0);
    const accepted = of('registration.accepted');
    expect(new Set(accepted.map(({ phone }) => phone)).size).toBe(31);
    expect(new Set(accepted.map(({ lines }) => String(lines))).size).toBe(31);
    const [result] = of('fleet.result');
    expect(result).toMatchObject({ outcome: 'reached', phones: 31, registered: 31 });
    expect((result!.generator as ToldEvent).shards).toEqual([
      { shard: 1, phones: 10, restarts: 0 },
      { shard: 2, phones: 10, restarts: 0 },
      { shard: 3, phones: 11, restarts: 0 },
    ]);
  });

  it('upgrades them, and counts them as registered with the new load', async () => {
    const image = await imageFile('newer');
    const { code, of } = await fleet('--count', '4', '--shards', '2', '--upgrade', image, '--exit-when', 'registered');
    expect(code).toBe(0);
    expect(new Set(of('verdict').map(({ load }) => load))).toEqual(new Set(['SCCPnewer.9-5-1S']));
  });

  it('starts a shard again that a leaking load has driven out of memory, reports it, and gives it up in the end', async () => {
    const image = await imageFile('leaks');
    const args = ['--count', '2', '--heap', '64', '--upgrade', image, '--exit-when', 'registered'];
    const { code, err, of } = await fleet(...args);
    expect(of('fleet.shard').map(({ reason, outcome }) => `${reason} ${outcome}`)).toEqual([
      'out-of-memory restarted',
      'out-of-memory restarted',
      'out-of-memory restarted',
      'out-of-memory given-up',
    ]);
    expect(of('verdict').map(({ cause }) => cause)).toEqual(['shard.out-of-memory', 'shard.out-of-memory']);
    expect((of('fleet.result')[0]!.generator as ToldEvent).shards).toEqual([{ shard: 1, phones: 2, restarts: 3 }]);
    expect(err).toBe('Shard 1, 2 phones, needed more than 64 MiB of heap 4 times.\n');
    expect(code).toBe(1);
  }, 120_000);

  it('a load that crashes costs no shard', async () => {
    const image = await imageFile('crashes-at-boot');
    const { code, of } = await fleet('--count', '2', '--upgrade', image, '--exit-when', 'registered');
    expect(of('fleet.shard')).toEqual([]);
    expect(of('fault').length).toBeGreaterThan(0);
    expect(code).toBe(0);
  });
});
