import type { Command } from 'commander';
import { PrivateFile } from '../fleet/public.ts';

export interface KeyLogTexts {
  readonly keylog?: string;
}

export function withKeyLog(command: Command): Command {
  return command.option(
    '--keylog <file>',
    'write the secrets of TLS sessions into FILE, so that a capture can be read',
  );
}

/** A key log, readable by its owner only, as worlds take it. */
export interface KeyLog {
  readonly option: { readonly keyLog?: (line: Uint8Array) => void };
  close(): void;
}

export function openKeyLog({ keylog }: KeyLogTexts): KeyLog {
  if (keylog === undefined) return { option: {}, close: () => undefined };
  const file = new PrivateFile(keylog);
  return {
    option: { keyLog: (line) => file.write(Buffer.from(line).toString('latin1')) },
    close: () => file.close(),
  };
}
