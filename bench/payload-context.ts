import { join } from 'node:path';
import vm from 'node:vm';
import { Cpu, isCpuFault } from '../device/cpu.ts';
import type { BootRecord, EntryPoints, Payload } from '../hal/entry-points.ts';
import type { Hal } from '../hal/hal.ts';
import { bundlePayload, projectRoot } from '../images/public.ts';
import { deviceFileText } from '../lab/device-file-text.ts';
import type { BenchResult, BenchRow } from './bench-result.ts';

/** Alternating, and the fastest turn counts: whatever else the machine does only adds. */
const TURNS = 81;
const FRAMES_A_TURN = 2_000;
const CONFIGURATIONS_A_TURN = 15;

/** A CDP announcement of a switch with a voice VLAN, as published. */
const CDP =
  '02b4eed80001000b53572d33353630000300134661737445746865726e6574302f330004000800000028000a00060001000b000501' +
  '000e00070100680012000500001300050000' +
  '1a0010096500030000189cffffffff';

/** What the board would hand over, as far as the workload looks at it. */
function halWith(configuration: Uint8Array): Hal {
  return { flash: { size: configuration.length, read: () => configuration } } as unknown as Hal;
}

/** A DHCP OFFER (RFC 2131) with the options that a voice network gives, then the CDP announcement. */
function frame(): { readonly bytes: Uint8Array; readonly dhcpLength: number } {
  const offer = new Uint8Array(300);
  offer.set([2, 1, 6, 0, 0x39, 0x03, 0xf3, 0x26]);
  offer.set([10, 0, 0, 5], 16);
  const options =
    '638253633501023604' +
    '0a000001' +
    '330400015180' +
    '0104ffffff00' +
    '03040a000001' +
    '96080a0000020a000003' +
    'ff';
  offer.set(Buffer.from(options, 'hex'), 236);
  const bytes = new Uint8Array(offer.length + CDP.length / 2);
  bytes.set(offer);
  bytes.set(Buffer.from(CDP, 'hex'), offer.length);
  return { bytes, dhcpLength: offer.length };
}

function configuration(): Uint8Array {
  const callManagers = ['10.0.0.2', '10.0.0.3', '10.0.0.4'].map((processNodeName) => ({
    name: processNodeName,
    processNodeName,
    sccpPort: 2000,
    sipPort: 5060,
  }));
  const settings = { protocol: 'sccp', timeZone: 'W. Europe Standard/Daylight Time', dateTemplate: 'D.M.Y' } as const;
  return Buffer.from(deviceFileText({ ...settings, callManagers, ntpServers: ['10.0.0.1'], vendorConfig: {} }));
}

/** Microseconds a call, over a turn. */
function microseconds(calls: number, call: () => void): number {
  const start = process.hrtime.bigint();
  for (let index = 0; index < calls; index++) call();
  return Number(process.hrtime.bigint() - start) / 1_000 / calls;
}

function compare(metric: string, calls: number, inside: () => void, outside: () => void): BenchRow[] {
  const within: number[] = [];
  const without: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    within.push(microseconds(calls, inside));
    without.push(microseconds(calls, outside));
  }
  return [
    { metric: `${metric}, in the context`, value: Math.min(...within), unit: 'us' },
    { metric: `${metric}, outside`, value: Math.min(...without), unit: 'us' },
    { metric: `${metric}, ratio`, value: Math.min(...within) / Math.min(...without), unit: '', aim: '<= 1.1' },
  ];
}

/** The same payload text in a stripped and frozen context, and in the host's own. */
export async function run(): Promise<BenchResult> {
  const { body, digest } = await bundlePayload(join(projectRoot(), 'bench', 'payload', 'workload.ts'));
  const cpu = new Cpu();
  const start = process.hrtime.bigint();
  const loaded = cpu.load(digest, () => body);
  const loadMilliseconds = Number(process.hrtime.bigint() - start) / 1e6;
  if (isCpuFault(loaded)) throw new Error(loaded.reason);
  const hostPayload = new vm.Script(`(${Buffer.from(body).toString('utf8')}\n)`).runInThisContext() as Payload;
  const file = configuration();
  const software = [loaded, hostPayload].map((payload): EntryPoints => payload(halWith(file), {} as BootRecord));
  const [inside, outside] = software as [EntryPoints, EntryPoints];
  const { bytes, dhcpLength } = frame();
  return {
    name: 'payload in its context and outside',
    rows: [
      { metric: 'context made, stripped, frozen; payload compiled', value: loadMilliseconds, unit: 'ms' },
      ...compare(
        'DHCP and CDP, parse and emit',
        FRAMES_A_TURN,
        () => inside.onFrame(bytes, dhcpLength),
        () => outside.onFrame(bytes, dhcpLength),
      ),
      ...compare(
        `configuration of ${file.length} octets`,
        CONFIGURATIONS_A_TURN,
        () => inside.onInput('select'),
        () => outside.onInput('select'),
      ),
    ],
  };
}
