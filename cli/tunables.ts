import { TUNABLES, type Tunable } from '../hal/tunables.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { Output, type OutputOptions } from './output.ts';

/** `sepia tunables [filter]`: what `--set` takes. */
export function tunables(filter: string | undefined, options: OutputOptions): ExitCode {
  const output = new Output(options);
  const found = Object.entries<Tunable>(TUNABLES).filter(([name]) => name.includes(filter ?? ''));
  if (found.length === 0) {
    process.stderr.write(`No tunable has "${filter}" in its name; sepia tunables lists all.\n`);
    return EXIT.usage;
  }
  const width = Math.max(...found.map(([name]) => name.length));
  for (const [name, tunable] of found) {
    const { confidence, source, about } = tunable;
    output.object({ name, default: tunable.default, range: rangeOf(tunable), confidence, source, about });
    output.line(`${name.padEnd(width)}  ${valueText(tunable).padEnd(16)} [${confidence}] ${about} (${source})`);
  }
  return EXIT.done;
}

function rangeOf(tunable: Tunable): readonly (number | string)[] {
  return tunable.kind === 'number' ? [tunable.min, tunable.max] : tunable.choices;
}

function valueText(tunable: Tunable): string {
  if (tunable.kind === 'choice') return `${tunable.default} of ${tunable.choices.join('|')}`;
  return `${tunable.default} ${tunable.unit}, ${tunable.min}..${tunable.max}`;
}
