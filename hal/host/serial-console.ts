import type { Console } from '../panel.ts';

/** What a serial line may not carry to a terminal: lines hold text that came from the network. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

/** The phone's serial port on a text stream: one line each, with a prefix that says whose it is. */
export class SerialConsole implements Console {
  readonly #prefix: string;
  readonly #write: (text: string) => void;

  /** `write` takes finished lines, as `(text) => process.stderr.write(text)` does. */
  constructor(prefix: string, write: (text: string) => void) {
    this.#prefix = prefix;
    this.#write = write;
  }

  write(line: string): void {
    this.#write(`${this.#prefix}${line.replace(CONTROL_CHARACTERS, escaped)}\n`);
  }
}

function escaped(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
