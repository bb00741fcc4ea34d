import type { TunableValues } from '../hal/tunables.ts';
import type { CallFigures } from './call-measurements.ts';
import type { Census } from './census.ts';
import type { Running, RunOutcome } from './run.ts';

export interface FleetResultFacts {
  readonly census: Census;
  readonly run: Running;
  readonly outcome: RunOutcome;
  readonly model: string;
  readonly nic: string;
  readonly macRun: number;
  readonly seed: number | null;
  /** Phones a second, as asked for. */
  readonly rate: number;
  /** Tunables that differ from their defaults. */
  readonly overrides: Partial<TunableValues>;
  /** Verdicts at the end of the run, before the phones left. */
  readonly verdicts: ReturnType<Census['verdicts']>;
  /** Absent where no calls were asked for. */
  readonly calls?: CallFigures;
}

/** The fields of `fleet.result`: one object that says what was asked, what came of it, and whether the generator is to be believed. Times in seconds. */
export function fleetResult(facts: FleetResultFacts): object {
  const { census, run, outcome, verdicts, rate, overrides } = facts;
  const { measurements } = census;
  const { offered, achieved } = measurements.rates();
  const failures: Record<string, number> = {};
  for (const { cause, outcome: end } of verdicts) {
    if (end !== 'registered') failures[cause] = (failures[cause] ?? 0) + 1;
  }
  return {
    outcome: outcome.kind,
    ...(outcome.kind === 'given-up' ? { reason: outcome.text } : {}),
    phones: verdicts.length,
    registered: verdicts.filter(({ outcome: end }) => end === 'registered').length,
    model: facts.model,
    nic: facts.nic,
    run: facts.macRun,
    seed: facts.seed,
    stages: measurements.stages(),
    powerToRegistered: measurements.powerToRegistered(),
    rates: { configured: rate, offered, achieved },
    failures,
    failedTries: measurements.failedTries(),
    rejections: measurements.rejections,
    ...(facts.calls === undefined ? {} : { calls: facts.calls }),
    generator: run.health(),
    tunables: overrides,
  };
}
