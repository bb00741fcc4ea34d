import type { Command } from 'commander';
import { deviceName, serialNumber } from '../device/identity.ts';
import type { ModelRow } from '../hal/board.ts';
import { type ElementContents, readElement, writeElement } from '../hal/host/element-file.ts';
import type { Mac } from '../hal/nic.ts';
import { type Identity, type IdentityHolder, type IdentityKeys, IdentityStock, readPkiFolder } from '../lab/public.ts';
import { UsageError } from './usage-error.ts';

/** Options of what is put into phones in the factory, as they are written. */
export interface FactoryTexts {
  readonly pki?: string;
}

export function withFactory(command: Command): Command {
  return command.option(
    '--pki <folder>',
    "a cluster's keys (sepia lab pki create): its factory gives phones their certificates",
  );
}

/** The factory of a PKI folder; null without one. Throws PkiFolderError. */
export function factoryOf({ pki }: FactoryTexts, keys: IdentityKeys = {}): IdentityStock | null {
  if (pki === undefined) return null;
  return new IdentityStock({
    authority: readPkiFolder(pki).pki.manufacturing,
    now: Math.floor(Date.now() / 1_000),
    ...keys,
  });
}

export interface Board {
  readonly model: ModelRow;
  readonly mac: Mac;
  readonly serial?: string;
}

export function holderOf({ model, mac, serial = serialNumber(mac) }: Board): IdentityHolder {
  return { productId: model.productId, deviceName: deviceName(mac), serial };
}

/**
 * What is in the secure element of the board with that flash file. A board that has no certificate yet gets one if there is a factory; one that
 * has one keeps it. Throws ElementFileError, or UsageError for a certificate of another factory.
 */
export function elementOf(flashPath: string, board: Board, factory: IdentityStock | null): ElementContents {
  const contents = readElement(flashPath);
  if (factory === null) return contents;
  if (contents.mic !== null) {
    if (factory.hasIssued(contents.mic.certificate)) return contents;
    throw new UsageError(
      `--pki: ${flashPath} has a certificate of another factory already, and a board keeps its own.`,
    );
  }
  const mic: Identity = factory.issue(holderOf(board));
  writeElement(flashPath, { ...contents, mic });
  return { ...contents, mic };
}
