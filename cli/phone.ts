import type { Command } from 'commander';
import { deviceName, formatMac, parseMac } from '../device/identity.ts';
import {
  Capture,
  macPlan,
  type NicName,
  type PhonePlan,
  RealWorld,
  type StopReason,
  VirtualWorld,
  type World,
  warnOfMac,
} from '../fleet/public.ts';
import { FlashFile } from '../hal/host/flash-file.ts';
import type { Timeline } from '../hal/timeline.ts';
import type { WireEnd } from '../hal/wire-end.ts';
import { flashInfo } from '../images/public.ts';
import { type LabOptions, readPkiFolder, SECURITY_MODES } from '../lab/public.ts';
import { bootViewFor } from './boot-view.ts';
import type { ExitCode } from './exit-code.ts';
import { elementOf, type FactoryTexts, factoryOf, withFactory } from './factory.ts';
import { readOctets } from './files.ts';
import { type KeyLog, type KeyLogTexts, openKeyLog, withKeyLog } from './key-log.ts';
import { Output } from './output.ts';
import { type PhoneKindTexts, warnOfUnsigned, withPhoneKind } from './phone-options.ts';
import { nicOf, readMacRun, refuseBefore, tunablesOn } from './real-run.ts';
import { type RunTexts, readRunOptions, withRunOptions } from './run-options.ts';
import { Session } from './session.ts';
import { settingsOf } from './setting-options.ts';
import { UsageError } from './usage-error.ts';
import { model, oneOf, protocolOf } from './values.ts';
import { readVoice, withVoice } from './voice.ts';

export interface PhoneTexts extends RunTexts, PhoneKindTexts, FactoryTexts, KeyLogTexts {
  readonly security: string;
  readonly nic: string;
  readonly model?: string;
  readonly mac: string;
  readonly run?: string;
  readonly realistic?: boolean;
  readonly power?: string;
  readonly flash?: string;
  readonly image?: string;
  readonly static?: string;
  readonly tftp?: string;
  readonly vlan?: string;
  readonly capfString?: string;
  readonly pcap?: string;
  readonly voice?: string;
  readonly nicInUseOk?: boolean;
  readonly autoRegister?: boolean;
}

const DEFAULT_SEED = 1;

export function phoneCommand(command: Command): Command {
  const described = withFactory(
    withPhoneKind(
      command
        .description('boots one phone on a wire, and keeps it registered until Ctrl-C')
        .requiredOption('--nic <nic>', 'virtual, an interface, af-packet:NAME, or udp:LOCAL:PORT,REMOTE:PORT')
        .option('--model <m>', 'which model; a flash file says it itself')
        .option('--mac <mac>', 'its MAC address; auto makes a locally administered one', 'auto')
        .option('--run <n>', "number that makes the automatic MAC address; this machine's own unless given")
        .option('--realistic', "a real phone's pace, lamps and all")
        .option('--power <source>', 'poe, which is bargained for, or external (default: poe on virtual, else external)')
        .option('--flash <file>', "the phone's flash (sepia flash create); without it flash lives in memory")
        .option('--image <file>', 'boots this image instead of the one for the model')
        .option('--static <address>', 'ADDRESS/LENGTH,ROUTER instead of DHCP; needs --tftp')
        .option('--tftp <servers>', 'TFTP server, or two with a comma, instead of those that DHCP names')
        .option('--vlan <id>', 'the admin VLAN: used when no switch says which')
        .option(
          '--capf-string <digits>',
          'the authentication string that CAPF wants before it gives the phone a certificate',
        )
        .option('--security <mode>', `of the virtual wire's cluster: ${SECURITY_MODES.join(', ')}`, 'none')
        .option('--pcap <file>', 'write what goes over its cable into FILE (pcapng)')
        .option('--nic-in-use-ok', 'on an interface that this machine itself uses')
        .option('--auto-register', 'if the call manager does not know the phone, it registers all the same'),
    ),
  );
  return withRunOptions(withVoice(withKeyLog(described)));
}

/** `sepia phone`. */
export async function phone(texts: PhoneTexts): Promise<ExitCode> {
  const settings = readRunOptions(texts);
  const nic = nicOf(texts.nic);
  const powerSource = oneOf('--power', texts.power ?? (nic.kind === 'virtual' ? 'poe' : 'external'), [
    'poe',
    'external',
  ]);
  const secure = readSecurity(texts, nic);
  const output = new Output(texts);
  const flash = texts.flash === undefined ? null : FlashFile.open(texts.flash);
  let capture: Capture | null = null;
  let keyLog: KeyLog | null = null;
  try {
    const factory = factoryOf(texts);
    const kind = readPhonePlan(texts, flash);
    const voice = readVoice(texts.voice);
    const plan = flash === null ? kind : { ...kind, element: elementOf(flash.path, kind, factory) };
    refuseBefore(nic, { nicInUseOk: texts.nicInUseOk === true, phones: 1, expects: false });
    warnOfUnsigned(texts);
    const warning = nic.kind === 'virtual' ? null : warnOfMac(plan.mac);
    if (warning !== null) process.stderr.write(`${warning}\n`);
    const session = new Session(output, settings, { clock: nic.kind === 'virtual' ? null : Date.now });
    const epoch = Date.now();
    capture = texts.pcap === undefined ? null : new Capture(texts.pcap, epoch);
    keyLog = openKeyLog(texts);
    const conflict = new Conflict(session);
    const world = await openWorld(nic, {
      phones: [plan],
      tunables: tunablesOn(nic, settings, texts.autoRegister === true),
      realistic: texts.realistic === true,
      allowUnsigned: texts.allowUnsigned === true,
      ...voice,
      powerSource,
      sinks: session.census,
      ...(factory === null ? {} : { identity: (holder) => factory.issue(holder) }),
      ...keyLog.option,
      epoch,
      seed: settings.seed,
      secure,
      wire: (end, { mac }, timeline) => capture?.tap(end, timeline, deviceName(mac)) ?? end,
      conflict: (name) => conflict.heard(name),
    });
    const where =
      texts.flash === undefined ? 'Its flash lives in memory and is gone at the end.' : `Flash: ${texts.flash}.`;
    output.line(`${plan.model.platform} ${deviceName(plan.mac)} on ${texts.nic}. ${where}`);
    const view = bootViewFor(output);
    if (view !== null) session.stream.listen((event) => view.hear(event));
    const exitWhen = settings.exitWhen ?? 'never';
    const note = (line: string): void => view?.note(line);
    return await session.run(
      world,
      {
        rate: 1,
        exitWhen,
        timeoutSeconds: settings.timeoutSeconds,
        warp: texts.realistic !== true,
        alwaysLeave: nic.kind !== 'virtual',
        canary: false,
        stopReason: () => conflict.reason,
        whenAllRegistered: () => {
          view?.finish();
          if (exitWhen === 'never') note('Registered. Ctrl-C unregisters and ends.');
        },
      },
      { note },
    );
  } finally {
    capture?.close();
    keyLog?.close();
    flash?.close();
  }
}

/** A phone that hears its own MAC address from somebody else is no more. */
class Conflict {
  reason: StopReason | null = null;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  heard(name: string): void {
    this.#session.census.refuse(name, 'mac.in-use');
    const mac = formatMac(macOf(name), ':');
    this.reason = {
      text: `Stopped: somebody else on the wire has the MAC address ${mac}; --mac gives another.`,
      refused: true,
    };
  }
}

function macOf(text: string): number {
  const mac = parseMac(text);
  if (typeof mac === 'string') throw new UsageError(`--mac: ${mac}`);
  return mac;
}

/** The phone that the options, and the flash file if there is one, describe. Throws UsageError. */
function readPhonePlan(texts: PhoneTexts, flash: FlashFile | null): PhonePlan {
  const settings = settingsOf(texts);
  if (flash === null) {
    if (texts.model === undefined)
      throw new UsageError('--model is missing: a phone without a flash file needs one, such as 7975.');
    const row = model(texts.model);
    const mac = texts.mac === 'auto' ? macPlan(readMacRun(texts.run), 1)[0]! : macOf(texts.mac);
    const image = texts.image === undefined ? {} : { image: readOctets(texts.image) };
    return { model: row, mac, protocol: protocolOf(row, texts.protocol), settings, ...image };
  }
  if (texts.image !== undefined)
    throw new UsageError(
      '--image is for a phone without --flash; sepia flash install puts an image into a flash file.',
    );
  const { identity } = flashInfo(flash);
  const row = model(identity.model);
  if (texts.model !== undefined && model(texts.model) !== row) {
    throw new UsageError(`--model ${texts.model} does not go with ${texts.flash}, the flash of a ${row.name}.`);
  }
  if (texts.mac !== 'auto' && macOf(texts.mac) !== identity.mac) {
    throw new UsageError(
      `--mac ${texts.mac} does not go with ${texts.flash}, the flash of ${deviceName(identity.mac)}.`,
    );
  }
  const protocol = protocolOf(row, texts.protocol);
  return { model: row, mac: identity.mac, serial: identity.serial, protocol, flash, settings };
}

/** What makes the lab of the virtual wire a secure cluster. Its keys are made anew for each run unless they are given, and a flash file remembers them. */
function readSecurity(texts: PhoneTexts, nic: NicName): Pick<LabOptions, 'security' | 'pki'> {
  const security = oneOf('--security', texts.security, SECURITY_MODES);
  if (security === 'none') return {};
  if (nic.kind !== 'virtual') {
    throw new UsageError(
      '--security is for --nic virtual; elsewhere the phone does what the call manager has ordered.',
    );
  }
  if (texts.pki !== undefined) return { security, pki: readPkiFolder(texts.pki).pki };
  if (texts.flash === undefined) return { security };
  throw new UsageError('--security with --flash needs --pki FOLDER: the flash remembers whom it trusts.');
}

type WorldOptions = Omit<Parameters<typeof RealWorld.open>[0], 'nic' | 'wire'> & {
  readonly secure: Pick<LabOptions, 'security' | 'pki'>;
  readonly wire: (end: WireEnd, plan: PhonePlan, timeline: Timeline) => WireEnd;
};

function openWorld(nic: NicName, options: WorldOptions): Promise<World> | World {
  const { secure, ...real } = options;
  if (nic.kind !== 'virtual') return RealWorld.open({ ...real, nic });
  const { conflict: _, ...others } = real;
  return new VirtualWorld({
    ...others,
    seed: options.seed ?? DEFAULT_SEED,
    lab: { callManager: { epoch: options.epoch }, ...secure },
  });
}
