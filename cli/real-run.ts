import { hostname } from 'node:os';
import { autoMac, deviceName } from '../device/identity.ts';
import {
  hostFacts,
  type NicName,
  parseNic,
  RUNS,
  reachesOthers,
  refuseCount,
  refuseInterface,
  runOf,
} from '../fleet/public.ts';
import { type TunableValues, tunableValues } from '../hal/tunables.ts';
import { EXIT } from './exit-code.ts';
import type { RunSettings } from './run-options.ts';
import { UsageError } from './usage-error.ts';
import { wholeNumber } from './values.ts';

/** Reads `--nic`. Throws UsageError. */
export function nicOf(text: string): NicName {
  const nic = parseNic(text);
  if (typeof nic === 'string') throw new UsageError(nic);
  return nic;
}

/** The refusals that hold before anything leaves the wire. Throws UsageError with code 5. */
export function refuseBefore(
  nic: NicName,
  { nicInUseOk, phones, expects }: { readonly nicInUseOk: boolean; readonly phones: number; readonly expects: boolean },
): void {
  if (!reachesOthers(nic)) return;
  const sentence =
    (nic.kind === 'af-packet' ? refuseInterface(nic.interface, hostFacts(nic.interface), nicInUseOk) : null) ??
    refuseCount(phones, expects);
  if (sentence !== null) throw new UsageError(sentence, EXIT.refused);
}

/** Phones that a call manager does not know register themselves only where that is meant. */
export function tunablesOn(nic: NicName, { overrides }: RunSettings, autoRegister: boolean): TunableValues {
  const refused = reachesOthers(nic) && !autoRegister && overrides['callmanager.autoRegister'] === undefined;
  return tunableValues(refused ? { ...overrides, 'callmanager.autoRegister': 'refused' } : overrides);
}

/** The run whose addresses are used: as written, else the one of this machine, so that it has the same phones every time. */
export function readMacRun(text: string | undefined): number {
  return text === undefined ? runOf(hostname()) : wholeNumber('--run', text, [0, RUNS - 1]);
}

/** The addresses of a run, for people. */
export function rangeText(macRun: number, count: number): string {
  const first = autoMac(macRun, 0, 0);
  const name = (index: number): string => deviceName(first + index);
  return `run ${macRun}: ${count === 1 ? name(0) : `${name(0)} to ${name(count - 1)}`}`;
}
