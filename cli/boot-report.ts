import { Journey, type StreamEvent, type Verdict, verdictOf } from '../fleet/public.ts';
import { SECOND } from '../hal/timer.ts';
import { type EventType, STAGE_NAMES, type StageName, type StageOutcome, type TraceEvents } from '../hal/trace.ts';
import { learnedText, resultText, row } from './boot-view.ts';
import { Learned } from './learned.ts';
import type { Style } from './style.ts';

/** What became of one of the nine steps. */
export interface StepReport {
  readonly stage: StageName;
  /** `unfinished`: the file ends within it. `not-seen`: nothing in the file shows it. */
  readonly outcome: StageOutcome | 'unfinished' | 'not-seen';
  /** Seconds since the file's beginning; null when it was not seen. */
  readonly at: number | null;
  readonly reason?: string;
  /** What the step has learned, for people. */
  readonly text: string;
  /** How often it was begun. */
  readonly rounds: number;
  /** Numbers of frames that show it; absent in a trace. */
  readonly frames?: readonly number[];
}

export interface PhoneReport extends Omit<Verdict, 'load'> {
  readonly phone: string;
  /** Frames that show the failure. */
  readonly evidence?: readonly number[];
  readonly steps: readonly StepReport[];
}

const OFF_THE_WIRE: readonly StageName[] = ['power', 'image'];

/** The boot of one phone, out of events that it has told or that frames have given away. */
export class BootReport {
  readonly #phone: string;
  readonly #learned = new Learned();
  readonly #journey: Journey;
  readonly #steps = new Map<StageName, StepReport>();
  readonly #rounds = new Map<StageName, number>();
  readonly #failures = new Map<StageName, readonly number[]>();
  #verdict: Omit<Verdict, 'load'> | null = null;

  constructor(phone: string) {
    this.#phone = phone;
    this.#journey = new Journey(phone);
    this.#journey.begin();
  }

  hear(event: StreamEvent): void {
    this.#learned.hear(event);
    const fields = event as unknown;
    // A phone that is heard has power, whether or not that was told.
    if (this.#journey.state === 'dark' && event.type !== 'power.off') this.#journey.state = 'starting';
    this.#journey.hear(event.at * SECOND, event.type as EventType, fields as TraceEvents[EventType]);
    if (event.type === 'stage.enter') this.#enter((fields as TraceEvents['stage.enter']).stage, event);
    if (event.type === 'stage.leave') this.#leave(fields as TraceEvents['stage.leave'], event);
    // The program that wrote a trace has had the last word itself.
    if (event.type === 'verdict') this.#verdict = fields as Verdict;
  }

  report(): PhoneReport {
    const { outcome, stage, cause, text, lookAt } = this.#verdict ?? verdictOf(this.#journey);
    const steps = STAGE_NAMES.map((name) => this.#steps.get(name) ?? notSeen(name));
    const evidence =
      outcome === 'registered'
        ? undefined
        : (this.#failures.get(stage) ?? steps.find((step) => step.stage === stage)?.frames);
    return {
      phone: this.#phone,
      outcome,
      stage,
      cause,
      text,
      lookAt,
      ...(evidence === undefined ? {} : { evidence }),
      steps,
    };
  }

  #enter(stage: StageName, event: StreamEvent): void {
    // A step that is entered again has what comes after it before it once more.
    for (const later of STAGE_NAMES.slice(STAGE_NAMES.indexOf(stage) + 1)) this.#steps.delete(later);
    const rounds = (this.#rounds.get(stage) ?? 0) + 1;
    this.#rounds.set(stage, rounds);
    this.#steps.set(stage, { stage, outcome: 'unfinished', at: event.at, text: '', rounds, ...framesOf(event) });
  }

  #leave(left: TraceEvents['stage.leave'], event: StreamEvent): void {
    const { stage, outcome, reason } = left;
    const frames = framesOf(event);
    if (outcome === 'failed' && frames.frames !== undefined) this.#failures.set(stage, frames.frames);
    const detail = typeof event.detail === 'string' ? event.detail : '';
    const learned =
      detail === '' ? learnedText(this.#learned, left) : outcome === 'failed' ? `${reason}: ${detail}` : detail;
    const rounds = this.#rounds.get(stage) ?? 1;
    const because = reason === undefined ? {} : { reason };
    this.#steps.set(stage, { stage, outcome, at: event.at, ...because, text: learned, rounds, ...frames });
  }
}

/** The report as `sepia phone` draws a boot, with the frames behind each step. */
export function reportText(
  { phone, outcome, stage, cause, text, lookAt, evidence, steps }: PhoneReport,
  style: Style,
): string[] {
  const rows = steps.map((step) => {
    const rounds = step.rounds > 1 ? ` (begun ${step.rounds} times)` : '';
    const frames = step.frames === undefined ? '' : `  ${style.dim(framesText(step.frames))}`;
    return `${row(step.stage, resultOf(step, style), step.at, `${step.text}${rounds}`)}${frames}`;
  });
  const where = evidence === undefined ? '' : ` See ${framesText(evidence)}.`;
  const look = lookAt.length === 0 ? [] : [`  look at: ${lookAt.join('; ')}`];
  if (outcome === 'registered') return [phone, ...rows, text, ...look];
  const number = STAGE_NAMES.indexOf(stage) + 1;
  return [phone, ...rows, `Step ${number}, ${stage}: ${text} (${cause})${where}`, ...look];
}

function resultOf({ outcome }: StepReport, style: Style): string {
  if (outcome === 'unfinished') return style.bright('…      ');
  return outcome === 'not-seen' ? style.dim('unseen ') : resultText(outcome, style);
}

function notSeen(stage: StageName): StepReport {
  const text = OFF_THE_WIRE.includes(stage) ? 'happens inside the phone' : '';
  return { stage, outcome: 'not-seen', at: null, text, rounds: 0 };
}

function framesOf(event: StreamEvent): { readonly frames?: readonly number[] } {
  return Array.isArray(event.frames) ? { frames: event.frames as number[] } : {};
}

/** `frames 3, 5 to 9`. */
function framesText(frames: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const frame of frames) {
    const last = runs.at(-1);
    if (last !== undefined && frame === last[1] + 1) last[1] = frame;
    else runs.push([frame, frame]);
  }
  const texts = runs.map(([from, to]) =>
    from === to ? `${from}` : from + 1 === to ? `${from}, ${to}` : `${from} to ${to}`,
  );
  return `frame${frames.length === 1 ? '' : 's'} ${texts.join(', ')}`;
}
