import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PhoneReport } from '../../cli/boot-report.ts';
import { main } from '../../cli/main.ts';
import { tunableOverrides } from '../../cli/tunable-overrides.ts';
import { capturedWorld } from '../support/captured-world.ts';
import type { TestWorld, TestWorldOptions } from '../support/test-world.ts';

let out = '';
let err = '';
let directory = '';

beforeEach(() => {
  out = '';
  err = '';
  directory = mkdtempSync(join(tmpdir(), 'sepia-'));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

const path = (name: string): string => join(directory, name);

/** Writes the capture and the trace of a boot. */
function boot(name: string, options: TestWorldOptions = {}, prepare: (world: TestWorld) => void = () => {}): void {
  const { world, capture } = capturedWorld(options);
  prepare(world);
  world.powerOn(0);
  world.run(60);
  writeFileSync(path(`${name}.pcapng`), capture());
  const lines = world.events.map(({ at, phone, type, fields }) => JSON.stringify({ at, phone, type, ...fields }));
  writeFileSync(path(`${name}.ndjson`), `${lines.join('\n')}\n`);
}

const rejecting: TestWorldOptions = { lab: { callManager: { reject: () => 'Error DBConfig' } } };

function reports(): PhoneReport[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as PhoneReport);
}

describe('sepia explain', () => {
  it('prints the steps of a boot out of a capture, and ends well for a phone that is registered', async () => {
    boot('good');
    expect(await main(['explain', path('good.pcapng')])).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toBe('SEP020000000000');
    expect(lines[1]).toMatch(/^ {2}1 {2}Power +unseen +happens inside the phone$/);
    expect(lines[4]).toMatch(/^ {2}4 {2}IP address .* done +10\.100\.1\.0\/16, router 10\.100\.0\.1.* frames \d+/);
    expect(lines[9]).toMatch(/^ {2}9 {2}Call manager .* done +10\.100\.0\.11:2000 by SCCP, line 2001 /);
    expect(lines[10]).toBe('The phone is registered.');
    expect(lines[11]).toMatch(/^\d+ frames in /);
  });

  it('names the step that failed, the frames and what to look at', async () => {
    boot('bad', rejecting);
    expect(await main(['explain', path('bad.pcapng')])).toBe(1);
    expect(out).toMatch(
      /^Step 9, call-manager: The call manager rejected the registration: Error DBConfig \(register\.rejected\) See frames \d/m,
    );
    expect(out).toContain("  look at: the device in the call manager's database; ");
  });

  it('--json: one object a phone, the same out of the capture and out of the trace', async () => {
    boot('bad', rejecting);
    expect(await main(['explain', path('bad.pcapng'), '--json'])).toBe(1);
    const [seen] = reports();
    out = '';
    expect(await main(['explain', path('bad.ndjson'), '--json'])).toBe(1);
    const [told] = reports();
    const { stage, cause, text, lookAt, phone, outcome } = told!;
    expect(seen).toMatchObject({ stage, cause, text, lookAt, phone, outcome });
    expect(seen!.evidence!.length).toBeGreaterThan(0);
    // What a trace knows besides.
    expect(told!.steps.slice(0, 2).map((step) => step.outcome)).toEqual(['done', 'done']);
    const later = (report: PhoneReport) => report.steps.slice(2).map((step) => [step.stage, step.outcome, step.text]);
    expect(later(seen!)).toEqual(later(told!));
  });

  it('--phone: one of several', async () => {
    boot('good', { count: 2 }, (world) => world.powerOn(1));
    expect(await main(['explain', path('good.pcapng'), '--phone', 'SEP020000000001', '--json'])).toBe(0);
    expect(reports().map(({ phone }) => phone)).toEqual(['SEP020000000001']);
    expect(await main(['explain', path('good.pcapng'), '--phone', 'SEP00000000CAFE'])).toBe(1);
    expect(err).toContain('no telephone SEP00000000CAFE is in it.');
  });

  it('--against: nothing between a boot and itself, and what is other between two', async () => {
    boot('good');
    boot('bad', rejecting);
    expect(await main(['explain', path('good.pcapng'), '--against', path('good.pcapng')])).toBe(0);
    expect(out).toMatch(/No difference in \d+ messages\./);
    out = '';
    expect(await main(['explain', path('good.pcapng'), '--against', path('bad.pcapng')])).toBe(1);
    expect(out).toMatch(/^- frame \d+, .* from the network: SCCP RegisterAck/m);
    expect(out).toMatch(/^\+ frame \d+, .* from the network: SCCP RegisterReject/m);
  });

  it('--calibrate: a file that --set takes', async () => {
    const tunables = { 'dhcp.maximumMessageSize': 1200, 'cdp.ttl': 90 } as const;
    boot('other', { tunables });
    expect(await main(['explain', path('other.pcapng'), '--calibrate', path('other.set'), '--model', '7975'])).toBe(0);
    expect(tunableOverrides([`@${path('other.set')}`])).toEqual(tunables);
    expect(tunableOverrides([`@${path('other.set')}`, 'cdp.ttl=100'])).toEqual({ ...tunables, 'cdp.ttl': 100 });
    expect(statSync(path('other.set')).mode & 0o777).toBe(0o600);
    out = '';
    expect(await main(['explain', path('other.pcapng'), '--model', '7975', '--calibrate'])).toBe(0);
    expect(out).toBe(readFileSync(path('other.set'), 'utf8'));
  });
});

describe('what cannot be explained gets one sentence and exit code 2', () => {
  it.each<[args: string[], file: string | Uint8Array | null, sentence: RegExp]>([
    [[], null, /x cannot be read: ENOENT\.$/m],
    [[], '', /x is empty/],
    [[], 'GIF89a', /x is no capture/],
    [[], '{"at":1}\n', /x is no trace: line 1 lacks "at" or "type"/],
    [[], '{"at":1,"type":"status"}\n{"at":\n{}\n', /x is no trace: line 2 is not an object/],
    [[], '{"at":1,"phone":"SEP1","type":"tftp.server"}\n', /line 1, tftp\.server, lacks fields/],
    [['--calibrate'], '{}', /--calibrate needs --model/],
    [['--calibrate', '--model', '7975'], '{"at":1,"type":"status"}\n', /is a trace; --calibrate needs a capture/],
    [['--model', '7975'], '{}', /--model goes with --calibrate/],
    [['--calibrate', '--model', '12'], '{}', /--model "12" is not known/],
  ])('%j of %j', async (args, content, sentence) => {
    if (content !== null) writeFileSync(path('x'), content);
    expect(await main(['explain', path('x'), ...args])).toBe(2);
    expect(err).toMatch(sentence);
  });

  it.each([
    ['cdp.ttl', /--set @.*x, line 2: takes NAME=VALUE, not "cdp\.ttl"/],
    ['no.such=1', /line 2: there is no tunable "no\.such"/],
    ['cdp.ttl=9999', /line 2: cdp\.ttl takes a number from 10 to 255/],
  ])('--set @FILE with %s', async (line, sentence) => {
    writeFileSync(path('x'), `# first\n${line}\n`);
    expect(await main(['demo', '--set', `@${path('x')}`])).toBe(2);
    expect(err).toMatch(sentence);
    expect(await main(['demo', '--set', `@${path('y')}`])).toBe(2);
    expect(err).toMatch(/y cannot be read: ENOENT/);
  });
});
