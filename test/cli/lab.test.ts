import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freeUdpPorts, RunningProgram } from '../support/running-program.ts';

let directory = '';
let running: RunningProgram[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sepia-'));
});

afterEach(async () => {
  await Promise.all(running.map((program) => program.stop()));
  running = [];
  rmSync(directory, { recursive: true });
});

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

function start(args: readonly string[], input: 'lines' | 'no-input' = 'lines'): RunningProgram {
  const program = new RunningProgram(args, input);
  running.push(program);
  return program;
}

const PLAN = `
connectionMonitorDuration: 1
devices:
  - name: SEP02005EC0FFEE
    model: 7975
    lines:
      - number: 0100
        label: Reception
`;

describe('sepia lab', () => {
  it('goes on without standard input until it is told to stop; of two with one API port the second says so', async () => {
    const [here, there] = await freeUdpPorts();
    const nic = (local: number, remote: number) => ['--nic', `udp:127.0.0.1:${local},127.0.0.1:${remote}`];
    const lab = start(['lab', ...nic(here, there), '--api', '0'], 'no-input');
    const api = lab.next('lab.api');
    await lab.next('lab.serving');
    const { port } = await api;
    const second = start(['lab', ...nic(there, here), '--api', String(port)], 'no-input');
    expect(await second.ended).toBe(2);
    expect(second.errors).toMatch(new RegExp(`^--api ${port}: listen EADDRINUSE`, 'm'));
    expect(await lab.stop()).toBe(0);
    running = [];
  }, 120_000);
});

describe('sepia lab and a phone on the other end of a wire', () => {
  it('registers what its plan knows; node stop and start lose it to the second node and have it back', async () => {
    const [here, there] = await freeUdpPorts();
    const lab = start([
      'lab',
      '--nic',
      `udp:127.0.0.1:${here},127.0.0.1:${there}`,
      file('plan.yaml', PLAN),
      '--api',
      '0',
    ]);
    const serving = lab.next('lab.serving');
    const api = lab.next('lab.api');
    await serving;
    const phone = start([
      ...['phone', '--nic', `udp:127.0.0.1:${there},127.0.0.1:${here}`, '--model', '7975', '--mac', '02005EC0FFEE'],
      ...['--set', 'callmanager.standbyRetry=1'],
    ]);
    expect(await phone.next('registration.accepted')).toMatchObject({ host: '10.100.0.11', lines: ['0100'] });

    const lost = phone.next('registration.lost');
    const second = phone.next('registration.accepted', { host: '10.100.0.12' });
    lab.type('node stop 1');
    expect(await lost).toMatchObject({ host: '10.100.0.11' });
    await second;

    const { port } = await api;
    const devices = await fetch(`http://127.0.0.1:${port as number}/devices`);
    expect(await devices.json()).toMatchObject([{ name: 'SEP02005EC0FFEE', numbers: ['0100'], registeredOn: 'cm2' }]);

    const back = phone.next('registration.accepted', { host: '10.100.0.11' });
    lab.type('node start 1');
    await back;
    expect(phone.events.filter(({ type }) => type === 'callmanager.connect')).not.toEqual([]);

    const refused = lab.next('lab.command', { command: 'node stop 9' });
    lab.type('node stop 9');
    expect(await refused).toMatchObject({ error: 'the number of a node is a whole number from 1 to 2' });
    expect(await phone.stop()).toBe(0);
    expect(await lab.stop()).toBe(0);
    running = [];
  }, 120_000);
});
