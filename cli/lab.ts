import { randomInt } from 'node:crypto';
import type { Command } from 'commander';
import { autoMac, INDEX_BITS, parseMac, SHARD_BITS } from '../device/identity.ts';
import { MODELS } from '../device/models.ts';
import { EventStream, MOST_PHONES, openWire, PrivateFile } from '../fleet/public.ts';
import { HostTimeline } from '../hal/host/timeline.ts';
import type { Ipv4 } from '../hal/nic.ts';
import {
  type DeviceRange,
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
import { LabDesk } from './lab-desk.ts';
import { type LabPlan, MOST_CALL_MANAGERS, readDeviceFile, readLabPlan, stationsOf } from './lab-plan.ts';
import { Output, type OutputOptions } from './output.ts';
import { withProtocol } from './phone-options.ts';
import { nicOf, rangeText, readMacRun, refuseBefore } from './real-run.ts';
import { gathered } from './run-options.ts';
import { stopSignals } from './stop-signals.ts';
import { UsageError } from './usage-error.ts';
import { model, oneOf, protocolOf, wholeNumber } from './values.ts';

export interface LabTexts extends CapfTexts, OutputOptions, FactoryTexts {
  readonly nic?: string;
  /** File of a plan. */
  readonly plan?: string;
  readonly devices?: string;
  readonly api?: string;
  readonly count?: string;
  readonly model: string;
  readonly protocol?: string;
  readonly run?: string;
  readonly macs?: readonly string[];
  readonly voiceVlan?: string;
  readonly callManagers?: string;
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
/** Phones that the call managers know where nothing says which. */
const KNOWN = 1000;
const MOST_PORT = 65_535;

export function labCommand(command: Command): Command {
  return withCapfOrder(withFactory(withProtocol(command)))
    .description('the embedded lab on a real wire: switch, DHCP, DNS, TFTP and call managers for other phones')
    .argument('[plan]', 'a file that says what the lab is like and which devices it knows (docs/lab.md)')
    .option('--nic <nic>', 'an interface, af-packet:NAME, or udp:LOCAL:PORT,REMOTE:PORT')
    .option('--devices <file>', 'a file of the devices that its call managers know')
    .option('--count <n>', `how many phones they know besides; ${KNOWN} without a file of devices`)
    .option('--model <m>', 'which model they are', '7975')
    .option('--run <n>', "number that makes their MAC addresses; this machine's own unless given")
    .option('--macs <first-last>', 'serve these stations too; may be given again', gathered)
    .option(
      '--voice-vlan <vlan>',
      'the voice VLAN that its switch port announces: 1 to 4094, or none; 100 unless given',
    )
    .option('--call-managers <n>', 'how many; 2 unless given')
    .option('--api <port>', 'serve the console to programs, by HTTP on 127.0.0.1; 0 takes a free port')
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
  const wire = await openWire(nic, countOf(options.devices));
  let desk: LabDesk | null = null;
  try {
    return await new Promise<ExitCode>((resolve, reject) => {
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
          if (outcome.state === 'serving') output.line(servingText(texts, options, real));
          else {
            process.stderr.write(`${refusedText(outcome.conflicts)}\n`);
            resolve(EXIT.refused);
          }
        },
      });
      desk = new LabDesk(real, { stream, output, now: () => timeline.now() });
      desk.open(options.api).catch(reject);
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
    (desk as LabDesk | null)?.close();
    timeline.close();
    await wire.close();
    trace?.close();
  }
}

function readLab(texts: LabTexts) {
  const macRun = readMacRun(texts.run);
  const plan: LabPlan = texts.plan === undefined ? { macs: [], devices: [] } : readLabPlan(texts.plan);
  const written = [...plan.devices, ...(texts.devices === undefined ? [] : readDeviceFile(texts.devices))];
  const isWritten = texts.plan !== undefined || texts.devices !== undefined;
  const count =
    texts.count === undefined && isWritten ? 0 : wholeNumber('--count', texts.count ?? String(KNOWN), [1, MOST_PHONES]);
  const devices = count === 0 ? written : [...written, phonesOfRun(texts, macRun, count)];
  // All that may come of the run, from whichever machine.
  const ofRun = { first: autoMac(macRun, 0, 0), last: autoMac(macRun, 2 ** SHARD_BITS - 1, 2 ** INDEX_BITS - 1) };
  return {
    macRun,
    count,
    devices,
    macRanges: [ofRun, ...stationsOf(written), ...plan.macs, ...(texts.macs ?? []).map(readRange)],
    voiceVlan: voiceVlanOf(texts.voiceVlan) ?? plan.voiceVlan ?? 100,
    ...(plan.dataVlan === undefined ? {} : { dataVlan: plan.dataVlan }),
    callManagers:
      texts.callManagers === undefined
        ? (plan.callManagers ?? 2)
        : wholeNumber('--call-managers', texts.callManagers, [1, MOST_CALL_MANAGERS]),
    ...autoRegistrationOf(texts, plan),
    ...(plan.release === undefined ? {} : { release: plan.release }),
    modelName: (deviceType: number) => MODELS.find((row) => row.deviceType === deviceType)?.name ?? null,
    api: texts.api === undefined ? null : wholeNumber('--api', texts.api, [0, MOST_PORT]),
    serveAny: texts.serveAny === true,
    besideOthers: texts.besideOthers === true,
    ...readSecurity(texts),
    callManager: { epoch: Date.now(), ...callManagerOf(plan) },
    sipCallManager: { epoch: Date.now() },
    ...(plan.connectionMonitorDuration === undefined
      ? {}
      : { configuration: { connectionMonitorDuration: plan.connectionMonitorDuration } }),
  };
}

function phonesOfRun(texts: LabTexts, macRun: number, count: number): DeviceRange {
  const row = model(texts.model);
  const protocol = protocolOf(row, texts.protocol);
  const kind = { model: row.name, deviceType: row.deviceType, protocol };
  return { ...kind, firstMac: autoMac(macRun, 0, 0), count, firstNumber: FIRST_NUMBER, lineCount: 1 };
}

function voiceVlanOf(text: string | undefined): VoiceVlan | undefined {
  if (text === undefined) return undefined;
  return text === 'none' ? 'none' : wholeNumber('--voice-vlan', text, [1, 4094]);
}

function autoRegistrationOf({ autoRegister }: LabTexts, plan: LabPlan): Pick<LabPlan, 'autoRegistration'> {
  const range = plan.autoRegistration ?? (autoRegister === true ? AUTO_NUMBERS : undefined);
  return range === undefined ? {} : { autoRegistration: range };
}

function callManagerOf({ keepaliveSeconds, strictCapabilities }: LabPlan) {
  return {
    ...(keepaliveSeconds === undefined ? {} : { keepaliveSeconds }),
    ...(strictCapabilities === undefined ? {} : { strictCapabilities }),
  };
}

function countOf(devices: LabPlan['devices']): number {
  return devices.reduce((sum, device) => sum + ('count' in device ? device.count : 1), 0);
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

function servingText(
  texts: LabTexts,
  { macRun, count }: { macRun: number; count: number },
  { lab: served }: RealWireLab,
): string {
  const known = [
    ...(count === 0 ? [] : [rangeText(macRun, count)]),
    ...(texts.plan === undefined && texts.devices === undefined ? [] : ['the devices of its files']),
    'what --macs names',
  ];
  const whom = texts.serveAny === true ? 'every station' : known.join(' and ');
  const vlan = served.network.vlan;
  return `Serving ${whom} in VLAN ${vlan}. Ctrl-C ends, help lists what can be done.`;
}

function refusedText(conflicts: Extract<RealWireOutcome, { state: 'refused' }>['conflicts']): string {
  const what = conflicts.map(({ kind, detail }) => `${kind} (${detail})`).join(', ');
  return `Refused: others are on this wire: ${what}; --beside-others allows it.`;
}
