import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { projectRoot } from '../images/public.ts';
import { doctor } from './doctor.ts';
import { EXIT } from './exit-code.ts';
import { type InspectOptions, inspect } from './inspect.ts';
import type { OutputOptions } from './output.ts';
import { tunables } from './tunables.ts';

/** Runs one command and resolves to its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let status: number = EXIT.done;
  const program = new Command('sepia')
    .description('A virtual Cisco Unified IP Phone')
    .version(version())
    .exitOverride()
    .showHelpAfterError('(sepia --help lists what there is)');

  withOutput(
    program.command('doctor').description('says whether this machine can run it, and what to do where not'),
  ).action((options: OutputOptions) => {
    status = doctor(options);
  });
  withOutput(program.command('inspect').argument('<files...>').description('says what files are and what is in them'))
    .option('--as <name>', 'the name under which a phone asked for the file')
    .option('--ctl <file>', 'the CTL that the phone has installed')
    .option('--itl <file>', 'the ITL that the phone has installed')
    .option('--key <pem>', "the phone's private key, for an encrypted configuration")
    .option('--image-key <pem>', 'the public key or certificate that firmware is signed with')
    .action((files: string[], options: InspectOptions) => {
      status = inspect(files, options);
    });
  withOutput(program.command('tunables').argument('[filter]').description('lists what can be set with --set')).action(
    (filter: string | undefined, options: OutputOptions) => {
      status = tunables(filter, options);
    },
  );

  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version have code 0; commander has said the rest.
    return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  }
  return status;
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
