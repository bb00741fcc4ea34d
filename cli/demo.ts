import type { Command } from 'commander';
import { CallScript, Capture, FIRST_NUMBER, MOST_PHONES, macPlan, runOf, VirtualWorld } from '../fleet/public.ts';
import type { ModelRow } from '../hal/board.ts';
import { SECOND } from '../hal/timer.ts';
import { loadFiles, SECURITY_MODES } from '../lab/public.ts';
import { withAnswer } from './answering.ts';
import { bootViewFor } from './boot-view.ts';
import { type CapfTexts, capfOrderOf, withCapfOrder } from './capf-options.ts';
import { countsText } from './conclude.ts';
import type { ExitCode } from './exit-code.ts';
import { readLoad } from './image.ts';
import { type KeyLogTexts, openKeyLog, withKeyLog } from './key-log.ts';
import { Output } from './output.ts';
import { type PhoneKindTexts, warnOfUnsigned, withPhoneKind } from './phone-options.ts';
import { type RunTexts, readRunOptions, withRunOptions } from './run-options.ts';
import { Session } from './session.ts';
import { UsageError } from './usage-error.ts';
import { model, oneOf, protocolOf, wholeNumber } from './values.ts';
import { readVoice, withVoice } from './voice.ts';

export interface DemoTexts extends RunTexts, PhoneKindTexts, CapfTexts, KeyLogTexts {
  readonly phones: string;
  readonly model: string;
  readonly upgrade?: string;
  readonly realistic?: boolean;
  readonly call?: boolean;
  readonly security: string;
  readonly pcap?: string;
  readonly voice?: string;
}

const DEFAULT_SEED = 1;

/** Where a world with a seed begins, so that it is the same every time: 2026-11-22T08:00:00Z. */
const SEEDED_EPOCH = Date.UTC(2026, 10, 22, 8);

/** Phones a second; they would ask for their leases all at once otherwise. */
const DEMO_RATE = 50;

/** Of `--call`: from the answer until the caller hangs up. */
const TALK_SECONDS = 5;

export function demoCommand(command: Command): Command {
  const described = withPhoneKind(
    command
      .description('boots phones against the embedded lab on a virtual wire, and keeps them registered until Ctrl-C')
      .option('--phones <n>', 'how many', '1')
      .option('--model <m>', 'which model', '7975')
      .option('--realistic', "a real phone's pace, lamps and all")
      .option('--call', 'the first phone calls the second, talks for five seconds and hangs up')
      .option('--upgrade <image>', 'the call manager orders this image as their load')
      .option('--security <mode>', 'of the phones: none, authenticated or encrypted', 'none')
      .option('--pcap <file>', "write what goes over the phones' cables into FILE (pcapng)"),
  );
  return withRunOptions(withVoice(withCapfOrder(withKeyLog(described))));
}

/** `sepia demo`. */
export async function demo(texts: DemoTexts): Promise<ExitCode> {
  const output = new Output(texts);
  const settings = readRunOptions(texts);
  const count = wholeNumber('--phones', texts.phones, [1, MOST_PHONES]);
  const calls = texts.call === true;
  if (calls && count < 2) throw new UsageError('--call takes two phones: add --phones 2.');
  const row = model(texts.model);
  const protocol = protocolOf(row, texts.protocol);
  const security = oneOf('--security', texts.security, SECURITY_MODES);
  const capf = capfOrderOf(texts, security);
  const upgrade = texts.upgrade === undefined ? null : readLoad(texts.upgrade);
  const voice = readVoice(texts.voice);
  warnOfUnsigned(texts);
  const realistic = texts.realistic === true;
  const seed = settings.seed ?? DEFAULT_SEED;
  const epoch = settings.seed === null ? Date.now() : SEEDED_EPOCH;
  const session = new Session(output, settings);
  const capture = texts.pcap === undefined ? null : new Capture(texts.pcap, epoch);
  const keyLog = openKeyLog(texts);
  const ordered = upgrade === null ? {} : { load: upgrade.name };
  // What the administrator has told the phones' users, and they have typed.
  const typed = capf?.string === undefined ? {} : { settings: { capfString: capf.string } };
  const phones = macPlan(runOf(String(seed)), count).map((mac) => ({
    model: row,
    mac,
    protocol,
    ...ordered,
    ...typed,
  }));
  const world = new VirtualWorld({
    seed,
    phones,
    tunables: calls ? withAnswer(settings.tunables) : settings.tunables,
    realistic,
    powerSource: 'poe',
    epoch,
    sinks: session.census,
    allowUnsigned: texts.allowUnsigned === true,
    ...voice,
    lab: {
      callManager: { epoch },
      // Protected ports keep phones apart, who have to hear each other in a call.
      protected: count > 1 && !calls,
      security,
      ...(capf === null ? {} : { capf }),
      ...(upgrade === null ? {} : { files: loadFiles([upgrade]) }),
    },
    ...keyLog.option,
    ...(capture === null
      ? {}
      : { wire: (wire, plan, timeline) => capture.tap(wire, timeline, `SEP${plan.mac.toString(16).toUpperCase()}`) }),
  });
  const [first] = world.phones;
  const name = first!.board.deviceName;
  output.line(openingText(row, count, name, seed));
  if (upgrade !== null) output.line(`The call manager orders the load ${upgrade.name}.`);
  const view = bootViewFor(output);
  if (view !== null) {
    session.stream.listen((event) => {
      if (event.phone === name) view.hear(event);
      else if (event.type === 'registration.accepted') view.summary(countsText(session.census));
    });
  }
  const exitWhen = settings.exitWhen ?? 'never';
  const call = calls ? firstCallsSecond(world, session) : null;
  const note = (line: string): void => view?.note(line);
  try {
    return await session.run(
      world,
      {
        rate: DEMO_RATE,
        exitWhen,
        timeoutSeconds: settings.timeoutSeconds,
        warp: !realistic,
        alwaysLeave: false,
        canary: false,
        orderedLoad: upgrade?.name ?? null,
        ...(call === null ? {} : { until: () => call.result !== null }),
        whenAllRegistered: () => {
          view?.finish();
          if (exitWhen === 'never') note('Registered. Ctrl-C unregisters and ends.');
        },
      },
      { note },
    );
  } finally {
    capture?.close();
    keyLog.close();
  }
}

/** The call begins when all phones are registered. */
function firstCallsSecond({ timeline, phones }: VirtualWorld, { stream, census }: Session): CallScript {
  const number = String(FIRST_NUMBER + 1);
  const script = new CallScript({ timeline, caller: phones[0]!, number, talk: TALK_SECONDS * SECOND });
  stream.listen((event) => {
    if (event.type === 'startup.complete' && census.allRegistered) script.begin();
    else script.hear(event);
  });
  return script;
}

function openingText({ platform }: ModelRow, count: number, first: string, seed: number): string {
  return count === 1
    ? `${platform} ${first}, seed ${seed}. Its flash lives in memory and is gone at the end.`
    : `${count} x ${platform}, the first is ${first}, seed ${seed}. Their flash lives in memory and is gone at the end.`;
}
