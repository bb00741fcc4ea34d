import type { Command } from 'commander';
import { PROTOCOLS } from './values.ts';

/** Options of the phones that a command runs, as they are written. */
export interface PhoneKindTexts {
  readonly protocol?: string;
  readonly allowUnsigned?: boolean;
}

export function withPhoneKind(command: Command): Command {
  return withProtocol(command).option(
    '--allow-unsigned',
    'phones run images that no boot key vouches for, and say so at every boot',
  );
}

export function withProtocol(command: Command): Command {
  return command.option(
    '--protocol <p>',
    `what they speak to the call manager: ${PROTOCOLS.join(' or ')}; what the model leaves the factory with, unless given`,
  );
}

/** On standard error, whatever was asked to be quiet: this is not to be overlooked. */
export function warnOfUnsigned({ allowUnsigned }: PhoneKindTexts): void {
  if (allowUnsigned === true) process.stderr.write(`${UNSIGNED_WARNING}\n`);
}

const UNSIGNED_WARNING = 'Warning: --allow-unsigned: phones run images that no boot key vouches for.';
