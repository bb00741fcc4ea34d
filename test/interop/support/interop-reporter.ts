import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';
import { peersOfRun } from './interop-run.ts';

const MARK = { passed: 'ok', failed: 'FAILED', skipped: 'skipped', pending: 'skipped' } as const;

/** A line for each test as it ends, failures in full, then the peers that ran and the counts. */
export class InteropReporter implements Reporter {
  readonly #print = (line: string) => process.stdout.write(`${line}\n`);

  onTestModuleStart(module: TestModule): void {
    this.#print(module.relativeModuleId);
  }

  onTestCaseResult(test: TestCase): void {
    const result = test.result();
    const { state } = result;
    const seconds = ((test.diagnostic()?.duration ?? 0) / 1_000).toFixed(1);
    const tries = (test.diagnostic()?.retryCount ?? 0) + 1;
    const again = tries === 1 ? '' : ` (try ${tries}; before it:)`;
    this.#print(`  ${MARK[state].padEnd(8)} ${seconds.padStart(5)} s  ${test.fullName}${again}`);
    if (result.state === 'skipped' && result.note !== undefined) this.#print(`           ${result.note}`);
    for (const error of result.errors ?? []) this.#printError(error);
  }

  onUserConsoleLog({ content }: { readonly content: string }): void {
    this.#print(content.trimEnd().replaceAll(/^/gm, '           '));
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (wanted: string) => tests.filter((test) => MARK[test.result().state] === wanted).length;
    // A file that cannot be read, or whose set-up fails, fails as one.
    const broken = modules.flatMap((module) => [...module.errors(), ...suiteErrors(module)]);
    for (const error of [...broken, ...unhandled]) this.#printError(error);
    this.#printPeers();
    this.#print(
      `${count('ok')} passed, ${count('FAILED') + broken.length + unhandled.length} failed, ${count('skipped')} skipped`,
    );
  }

  #printError(error: { readonly message?: string; readonly stack?: string; readonly diff?: string }): void {
    const stack = (error.stack ?? '')
      .split('\n')
      .filter((line) => /^\s+at /.test(line) && !line.includes('node_modules'));
    const text = [error.message ?? 'unknown error', error.diff, ...stack.slice(0, 6)].filter(Boolean).join('\n');
    this.#print(text.replaceAll(/^/gm, '           '));
  }

  #printPeers(): void {
    const rows = [
      ['peer', 'version', 'as'],
      ...peersOfRun().map((row) => [row.peer, row.version, row.roles.join('; ')]),
    ];
    const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
    this.#print('');
    for (const [peer = '', version = '', roles = ''] of rows) {
      this.#print(`${peer.padEnd(widths[0]!)}  ${version.padEnd(widths[1]!)}  ${roles}`);
    }
    this.#print('');
  }
}

function suiteErrors(module: TestModule): SerializedError[] {
  return [...module.children.allSuites()].flatMap((suite) => [...suite.errors()]);
}
