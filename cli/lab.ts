import { randomInt } from 'node:crypto';
import type { Command } from 'commander';
import { autoMac, INDEX_BITS, parseMac, SHARD_BITS } from '../device/identity.ts';
import { EventStream, MOST_PHONES, openWire, PrivateFile } from '../fleet/public.ts';
import { HostTimeline } from '../hal/host/timeline.ts';
import type { Ipv4 } from '../hal/nic.ts';
import {
  type MacRange,
  RealWireLab,
  type RealWireOutcome,
  readPkiFolder,
  SECURITY_MODES,
  type VoiceVlan,
} from '../lab/public.ts';
import { type CapfTexts, capfOrderOf, withCapfOrder } from './capf-options.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { type FactoryTexts, withFactory } from './factory.ts';
import { Output, type OutputOptions } from './output.ts';
import { withProtocol } from './phone-options.ts';
import { nicOf, rangeText, readMacRun, refuseBefore } from './real-run.ts';
import { gathered } from './run-options.ts';
import { stopSignals } from './stop-signals.ts';
import { UsageError } from './usage-error.ts';
import { model, oneOf, protocolOf, wholeNumber } from './values.ts';

export interface LabTexts extends CapfTexts, OutputOptions, FactoryTexts {
  readonly nic?: string;
  readonly count: string;
  readonly model: string;
  readonly protocol?: string;
  readonly run?: string;
  readonly macs?: readonly string[];
  readonly voiceVlan: string;
  readonly callManagers: string;
  readonly autoRegister?: boolean;
  readonly serveAny?: boolean;
  readonly besideOthers?: boolean;
  readonly nicInUseOk?: boolean;
  readonly security: string;
  readonly serveTrustToRealPhones?: boolean;
  readonly trace?: string;
}

const FIRST_NUMBER = 2001;
/** Directory numbers of phones that register themselves. */
const AUTO_NUMBERS = { firstNumber: 9000, lastNumber: 9999 } as const;
const SEEDS = 2 ** 32;
const MOST_CALL_MANAGERS = 5;

export function labCommand(command: Command): Command {
  return withCapfOrder(withFactory(withProtocol(command)))
    .description('the embedded lab on a real wire: switch, DHCP, DNS, TFTP and call managers for other phones')
    .option('--nic <nic>', 'an interface, af-packet:NAME, or udp:LOCAL:PORT,REMOTE:PORT')
    .option('--count <n>', 'how many phones its call managers know', '1000')
    .option('--model <m>', 'which model they are', '7975')
    .option('--run <n>', "number that makes their MAC addresses; this machine's own unless given")
    .option('--macs <first-last>', 'serve these stations too; may be given again', gathered)
    .option('--voice-vlan <vlan>', 'the voice VLAN that its switch port announces: 1 to 4094, or none', '100')
    .option('--call-managers <n>', 'how many', '2')
    .option('--security <mode>', `of the phones: ${SECURITY_MODES.join(', ')}; needs --pki`, 'none')
    .option('--serve-trust-to-real-phones', 'CTL and ITL for phones with the address of a maker too, which keep them')
    .option('--auto-register', 'phones that nobody wrote down get a number of their own')
    .option('--serve-any', 'answer every station on the wire')
    .option('--beside-others', 'serve although a DHCP server, a switch or one of its addresses is there already')
    .option('--nic-in-use-ok', 'on an interface that this machine itself uses')
    .option('--trace <file>', 'write all events into FILE, one object a line');
}

/** `sepia lab`. */
export async function lab(texts: LabTexts): Promise<ExitCode> {
  const output = new Output(texts);
  if (texts.nic === undefined)
    throw new UsageError('--nic is missing: an interface, af-packet:NAME, or udp:LOCAL:PORT,REMOTE:PORT.');
  const nic = nicOf(texts.nic);
  if (nic.kind === 'virtual') {
    throw new UsageError('--nic virtual has a lab of its own in every command; sepia lab is for an interface or udp:.');
  }
  const options = readLab(texts);
  refuseBefore(nic, { nicInUseOk: texts.nicInUseOk === true, phones: 1, expects: true });
  const trace = texts.trace === undefined ? null : new PrivateFile(texts.trace);
  const stream = new EventStream(Date.now);
  if (trace !== null) stream.listen((event) => trace.write(`${JSON.stringify(event)}\n`));
  if (output.json) stream.listen((event) => output.object(event));
  const signals = stopSignals(() => output.line('Stopped.'));
  const timeline = new HostTimeline();
  const wire = await openWire(nic, options.devices[0].count);
  try {
    return await new Promise<ExitCode>((resolve) => {
      const real = new RealWireLab({
        ...options,
        timeline,
        wire,
        seed: randomInt(SEEDS),
        events: (at, { type, ...fields }) => stream.tell(at, null, `lab.${type}`, readable(fields)),
        outcome: (now, outcome) => {
          stream.tell(
            now,
            null,
            `lab.${outcome.state}`,
            'conflicts' in outcome ? { conflicts: outcome.conflicts } : {},
          );
          if (outcome.state === 'serving') output.line(servingText(texts, options.macRun, real));
          else {
            process.stderr.write(`${refusedText(outcome.conflicts)}\n`);
            resolve(EXIT.refused);
          }
        },
      });
      if (options.autoRegister) real.lab.devices.autoRegistration.range = AUTO_NUMBERS;
      wire.setMacs?.(real.macs);
      signals.stop.addEventListener('abort', () => {
        real.stop();
        resolve(EXIT.done);
      });
      output.line(`Listening on ${texts.nic} for others before it serves.`);
      real.start();
    });
  } finally {
    signals.release();
    timeline.close();
    await wire.close();
    trace?.close();
  }
}

function readLab(texts: LabTexts) {
  const macRun = readMacRun(texts.run);
  const row = model(texts.model);
  const protocol = protocolOf(row, texts.protocol);
  const count = wholeNumber('--count', texts.count, [1, MOST_PHONES]);
  const devices = [
    {
      model: row.name,
      deviceType: row.deviceType,
      protocol,
      firstMac: autoMac(macRun, 0, 0),
      count,
      firstNumber: FIRST_NUMBER,
      lineCount: 1,
    },
  ] as const;
  // All that may come of the run, from whichever machine.
  const ofRun = { first: autoMac(macRun, 0, 0), last: autoMac(macRun, 2 ** SHARD_BITS - 1, 2 ** INDEX_BITS - 1) };
  const vlan: VoiceVlan = texts.voiceVlan === 'none' ? 'none' : wholeNumber('--voice-vlan', texts.voiceVlan, [1, 4094]);
  return {
    macRun,
    devices,
    macRanges: [ofRun, ...(texts.macs ?? []).map(readRange)],
    voiceVlan: vlan,
    callManagers: wholeNumber('--call-managers', texts.callManagers, [1, MOST_CALL_MANAGERS]),
    autoRegister: texts.autoRegister === true,
    serveAny: texts.serveAny === true,
    besideOthers: texts.besideOthers === true,
    ...readSecurity(texts),
    callManager: { epoch: Date.now() },
  };
}

/** The keys have to outlast the lab: phones are given theirs by other commands, and remember its lists. */
function readSecurity(texts: LabTexts) {
  const { security: text, pki: folder, serveTrustToRealPhones } = texts;
  const security = oneOf('--security', text, SECURITY_MODES);
  const capf = capfOrderOf(texts, security);
  if (security === 'none') {
    if (folder !== undefined) throw new UsageError('--pki goes with --security authenticated or encrypted.');
    return {};
  }
  if (folder === undefined) throw new UsageError('--security needs --pki FOLDER, which sepia lab pki create makes.');
  const { pki } = readPkiFolder(folder);
  return {
    security,
    pki,
    ...(capf === null ? {} : { capf }),
    ...(serveTrustToRealPhones === true ? { trustedStations: () => true } : {}),
  };
}

function readRange(text: string): MacRange {
  const [first, last] = text.split('-', 2).map((part) => parseMac(part));
  if (typeof first !== 'number') throw new UsageError(`--macs takes FIRST-LAST or one address: ${first}`);
  if (last === undefined) return { first, last: first };
  if (typeof last !== 'number') throw new UsageError(`--macs takes FIRST-LAST or one address: ${last}`);
  if (last < first) throw new UsageError(`--macs "${text}": the last address lies before the first.`);
  return { first, last };
}

/** Addresses as people write them; a call manager's events have them as numbers. */
function readable(fields: object): object {
  const { address } = fields as { address?: Ipv4 | string };
  if (typeof address !== 'number') return fields;
  return { ...fields, address: [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.') };
}

function servingText(texts: LabTexts, macRun: number, { lab: served }: RealWireLab): string {
  const whom =
    texts.serveAny === true ? 'every station' : `${rangeText(macRun, Number(texts.count))} and what --macs names`;
  const vlan = served.network.vlan;
  return `Serving ${whom} in VLAN ${vlan}. Ctrl-C ends.`;
}

function refusedText(conflicts: Extract<RealWireOutcome, { state: 'refused' }>['conflicts']): string {
  const what = conflicts.map(({ kind, detail }) => `${kind} (${detail})`).join(', ');
  return `Refused: others are on this wire: ${what}; --beside-others allows it.`;
}
