/** The lab's call manager judged by SIPp: phones that nobody here wrote register, refresh, ask and leave, with digest, over UDP and TCP. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { parseIpv4 } from '../../firmware/wire/address.ts';
import { HostTimeline } from '../../hal/host/timeline.ts';
import { DeviceTable } from '../../lab/device-table.ts';
import { KernelSockets } from '../../lab/kernel-sockets.ts';
import { SipCallManager } from '../../lab/sip-call-manager/sip-call-manager.ts';
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

/** Exit code of SIPp: 0 when every phone went through the whole of its scenario. */
function phones(mode: string): Promise<{ code: number | null; said: string }> {
  const scenario = join(runFolder(), `foreign-${mode}.xml`);
  const users = join(runFolder(), `users-${mode}.csv`);
  writeFileSync(scenario, FOREIGN_SIP_PHONE);
  const rows = Array.from({ length: PHONES }, (_, index) => 2000 + index);
  const row = (user: number): string => `${user};[authentication username=${user} password=pw${user}]`;
  writeFileSync(users, ['SEQUENTIAL', ...rows.map(row)].join('\n'));
  const how = [
    '-m',
    String(PHONES),
    '-r',
    '50',
    '-t',
    mode,
    '-i',
    LOOPBACK,
    '-inf',
    users,
    '-nostdin',
    '-max_socket',
    '1000',
  ];
  const end = ['-timeout', '30', '-timeout_error', '-trace_err', '-error_file', '/dev/stderr'];
  const child = spawn('sipp', [`${LOOPBACK}:${PORT}`, '-sf', scenario, ...how, ...end], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })));
}

describe.skipIf(!SIPP_PRESENT)("the lab's registrar and phones of SIPp", () => {
  it.each(['u1', 'tn'])('REGISTER with digest, refresh, OPTIONS, leave (%s)', async (mode) => {
    const { counters } = await registrar();
    const { code, said } = await phones(mode);
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
});
