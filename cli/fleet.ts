import type { Command } from 'commander';
import { deviceName, formatMac } from '../device/identity.ts';
import {
  AddressList,
  fleetResult,
  MOST_PHONES,
  macPlan,
  RealRules,
  RealWorld,
  reachesOthers,
  VirtualWorld,
  type World,
} from '../fleet/public.ts';
import { countsText } from './conclude.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { Output, type OutputOptions } from './output.ts';
import { type PhoneKindTexts, warnOfUnsigned, withPhoneKind } from './phone-options.ts';
import { Progress } from './progress.ts';
import { nicOf, rangeText, readMacRun, refuseBefore, tunablesOn } from './real-run.ts';
import { type RunTexts, readRunOptions, withRunOptions } from './run-options.ts';
import { Session } from './session.ts';
import { UsageError } from './usage-error.ts';
import { model, positiveNumber, protocolOf, wholeNumber } from './values.ts';

export interface FleetTexts extends RunTexts, PhoneKindTexts {
  readonly count?: string;
  readonly nic: string;
  readonly model: string;
  readonly rate?: string;
  readonly run?: string;
  readonly expect?: string;
  readonly nicInUseOk?: boolean;
  readonly autoRegister?: boolean;
}

export interface FleetPlanTexts extends OutputOptions {
  readonly count?: string;
  readonly model: string;
  readonly run?: string;
  readonly firstNumber: string;
}

/** Phones a second: what a network that others use can bear, and what a virtual one can. */
const REAL_RATE = 10;
const VIRTUAL_RATE = 100;
const HIGHEST_RATE = 100_000;

const DEFAULT_SEED = 1;

/** What `--json` shows of each phone; `--trace` has all. */
const TOLD_TYPES = [
  'registration.accepted',
  'registration.rejected',
  'registration.lost',
  'fault',
  'verdict',
  'fleet.progress',
  'fleet.unexpected',
  'fleet.result',
];

export function fleetCommand(command: Command): Command {
  const described = withPhoneKind(
    withPlanOptions(command)
      .description('runs many phones, and ends with one result: times by step, failures by cause, rates')
      .option('--nic <nic>', 'virtual, an interface, af-packet:NAME, or udp:LOCAL:PORT,REMOTE:PORT', 'virtual')
      .option('--rate <phones>', `phones switched on a second (${VIRTUAL_RATE} on the virtual wire, else ${REAL_RATE})`)
      .option('--expect <addresses>', 'where they are to land: addresses and prefixes of servers and call managers')
      .option('--nic-in-use-ok', 'on an interface that this machine itself uses')
      .option('--auto-register', 'phones that the call manager does not know register all the same'),
  );
  return withRunOptions(described);
}

function withPlanOptions(command: Command): Command {
  return command
    .option('--count <n>', 'how many phones')
    .option('--model <m>', 'which model', '7975')
    .option('--run <n>', "number that makes the phones' MAC addresses; this machine's own unless given");
}

export function fleetPlanCommand(command: Command): Command {
  return withPlanOptions(command)
    .description('prints the MAC addresses of a fleet as a CSV file for the bulk import of CUCM')
    .option('--first-number <n>', 'directory number of the first phone', '2001');
}

/** `sepia fleet`. */
export async function fleet(texts: FleetTexts): Promise<ExitCode> {
  const plan = readPlan(texts);
  const { count, row, macRun, rate, nic, settings } = plan;
  refuseBefore(nic, { nicInUseOk: texts.nicInUseOk === true, phones: count, expects: plan.expected !== null });
  warnOfUnsigned(texts);
  const output = new Output(texts);
  const session = new Session(output, settings, {
    jsonTypes: TOLD_TYPES,
    clock: nic.kind === 'virtual' ? null : Date.now,
  });
  output.line(
    `${count} x ${row.platform}, ${rangeText(macRun, count)}, ${rate} a second on ${texts.nic}; their flash lives in memory.`,
  );
  const { world, rules } = await openWorld(plan, session);
  const { census, stream } = session;
  const progress = new Progress(output, () => {
    stream.tell(world.timeline.now(), null, 'fleet.progress', { ...census.counts(), ...census.measurements.rates() });
    return countsText(census);
  });
  try {
    return await session.run(
      world,
      {
        rate,
        exitWhen: settings.exitWhen ?? 'never',
        timeoutSeconds: settings.timeoutSeconds,
        warp: true,
        alwaysLeave: nic.kind !== 'virtual',
        canary: reachesOthers(nic) && count > 1,
        ...(rules === null ? {} : { stopReason: () => rules.stopReason() }),
      },
      {
        ended: ({ outcome, verdicts, run }) => {
          progress.end();
          const facts = { census, run, outcome, verdicts, model: row.name, nic: texts.nic, macRun, rate };
          const result = fleetResult({ ...facts, seed: settings.seed, overrides: settings.overrides });
          stream.tell(world.timeline.now(), null, 'fleet.result', result);
          if (!output.json) output.line(JSON.stringify({ type: 'fleet.result', ...result }));
        },
      },
    );
  } finally {
    progress.end();
  }
}

/** `sepia fleet plan`. */
export function fleetPlan(texts: FleetPlanTexts): ExitCode {
  const output = new Output(texts);
  const count = readCount(texts.count);
  const row = model(texts.model);
  const macRun = readMacRun(texts.run);
  const first = wholeNumber('--first-number', texts.firstNumber, [0, HIGHEST_NUMBER - count]);
  const width = texts.firstNumber.length;
  if (!output.json) process.stdout.write(`${CSV_HEADER}\n`);
  macPlan(macRun, count).forEach((mac, index) => {
    const directoryNumber = String(first + index).padStart(width, '0');
    const description = `Sepia ${row.name} run ${macRun} phone ${index}`;
    output.object({ phone: deviceName(mac), mac: formatMac(mac), model: row.name, directoryNumber });
    if (!output.json) {
      const label = `Sepia ${directoryNumber}`;
      process.stdout.write(`${[formatMac(mac), description, '', '', directoryNumber, label, label].join(',')}\n`);
    }
  });
  if (!output.quiet) process.stderr.write(`${count} x ${row.platform}, ${rangeText(macRun, count)}.\n`);
  return EXIT.done;
}

/**
 * The first fields of CUCM's default phone file format; a phone file format with these fields takes the file. Phone template, device pool and the
 * rest come from the BAT template.
 */
const CSV_HEADER = 'MAC ADDRESS,DESCRIPTION,LOCATION,USER ID,DIRECTORY NUMBER  1,DISPLAY  1,LINE TEXT LABEL  1';

const HIGHEST_NUMBER = 1e15;

/** Not a required option of commander's, which would ask the command above for it as well. */
function readCount(text: string | undefined): number {
  if (text === undefined) throw new UsageError('--count is missing: how many phones?');
  return wholeNumber('--count', text, [1, MOST_PHONES]);
}

type FleetSettings = ReturnType<typeof readPlan>;

function readPlan(texts: FleetTexts) {
  const settings = readRunOptions(texts);
  const nic = nicOf(texts.nic);
  const isReal = reachesOthers(nic);
  const row = model(texts.model);
  const expected = texts.expect === undefined ? null : AddressList.parse(texts.expect);
  if (typeof expected === 'string') throw new UsageError(`--expect: ${expected}`);
  if (expected !== null && nic.kind === 'virtual') {
    throw new UsageError('--expect concerns a real wire; on the virtual one there is only the embedded lab.');
  }
  return {
    settings,
    nic,
    expected,
    count: readCount(texts.count),
    row,
    protocol: protocolOf(row, texts.protocol),
    allowUnsigned: texts.allowUnsigned === true,
    macRun: readMacRun(texts.run),
    rate:
      texts.rate === undefined
        ? isReal
          ? REAL_RATE
          : VIRTUAL_RATE
        : positiveNumber('--rate', texts.rate, HIGHEST_RATE),
    tunables: tunablesOn(nic, settings, texts.autoRegister === true),
  };
}

async function openWorld(plan: FleetSettings, session: Session): Promise<{ world: World; rules: RealRules | null }> {
  const { nic, settings, tunables, expected } = plan;
  const { row, protocol, allowUnsigned } = plan;
  const phones = macPlan(plan.macRun, plan.count).map((mac) => ({ model: row, mac, protocol }));
  const { census, stream } = session;
  // A port of a real switch does not feed a program: power is external there.
  const powerSource = nic.kind === 'virtual' ? 'poe' : 'external';
  const kind = { phones, tunables, realistic: false, allowUnsigned } as const;
  const common = { ...kind, powerSource, sinks: census, epoch: Date.now() } as const;
  if (nic.kind === 'virtual') {
    const world = new VirtualWorld({ ...common, seed: settings.seed ?? DEFAULT_SEED, lab: { protected: true } });
    return { world, rules: null };
  }
  const rules = new RealRules({ census, stream, expected });
  const world = await RealWorld.open({
    ...common,
    nic,
    seed: settings.seed,
    wire: (end, { mac }, timeline) => rules.wire(end, timeline, deviceName(mac)),
    conflict: (phone) => rules.macConflict(phone),
  });
  rules.watch(world);
  return { world, rules };
}
