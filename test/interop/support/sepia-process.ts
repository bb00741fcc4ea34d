/** The command line as a program of its own: `sepia-process COMMAND …`. */
import { main } from '../../../cli/main.ts';

process.exitCode = await main(process.argv.slice(2));
