import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelNamed } from '../device/models.ts';
import { tunableValues } from '../hal/tunables.ts';
import { builtImages } from '../test/support/built-images.ts';
import { Census } from './census.ts';
import { EventStream, type StreamEvent } from './event-stream.ts';
import { fleetResult } from './fleet-result.ts';
import { macPlan } from './mac-plan.ts';
import { PrivateFile } from './private-file.ts';
import { Run, type RunOptions } from './run.ts';
import { VirtualWorld, type VirtualWorldOptions } from './virtual-world.ts';

const EPOCH = Date.UTC(2026, 10, 22, 8);
const never = new AbortController().signal;

function bench(count: number, differs: Partial<VirtualWorldOptions> = {}, options: Partial<RunOptions> = {}) {
  const events: StreamEvent[] = [];
  const stream = new EventStream();
  stream.listen((event) => events.push(event));
  const census = new Census(stream);
  const world = new VirtualWorld({
    seed: 1,
    phones: macPlan(3, count).map((mac) => ({ model: modelNamed('7975')!, mac, protocol: 'sccp' })),
    tunables: tunableValues(),
    realistic: false,
    powerSource: 'poe',
    sinks: census,
    epoch: EPOCH,
    images: builtImages(),
    ...differs,
  });
  census.expect(world.phones.map(({ board }) => board.deviceName));
  const run = new Run({
    world,
    census,
    rate: 100,
    exitWhen: 'registered',
    timeoutSeconds: 60,
    warp: true,
    stop: never,
    silence: never,
    alwaysLeave: false,
    canary: false,
    ...options,
  });
  const types = (type: string) => events.filter((event) => event.type === type);
  return { events, types, census, world, run };
}

describe('a run on the virtual wire', () => {
  it('registers all its phones, each counted once, and says so in one result', async () => {
    const { run, census, types } = bench(25, { lab: { protected: true } });
    const outcome = await run.watch();
    expect(outcome).toEqual({ kind: 'reached' });
    expect(types('registration.accepted')).toHaveLength(25);
    expect(new Set(types('registration.accepted').map(({ phone }) => phone)).size).toBe(25);
    const verdicts = census.verdicts();
    const facts = { census, run, outcome, verdicts, model: '7975', nic: 'virtual', macRun: 3, rate: 100, seed: 1 };
    const result = fleetResult({ ...facts, overrides: { 'tftp.tries': 3 } });
    expect(result).toMatchObject({
      outcome: 'reached',
      phones: 25,
      registered: 25,
      failures: {},
      rates: { configured: 100, offered: 100 },
      stages: { configuration: { count: 25 } },
      powerToRegistered: { count: 25 },
      generator: { ringDrops: 0 },
      tunables: { 'tftp.tries': 3 },
    });
    const { p50, p99, max } = census.measurements.powerToRegistered();
    expect(p50).toBeGreaterThan(0.1);
    expect(p99).toBeLessThanOrEqual(max);
  });

  it('ends with a verdict on each where not all can register', async () => {
    const { run, census } = bench(3, { lab: { devices: [] } }, { exitWhen: 'decided' });
    expect(await run.watch()).toEqual({ kind: 'reached' });
    expect(census.verdicts().map(({ cause }) => cause)).toEqual(Array(3).fill('register.rejected'));
  });

  it('that times out says so', async () => {
    const { run } = bench(1, { lab: { devices: [] } }, { timeoutSeconds: 0.2 });
    expect(await run.watch()).toEqual({ kind: 'timed-out' });
  });

  it('that is stopped leaves the network in order', async () => {
    const stop = new AbortController();
    const { run, world, types } = bench(
      2,
      {},
      { exitWhen: 'never', stop: stop.signal, whenAllRegistered: () => stop.abort() },
    );
    const outcome = await run.watch();
    expect(outcome).toEqual({ kind: 'stopped' });
    await run.leave(outcome);
    expect(world.phones.map(({ state }) => state)).toEqual(['off', 'off']);
    expect(types('registration.lost').map(({ reason }) => reason)).toEqual(['left', 'left']);
    expect(world.lab.dhcp.counters.release).toBe(2);
  });

  it('that is silenced says nothing more', async () => {
    const silence = new AbortController();
    silence.abort();
    const { run, world } = bench(1, {}, { silence: silence.signal, exitWhen: 'never' });
    const outcome = await run.watch();
    await run.leave(outcome);
    expect(outcome).toEqual({ kind: 'stopped' });
    expect(world.lab.dhcp.counters.release).toBe(0);
  });

  it('sends one phone first, and no other when that one fails', async () => {
    const { run, census } = bench(5, { lab: { devices: [] } }, { canary: true });
    const outcome = await run.watch();
    expect(outcome).toMatchObject({ kind: 'given-up', refused: false });
    expect(census.counts().started).toBe(1);
  });

  it('sends the others after the first', async () => {
    const { run, census, types } = bench(5, {}, { canary: true });
    expect(await run.watch()).toEqual({ kind: 'reached' });
    expect(census.counts()).toMatchObject({ started: 5, registered: 5 });
    const [first, second] = types('power.on').map(({ at }) => at);
    expect(second! - first!).toBeGreaterThan(0.1);
  });

  it('stops for a reason from outside', async () => {
    const { run } = bench(1, {}, { stopReason: () => ({ text: 'Stopped: enough.', refused: true }) });
    expect(await run.watch()).toEqual({ kind: 'given-up', text: 'Stopped: enough.', refused: true });
  });
});

describe('events', () => {
  it('are not made unless somebody listens to their type', () => {
    const stream = new EventStream();
    const heard: StreamEvent[] = [];
    const fields = {
      get costly(): string {
        throw new Error('nobody asked');
      },
    };
    stream.tell(0, null, 'panel', fields);
    stream.listen((event) => heard.push(event), ['verdict']);
    stream.tell(0, null, 'panel', fields);
    stream.tell(1_500_000, 'SEP020000000001', 'verdict', { cause: 'x' });
    expect(heard).toEqual([{ at: 1.5, phone: 'SEP020000000001', type: 'verdict', cause: 'x' }]);
  });

  it('have the time of day on a real timeline only', () => {
    const heard: StreamEvent[] = [];
    const stream = new EventStream(() => EPOCH);
    stream.listen((event) => heard.push(event));
    stream.tell(0, null, 'fleet.progress', {});
    expect(heard[0]!.time).toBe('2026-11-22T08:00:00.000Z');
  });

  it('go into a file that only its owner reads', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sepia-'));
    try {
      const path = join(directory, 'trace');
      const file = new PrivateFile(path);
      for (let line = 0; line < 10_000; line++) file.write(`${line}\n`);
      file.close();
      file.write('late');
      expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(10_001);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(() => new PrivateFile(directory)).toThrow(/cannot be written/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
