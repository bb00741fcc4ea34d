/** Options that every command has. */
export interface OutputOptions {
  /** Standard output holds objects only, one a line; text for people goes to standard error. */
  readonly json?: boolean;
  /** No text for people. */
  readonly quiet?: boolean;
}

/** Where a command's words go. */
export class Output {
  readonly json: boolean;
  readonly quiet: boolean;

  constructor(options: OutputOptions) {
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
  }

  /** One line for people. */
  line(text: string): void {
    if (!this.quiet) (this.json ? process.stderr : process.stdout).write(`${text}\n`);
  }

  /** One object for scripts; nothing unless they asked for objects. */
  object(value: object): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value)}\n`);
  }
}
