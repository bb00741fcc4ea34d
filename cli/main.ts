import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { PlanError, PrivateFileError } from '../fleet/public.ts';
import { ElementFileError } from '../hal/host/element-file.ts';
import { FlashFileError } from '../hal/host/flash-file.ts';
import { MachineLack } from '../hal/host/machine-lack.ts';
import {
  FlashToolError,
  ImageError,
  KeyError,
  PayloadError,
  projectRoot,
  UnknownImageError,
} from '../images/public.ts';
import { PkiFolderError } from '../lab/public.ts';
import { type DemoTexts, demo, demoCommand } from './demo.ts';
import { type DoctorTexts, doctor, doctorCommand } from './doctor.ts';
import { EXIT } from './exit-code.ts';
import { type ExplainTexts, explain } from './explain.ts';
import { addFlashCommands } from './flash.ts';
import { type FleetTexts, fleet, fleetCommand } from './fleet.ts';
import { type FleetPlanTexts, fleetPlan, fleetPlanCommand } from './fleet-plan.ts';
import { addImageCommands } from './image.ts';
import { type InspectOptions, inspect } from './inspect.ts';
import { type LabTexts, lab, labCommand } from './lab.ts';
import { addPkiCommands } from './lab-pki.ts';
import type { OutputOptions } from './output.ts';
import { type PhoneTexts, phone, phoneCommand } from './phone.ts';
import { tunables } from './tunables.ts';
import { UsageError } from './usage-error.ts';

/** Errors whose message is one sentence about something that the command was given. */
const SENTENCES = [
  PlanError,
  PrivateFileError,
  PkiFolderError,
  ElementFileError,
  FlashFileError,
  FlashToolError,
  ImageError,
  KeyError,
  PayloadError,
  UnknownImageError,
] as const;

/** Runs one command and resolves to its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let status: number = EXIT.done;
  const program = new Command('sepia')
    .description('A virtual Cisco Unified IP Phone')
    .version(version())
    .exitOverride()
    // What stands behind the name of a command is that command's.
    .enablePositionalOptions()
    .showHelpAfterError('(sepia --help lists what there is)');

  withOutput(demoCommand(program.command('demo'))).action(async (options: DemoTexts) => {
    status = await demo(options);
  });
  withOutput(phoneCommand(program.command('phone'))).action(async (options: PhoneTexts) => {
    status = await phone(options);
  });
  const fleetProgram = withOutput(fleetCommand(program.command('fleet').enablePositionalOptions())).action(
    async (options: FleetTexts) => {
      status = await fleet(options);
    },
  );
  withOutput(fleetPlanCommand(fleetProgram.command('plan'))).action((options: FleetPlanTexts) => {
    status = fleetPlan(options);
  });
  const labProgram = withOutput(labCommand(program.command('lab').enablePositionalOptions())).action(
    async (plan: string | undefined, options: LabTexts) => {
      status = await lab(plan === undefined ? options : { ...options, plan });
    },
  );
  const ended = (code: number): void => {
    status = code;
  };
  addPkiCommands(labProgram.command('pki'), withOutput, ended);
  addImageCommands(program.command('image'), withOutput, ended);
  addFlashCommands(program.command('flash'), withOutput, ended);
  withOutput(doctorCommand(program.command('doctor'))).action(async (options: DoctorTexts) => {
    status = await doctor(options);
  });
  withOutput(program.command('inspect').argument('<files...>').description('says what files are and what is in them'))
    .option('--as <name>', 'the name under which a phone asked for the file')
    .option('--ctl <file>', 'the CTL that the phone has installed')
    .option('--itl <file>', 'the ITL that the phone has installed')
    .option(
      '--key <pem|hex>',
      "for an encrypted configuration: the phone's private key, or the 32 digits that are typed on it [?]",
    )
    .option('--image-key <pem>', 'the public key or certificate that firmware is signed with')
    .action((files: string[], options: InspectOptions) => {
      status = inspect(files, options);
    });
  withOutput(
    program.command('explain').argument('<file>').description('tells the boots of phones out of a capture or a trace'),
  )
    .option('--phone <name>', 'of several phones, the one with this device name')
    .option('--against <other>', 'compare with the boot in another capture, message by message')
    .option('--calibrate [file]', 'write what the capture shows of the phone, for --set @FILE')
    .option('--model <model>', 'with --calibrate: the model that the phone is')
    .action((file: string, options: ExplainTexts) => {
      status = explain(file, options);
    });
  withOutput(program.command('tunables').argument('[filter]').description('lists what can be set with --set')).action(
    (filter: string | undefined, options: OutputOptions) => {
      status = tunables(filter, options);
    },
  );

  endWhenNobodyReads();
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    return codeOf(error);
  }
  return status;
}

/** Says what went wrong, in one sentence where it is somebody's doing. */
function codeOf(error: unknown): number {
  // Help and version have code 0; commander has said the rest.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  const code =
    error instanceof UsageError || error instanceof MachineLack
      ? error.exitCode
      : SENTENCES.some((kind) => error instanceof kind)
        ? EXIT.usage
        : null;
  if (code === null) throw error;
  process.stderr.write(`${(error as Error).message}\n`);
  return code;
}

/** `sepia demo --json | head` ends with its reader. It may be told of that after the command has ended, so this listener stays, once for all commands. */
function endWhenNobodyReads(): void {
  const { stdout } = process;
  if (!stdout.listeners('error').includes(nobodyReads)) stdout.on('error', nobodyReads);
}

function nobodyReads(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.done);
}

function withOutput(command: Command): Command {
  return command
    .option('--json', 'objects on standard output, one a line, and nothing else there')
    .option('--quiet', 'no text for people');
}

function version(): string {
  const settings = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as { version: string };
  return settings.version;
}
