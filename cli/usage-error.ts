import { EXIT, type ExitCode } from './exit-code.ts';

/** What ends a command before it has begun: a value that cannot be, a refusal. The message is one sentence: what, where, what is expected. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode: ExitCode;

  constructor(sentence: string, exitCode: ExitCode = EXIT.usage) {
    super(sentence);
    this.exitCode = exitCode;
  }
}
