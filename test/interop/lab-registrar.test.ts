/** The lab's call manager judged by SIPp: phones that nobody here wrote register, refresh, ask and leave, with digest, over UDP and TCP. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseIpv4 } from '../../firmware/wire/address.ts';
import { HostTimeline } from '../../hal/host/timeline.ts';
import { DeviceTable } from '../../lab/device-table.ts';
import { KernelSockets } from '../../lab/kernel-sockets.ts';
import { SipCallManager } from '../../lab/sip-call-manager/sip-call-manager.ts';
import { eventually } from './support/eventually.ts';
import { CALLED_PHONE, CALLING_PHONE, WAITING_PHONE } from './support/foreign-sip-call.ts';
import { FOREIGN_SIP_PHONE } from './support/foreign-sip-phone.ts';
import { peerRan, runFolder } from './support/interop-run.ts';
import { versionOf } from './support/versions.ts';

/** It says its version with exit code 99. */
const SIPP_PRESENT = spawnSync('sipp', ['-v']).error === undefined;

const LOOPBACK = '127.0.0.1';
const PORT = 5070;
const PHONES = 20;

let timeline: HostTimeline | null = null;
let manager: SipCallManager | null = null;

afterEach(() => {
  manager?.stop('fin');
  timeline?.close();
});

/** A registrar that knows phones of another maker, `2000` to `2019`, each with a password of its own. */
async function registrar(): Promise<SipCallManager> {
  timeline = new HostTimeline();
  const sockets = new KernelSockets({ timeline, address: parseIpv4(LOOPBACK)! });
  const devices = new DeviceTable();
  for (let index = 0; index < PHONES; index++) {
    const number = String(2000 + index);
    devices.add({
      name: `SEP0200000000${index.toString(16).padStart(2, '0').toUpperCase()}`,
      model: '7960',
      deviceType: 7,
      protocol: 'sip',
      lines: [
        { directoryNumber: number, label: number, displayName: '', authName: number, authPassword: `pw${number}` },
      ],
    });
  }
  manager = new SipCallManager({
    name: 'cm1',
    node: LOOPBACK,
    timeline,
    sockets,
    devices,
    port: PORT,
    digest: { realm: 'lab.example' },
    epoch: Date.now(),
  });
  manager.start();
  await sockets.ready();
  return manager;
}

interface SippRun {
  readonly child: ChildProcess;
  /** Code 0 when every call of SIPp's went through the whole of its scenario. */
  readonly over: Promise<{ readonly code: number | null; readonly said: string }>;
}

/** A process of SIPp that is the phones `first` and on; `more` adds arguments, and a third field for each phone. */
function sipp(
  name: string,
  mode: string,
  scenario: string,
  { first = 2000, count = PHONES, more = [] as readonly string[], third = (_user: number): string => '' } = {},
): SippRun {
  const file = join(runFolder(), `${name}-${mode}.xml`);
  const users = join(runFolder(), `${name}-${mode}.csv`);
  writeFileSync(file, scenario);
  const row = (user: number): string => `${user};[authentication username=${user} password=pw${user}]${third(user)}`;
  const rows = Array.from({ length: count }, (_, index) => row(first + index));
  writeFileSync(users, ['SEQUENTIAL', ...rows].join('\n'));
  const how = ['-m', `${count}`, '-r', '50', '-t', mode, '-i', LOOPBACK, '-inf', users, '-nostdin', ...more];
  const errors = join(runFolder(), `${name}-${mode}.errors`);
  const end = ['-max_socket', '1000', '-timeout_error', '-trace_err', '-error_file', errors];
  const child = spawn('sipp', [`${LOOPBACK}:${PORT}`, '-sf', file, ...how, ...end], { stdio: 'ignore' });
  const said = (): string => (existsSync(errors) ? readFileSync(errors, 'utf8') : '');
  return { child, over: new Promise((resolve) => child.on('close', (code) => resolve({ code, said: said() }))) };
}

describe.skipIf(!SIPP_PRESENT)("the lab's registrar and phones of SIPp", () => {
  it.each(['u1', 'tn'])('REGISTER with digest, refresh, OPTIONS, leave (%s)', async (mode) => {
    const { counters } = await registrar();
    const { code, said } = await sipp('foreign', mode, FOREIGN_SIP_PHONE, { more: ['-timeout', '30'] }).over;
    expect(code, said).toBe(0);
    expect(counters).toMatchObject({
      registrations: PHONES,
      unregistrations: PHONES,
      registered: 0,
      challenges: PHONES,
      rejections: 0,
      bad: 0,
      garbled: 0,
    });
    peerRan(
      'SIPp',
      versionOf('sipp', '-v'),
      `${PHONES} phones of another maker, ${mode === 'u1' ? 'UDP' : 'TCP, a connection each'}`,
    );
  });

  const half = PHONES / 2;

  it.each([
    ['answers', 'u1', 'u1'],
    ['answers', 'tn', 'tn'],
    ['answers', 'u1', 'tn'],
    ['answers', 'tn', 'u1'],
    ['refuses', 'u1', 'u1'],
    ['is too slow', 'u1', 'u1'],
  ] as const)(
    'calls between two processes of SIPp: the called phone %s (%s calls %s)',
    // SIPp plays a scenario to the letter and never goes back: on a machine that stands still for half a second, its own repeated datagrams put it out of step.
    { retry: 2 },
    async (does, calling, called) => {
      const { counters, switchboard } = await registrar();
      const answering = join(runFolder(), 'called.xml');
      const log = join(runFolder(), `called ${does} ${calling} ${called}.log`);
      writeFileSync(answering, CALLED_PHONE[does]);
      rmSync(log, { force: true });
      const waiting = sipp('waiting', called, WAITING_PHONE, {
        first: 2000 + half,
        count: half,
        more: ['-oocsf', answering, '-trace_logs', '-log_file', log],
      });
      const done = (): number => (existsSync(log) ? readFileSync(log, 'utf8').split('done').length - 1 : 0);
      try {
        await eventually('the phones that are called are registered', 15, () =>
          counters.registered === half ? true : null,
        );
        const callers = sipp('calling', calling, CALLING_PHONE[does], {
          count: half,
          more: ['-timeout', '30'],
          third: (user) => `;${user + half}`,
        });
        const { code, said } = await callers.over;
        expect(code, said).toBe(0);
        await eventually('the called phones have seen their calls to the end', 15, () =>
          done() === half ? true : null,
        );
      } finally {
        waiting.child.kill('SIGKILL');
        await waiting.over;
      }
      expect(switchboard.legs).toBe(0);
      expect(switchboard.counters).toMatchObject({ calls: half, answered: does === 'answers' ? half : 0 });
      expect(counters).toMatchObject({ unregistrations: half, rejections: 0, bad: 0, garbled: 0 });
      peerRan('SIPp', versionOf('sipp', '-v'), "two phones of another maker in a call through the lab's call manager");
    },
  );
});
