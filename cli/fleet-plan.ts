import type { Command } from 'commander';
import { deviceName, formatMac } from '../device/identity.ts';
import { MOST_PHONES, macPlan } from '../fleet/public.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { Output, type OutputOptions } from './output.ts';
import { rangeText, readMacRun } from './real-run.ts';
import { UsageError } from './usage-error.ts';
import { model, wholeNumber } from './values.ts';

export interface FleetPlanTexts extends OutputOptions {
  readonly count?: string;
  readonly model: string;
  readonly run?: string;
  readonly firstNumber: string;
}

/** What says which phones: shared with the command that runs them. */
export function withPlanOptions(command: Command): Command {
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
export function readCount(text: string | undefined): number {
  if (text === undefined) throw new UsageError('--count is missing: how many phones?');
  return wholeNumber('--count', text, [1, MOST_PHONES]);
}
