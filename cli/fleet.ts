import type { Command } from 'commander';
import { deviceName } from '../device/identity.ts';
import {
  AddressList,
  CallMeasurements,
  type ExitWhen,
  FIRST_NUMBER,
  fleetResult,
  macPlan,
  RealRules,
  RealWorld,
  type RealWorldOptions,
  type Running,
  reachesOthers,
  SHARD_TYPES,
  ShardedRun,
  type ShardPlan,
  type World,
} from '../fleet/public.ts';
import { FLEET_KEYS, SECURITY_MODES } from '../lab/public.ts';
import { withAnswer } from './answering.ts';
import { countsText } from './conclude.ts';
import type { ExitCode } from './exit-code.ts';
import { type FactoryTexts, factoryOf, withFactory } from './factory.ts';
import { readCount, withPlanOptions } from './fleet-plan.ts';
import { readLoad } from './image.ts';
import { Output } from './output.ts';
import { type PhoneKindTexts, warnOfUnsigned, withPhoneKind } from './phone-options.ts';
import { Progress } from './progress.ts';
import { nicOf, rangeText, readMacRun, refuseBefore, tunablesOn } from './real-run.ts';
import { type RunTexts, readRunOptions, withRunOptions } from './run-options.ts';
import { type RunEnd, Session } from './session.ts';
import { settingsOf } from './setting-options.ts';
import type { StopSignals } from './stop-signals.ts';
import { UsageError } from './usage-error.ts';
import { model, oneOf, positiveNumber, protocolOf, wholeNumber } from './values.ts';

export interface FleetTexts extends RunTexts, PhoneKindTexts, FactoryTexts {
  readonly security: string;
  readonly capfString?: string;
  readonly count?: string;
  readonly nic: string;
  readonly model: string;
  readonly rate?: string;
  readonly run?: string;
  readonly expect?: string;
  readonly nicInUseOk?: boolean;
  readonly autoRegister?: boolean;
  readonly shards: string;
  readonly heap: string;
  readonly upgrade?: string;
  readonly calls?: string;
  readonly talk?: string;
}

/** Phones a second: what a network that others use can bear, and what a virtual one can. */
const REAL_RATE = 10;
const VIRTUAL_RATE = 100;
const HIGHEST_RATE = 100_000;

const DEFAULT_SEED = 1;

/** Calls a second; and seconds of each, between a word and an hour. */
const HIGHEST_CALL_RATE = 10_000;
const TALK_LIMITS = [1, 3600] as const;
const DEFAULT_TALK = '10';

/** What `--json` shows of each phone; `--trace` has all. */
const TOLD_TYPES = [
  'registration.accepted',
  'registration.rejected',
  'registration.lost',
  'fault',
  'verdict',
  'fleet.progress',
  'fleet.unexpected',
  'fleet.shard',
  'fleet.result',
];

/** More threads than any machine has cores. */
const MOST_SHARDS = 1024;
/** Below this not even one phone's world fits; above, a limit means nothing. MiB. */
const HEAP_LIMITS = [32, 1_048_576] as const;

export function fleetCommand(command: Command): Command {
  const described = withPhoneKind(
    withPlanOptions(command)
      .description('runs many phones, and ends with one result: times by step, failures by cause, rates')
      .option('--nic <nic>', 'virtual, an interface, af-packet:NAME, or udp:LOCAL:PORT,REMOTE:PORT', 'virtual')
      .option('--rate <phones>', `phones switched on a second (${VIRTUAL_RATE} on the virtual wire, else ${REAL_RATE})`)
      .option('--expect <addresses>', 'where they are to land: addresses and prefixes of servers and call managers')
      .option(
        '--capf-string <digits>',
        'the authentication string that CAPF wants of each before it gives it a certificate',
      )
      .option('--nic-in-use-ok', 'on an interface that this machine itself uses')
      .option('--auto-register', 'phones that the call manager does not know register all the same')
      .option('--security <mode>', `of the virtual wire's phones: ${SECURITY_MODES.join(', ')}`, 'none')
      .option('--calls <rate>', 'calls a second between pairs of the phones of the virtual wire')
      .option('--talk <seconds>', `how long each call of --calls lasts from the answer on (default: ${DEFAULT_TALK})`)
      .option('--upgrade <image>', 'the call manager of the virtual wire orders this image as their load')
      .option('--shards <n>', 'threads that share the phones of the virtual wire, each with a lab of its own', '1')
      .option('--heap <mebibytes>', 'largest heap of a shard; its phones start anew when it needs more', '4096'),
  );
  return withRunOptions(withFactory(described));
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
  return nic.kind === 'virtual'
    ? runShards(plan, texts, session, output)
    : runOnWire(plan, nic, texts, session, output);
}

/** Threads with a world each. */
async function runShards(plan: FleetSettings, texts: FleetTexts, session: Session, output: Output): Promise<ExitCode> {
  const { settings, upgrade } = plan;
  const { census, stream } = session;
  const exitWhen = settings.exitWhen ?? 'never';
  const shards = shardPlans(plan);
  census.expect(
    shards.flatMap(({ macs }) => macs.map(deviceName)),
    upgrade?.name ?? null,
  );
  const calls = new CallMeasurements();
  const begin = ({ stop, silence }: StopSignals): Running => {
    const run = new ShardedRun({
      shards,
      census,
      stream,
      exitWhen,
      timeoutSeconds: settings.timeoutSeconds,
      stop,
      silence,
      heapMebibytes: plan.heapMebibytes,
      calls,
      note: (line) => output.line(line),
    });
    progress.of(run);
    return run;
  };
  const progress = new FleetProgress(session, output);
  try {
    return await session.conduct(exitWhen, begin, {
      ended: (end) => tellResult(plan, texts, session, output, end, plan.calls === null ? null : calls),
    });
  } finally {
    progress.end();
  }
}

/** One process on a real wire. */
async function runOnWire(
  plan: FleetSettings,
  nic: RealWorldOptions['nic'],
  texts: FleetTexts,
  session: Session,
  output: Output,
): Promise<ExitCode> {
  const { settings, rate, count } = plan;
  const { world, rules } = await openRealWorld(plan, nic, session);
  const progress = new FleetProgress(session, output);
  progress.of({ now: () => world.timeline.now() });
  try {
    return await session.run(
      world,
      {
        rate,
        exitWhen: settings.exitWhen ?? 'never',
        timeoutSeconds: settings.timeoutSeconds,
        warp: true,
        alwaysLeave: true,
        canary: reachesOthers(nic) && count > 1,
        stopReason: () => rules.stopReason(),
      },
      { ended: (end) => tellResult(plan, texts, session, output, end, null) },
    );
  } finally {
    progress.end();
  }
}

/** How far a fleet is, once a second. */
class FleetProgress {
  readonly #progress: Progress;
  #run: Pick<Running, 'now'> | null = null;

  constructor({ census, stream }: Session, output: Output) {
    this.#progress = new Progress(output, () => {
      const facts = { ...census.counts(), ...census.measurements.rates() };
      if (this.#run !== null) stream.tell(this.#run.now(), null, 'fleet.progress', facts);
      return countsText(census);
    });
  }

  of(run: Pick<Running, 'now'>): void {
    this.#run = run;
  }

  /** Idempotent. */
  end(): void {
    this.#progress.end();
  }
}

function tellResult(
  plan: FleetSettings,
  texts: FleetTexts,
  session: Session,
  output: Output,
  end: RunEnd,
  calls: CallMeasurements | null,
): void {
  const { settings, row, macRun, rate } = plan;
  const { census, stream } = session;
  const facts = { census, ...end, model: row.name, nic: texts.nic, macRun, rate };
  const called = calls === null ? {} : { calls: calls.figures() };
  const result = fleetResult({ ...facts, ...called, seed: settings.seed, overrides: settings.overrides });
  stream.tell(end.run.now(), null, 'fleet.result', result);
  if (!output.json) output.line(JSON.stringify({ type: 'fleet.result', ...result }));
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
    ...readVirtual(texts, nic.kind === 'virtual'),
    calls: readCalls(texts, nic.kind === 'virtual', settings.exitWhen),
    factory: factoryOf(texts, FLEET_KEYS),
    phoneSettings: settingsOf(texts),
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

/** Null where none are asked for. */
function readCalls(
  { calls, talk, count, shards }: FleetTexts,
  isVirtual: boolean,
  exitWhen: ExitWhen | null,
): ShardPlan['calls'] {
  if (calls === undefined) {
    if (talk === undefined) return null;
    throw new UsageError('--talk says how long the calls of --calls last, and there is no --calls.');
  }
  if (!isVirtual) throw new UsageError('--calls concerns the virtual wire; on a real one nobody knows whom to call.');
  if (exitWhen !== null && exitWhen !== 'never') {
    throw new UsageError(`--calls go on until --timeout or Ctrl-C: --exit-when ${exitWhen} would end the run before.`);
  }
  const threads = wholeNumber('--shards', shards, [1, MOST_SHARDS]);
  if (readCount(count) < 2 * threads) {
    throw new UsageError(`--calls takes two phones a shard: --count ${2 * threads} or more.`);
  }
  return {
    rate: positiveNumber('--calls', calls, HIGHEST_CALL_RATE),
    talk: wholeNumber('--talk', talk ?? DEFAULT_TALK, TALK_LIMITS),
  };
}

/** What only the virtual wire has. */
function readVirtual({ shards, heap, upgrade, security, pki, capfString }: FleetTexts, isVirtual: boolean) {
  const read = {
    security: oneOf('--security', security, SECURITY_MODES),
    shards: wholeNumber('--shards', shards, [1, MOST_SHARDS]),
    heapMebibytes: wholeNumber('--heap', heap, HEAP_LIMITS),
    upgrade: upgrade === undefined ? null : readLoad(upgrade),
  };
  if (isVirtual) {
    if (capfString !== undefined) throw new UsageError('--capf-string concerns a real wire; here nobody asks for it.');
    if (pki === undefined) return read;
    throw new UsageError('--pki concerns a real wire; on the virtual one --security makes keys of its own.');
  }
  if (read.security !== 'none') {
    throw new UsageError(
      '--security concerns the virtual wire; on a real one the call manager decides, and --pki gives phones certificates.',
    );
  }
  if (read.upgrade !== null) {
    throw new UsageError('--upgrade concerns the virtual wire; on a real one the call manager there orders the load.');
  }
  if (read.shards > 1) throw new UsageError('--shards concerns the virtual wire; on a real one a fleet is one thread.');
  return read;
}

/** The phones in equal parts, in order. */
function shardPlans(plan: FleetSettings): readonly ShardPlan[] {
  const { settings, count, row, protocol, allowUnsigned, tunables, upgrade, rate, calls } = plan;
  const macs = macPlan(plan.macRun, count);
  const shards = Math.min(plan.shards, count);
  const epoch = Date.now();
  const begins = Array.from({ length: shards + 1 }, (_, index) => Math.floor((index * count) / shards));
  const pairs = begins.reduce((sum, at, index) => sum + Math.floor(((begins[index + 1] ?? at) - at) / 2), 0);
  return Array.from({ length: shards }, (_, index) => {
    const first = begins[index]!;
    const own = macs.slice(first, begins[index + 1]!);
    return {
      model: row.name,
      protocol,
      macs: own,
      firstNumber: FIRST_NUMBER + first,
      seed: settings.seed ?? DEFAULT_SEED,
      rate: (rate * own.length) / count,
      exitWhen: settings.exitWhen ?? 'never',
      tunables: calls === null ? tunables : withAnswer(tunables),
      allowUnsigned,
      epoch,
      lab: { security: plan.security },
      upgrade,
      calls: calls === null ? null : { ...calls, rate: calls.rate * (Math.floor(own.length / 2) / pairs) },
      types: settings.trace === null ? SHARD_TYPES : null,
    };
  });
}

async function openRealWorld(
  plan: FleetSettings,
  nic: RealWorldOptions['nic'],
  session: Session,
): Promise<{ world: World; rules: RealRules }> {
  const { settings, tunables, expected, row, protocol, allowUnsigned, factory, phoneSettings } = plan;
  const phones = macPlan(plan.macRun, plan.count).map((mac) => ({
    model: row,
    mac,
    protocol,
    settings: phoneSettings,
  }));
  const { census, stream } = session;
  const rules = new RealRules({ census, stream, expected });
  const world = await RealWorld.open({
    phones,
    tunables,
    realistic: false,
    allowUnsigned,
    // A port of a real switch does not feed a program: power is external there.
    powerSource: 'external',
    sinks: census,
    ...(factory === null ? {} : { identity: (holder) => factory.issue(holder) }),
    epoch: Date.now(),
    nic,
    seed: settings.seed,
    wire: (end, { mac }, timeline) => rules.wire(end, timeline, deviceName(mac)),
    conflict: (phone) => rules.macConflict(phone),
  });
  rules.watch(world);
  return { world, rules };
}
