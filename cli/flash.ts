import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { autoMac, deviceName, formatMac, parseMac, serialNumber } from '../device/identity.ts';
import { hardwareRevisionOf, modelNamed } from '../device/models.ts';
import { warnOfMac } from '../fleet/public.ts';
import type { Flash } from '../hal/flash.ts';
import { FlashFile } from '../hal/host/flash-file.ts';
import {
  createFlash,
  dumpFlash,
  eraseRegion,
  type FlashInfo,
  flashInfo,
  imageDirectory,
  imageFileName,
  injectFault,
  installInto,
  parseFault,
  RECOVERY,
  restoreFlash,
  revokeKey,
  setSetting,
} from '../images/public.ts';
import { FLASH_SIZE, SLOTS } from '../storage/flash-map.ts';
import { shownSetting } from '../storage/settings.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { readOctets, writeOctets } from './files.ts';
import { bootKeys } from './image.ts';
import { Output, type OutputOptions } from './output.ts';
import { withProtocol } from './phone-options.ts';
import { readMacRun } from './real-run.ts';
import { gathered } from './run-options.ts';
import { UsageError } from './usage-error.ts';
import { model, oneOf, protocolOf } from './values.ts';

interface CreateTexts extends OutputOptions {
  readonly model: string;
  readonly mac: string;
  readonly protocol?: string;
  readonly image?: string;
  readonly bootKey?: readonly string[];
  readonly allowUnsigned?: boolean;
}

interface InstallTexts extends OutputOptions {
  readonly slot?: string;
  readonly confirmed?: boolean;
  readonly allowUnsigned?: boolean;
}

interface DumpTexts extends OutputOptions {
  readonly out: string;
  readonly force?: boolean;
}

type Ended = (code: ExitCode) => void;
type WithOutput = (command: Command) => Command;

/** `sepia flash …`. */
export function addFlashCommands(flash: Command, withOutput: WithOutput, ended: Ended): void {
  flash.description("a phone's flash in a file: make it, look into it, change it");
  withOutput(withProtocol(flash.command('create').argument('<file>')))
    .description("makes a phone's flash as it leaves the factory")
    .requiredOption('--model <m>', 'which model')
    .option('--mac <mac>', 'its MAC address; auto makes a locally administered one', 'auto')
    .option('--image <file>', "what slot A holds; the model's own load unless given")
    .option('--boot-key <file>', 'public key for its fuses, in PEM form; the development key unless given', gathered)
    .option('--allow-unsigned', 'take an image without a signature')
    .action((file: string, texts: CreateTexts) => ended(create(file, texts)));
  withOutput(flash.command('info').argument('<file>'))
    .description('says whose it is and what is in it')
    .action((file: string, texts: OutputOptions) => ended(info(file, texts)));
  withOutput(flash.command('install').argument('<file>').argument('<image>'))
    .description('puts an image into the slot that the next boot would not run, on trial')
    .option('--slot <slot>', 'A or B')
    .option('--confirmed', 'spares it the trial boot')
    .option('--allow-unsigned', 'take an image without a signature')
    .action((file: string, image: string, texts: InstallTexts) => ended(install(file, image, texts)));
  withOutput(flash.command('set').argument('<file>').argument('<name=value...>'))
    .description('sets what people set on the phone; an empty value takes it back')
    .action((file: string, settings: string[], texts: OutputOptions) => ended(set(file, settings, texts)));
  withOutput(flash.command('dump').argument('<file>'))
    .description('writes the raw octets of the part into another file')
    .requiredOption('--out <file>', 'where to')
    .option('--force', 'write over the file that is there')
    .action((file: string, texts: DumpTexts) => ended(dump(file, texts)));
  withOutput(flash.command('restore').argument('<file>').argument('<dump>'))
    .description('writes a dump back over all that is there')
    .action((file: string, from: string, texts: OutputOptions) => ended(restore(file, from, texts)));
  withOutput(flash.command('revoke').argument('<file>').argument('<key-id...>'))
    .description('revokes boot keys in the fuses, for ever: what they have signed does not boot any more')
    .action((file: string, ids: string[], texts: OutputOptions) => ended(revoke(file, ids, texts)));
  withOutput(flash.command('fault').argument('<file>').argument('<fault...>'))
    .description(
      'damages it as age and power cuts do: flip:OFFSET:BIT, cut-program:OFFSET, cut-erase:OFFSET; OFFSET as 0x80010 or A+16',
    )
    .action((file: string, faults: string[], texts: OutputOptions) => ended(fault(file, faults, texts)));
  withOutput(flash.command('erase').argument('<file>').argument('<region...>'))
    .description('erases regions: A, B, settings, trust, crash')
    .action((file: string, regions: string[], texts: OutputOptions) => ended(erase(file, regions, texts)));
}

function create(file: string, texts: CreateTexts): ExitCode {
  const output = new Output(texts);
  const row = model(texts.model);
  const mac = texts.mac === 'auto' ? autoMac(readMacRun(undefined), 0, 0) : parseMac(texts.mac);
  if (typeof mac === 'string') throw new UsageError(`--mac: ${mac}`);
  const load = row.loads[protocolOf(row, texts.protocol)];
  const built = (name: string): Uint8Array => readOctets(join(imageDirectory(), imageFileName(name)));
  const options = {
    identity: { model: row.name, mac, serial: serialNumber(mac), hardwareRevision: hardwareRevisionOf(row) },
    bootKeys: bootKeys(texts.bootKey),
    recovery: built(RECOVERY),
    image: texts.image === undefined ? built(load!) : readOctets(texts.image),
    allowUnsigned: texts.allowUnsigned === true,
  };
  const flash = FlashFile.create(file, FLASH_SIZE);
  try {
    createFlash(flash, options);
  } catch (error) {
    flash.close();
    unlinkSync(file);
    throw error;
  }
  flash.close();
  const warning = warnOfMac(mac);
  if (warning !== null) process.stderr.write(`${warning}\n`);
  output.object({ file, phone: deviceName(mac), ...options.identity, mac: formatMac(mac) });
  output.line(`${file}: ${row.platform} ${deviceName(mac)}, serial ${options.identity.serial}`);
  return EXIT.done;
}

function info(file: string, texts: OutputOptions): ExitCode {
  const output = new Output(texts);
  return withFlash(file, true, (flash) => {
    const found = flashInfo(flash);
    const { identity, bootKeys: keys, ...rest } = found;
    output.object({
      file,
      phone: deviceName(identity.mac),
      identity: { ...identity, mac: formatMac(identity.mac) },
      bootKeys: keys.map(({ id, algorithm, revoked }) => ({ id, algorithm, revoked })),
      ...rest,
      settings: Object.fromEntries(rest.settings),
      files: Object.fromEntries(rest.files),
    });
    for (const line of infoLines(file, found)) output.line(line);
  });
}

function infoLines(
  file: string,
  { identity, bootKeys: keys, slots, settings, files, faults, map, ...rest }: FlashInfo,
): string[] {
  const platform = modelNamed(identity.model)?.platform ?? identity.model;
  return [
    `${file}: ${platform} ${deviceName(identity.mac)}, serial ${identity.serial}, hardware revision ${identity.hardwareRevision}`,
    `  boot keys  ${keys.map(({ id, revoked }) => (revoked ? `${id} (revoked)` : id)).join(', ') || 'none'}`,
    `  counter    ${rest.securityCounter}`,
    ...slots.map(({ slot, state, load, version, faults: count }) => {
      const what = load === null ? '' : `  ${load} ${version}`;
      return `  slot ${slot.padEnd(8)}  ${state}${what}${count === 0 ? '' : `, ${count} faults`}`;
    }),
    ...settings.map(([name, value]) => `  setting    ${name} = ${value}`),
    ...files.map(([name, size]) => `  file       ${name}, ${size} octets`),
    ...faults.map(
      ({ at, reason, load, detail }) =>
        `  fault      at ${at / 1e6} s in ${load}: ${reason}: ${detail.split('\n', 1)[0]}`,
    ),
    ...map.map(({ name, offset, size, usedSectors, about }) => {
      const range = `0x${offset.toString(16).padStart(6, '0')} ${String(size / 1024).padStart(5)} KiB`;
      return `  region     ${name.padEnd(8)} ${range}, ${usedSectors} sectors used: ${about}`;
    }),
  ];
}

function install(file: string, imagePath: string, texts: InstallTexts): ExitCode {
  const output = new Output(texts);
  const image = readOctets(imagePath);
  const slot = texts.slot === undefined ? {} : { slot: oneOf('--slot', texts.slot, SLOTS) };
  return withFlash(file, false, (flash) => {
    const flags = { confirmed: texts.confirmed === true, allowUnsigned: texts.allowUnsigned === true };
    const installed = installInto(flash, image, { ...slot, ...flags });
    output.object({ file, slot: installed, image: imagePath });
    output.line(`${file}: ${imagePath} stands in slot ${installed}`);
  });
}

function set(file: string, settings: readonly string[], texts: OutputOptions): ExitCode {
  const output = new Output(texts);
  const pairs = settings.map((text) => {
    const equals = text.indexOf('=');
    if (equals < 1) throw new UsageError(`flash set takes NAME=VALUE, not "${text}".`);
    return [text.slice(0, equals), text.slice(equals + 1)] as const;
  });
  return withFlash(file, false, (flash) => {
    for (const [name, value] of pairs) {
      setSetting(flash, name, value);
      const shown = shownSetting(name, value);
      output.object({ file, name, value: shown });
      output.line(`${file}: ${name} = ${shown}`);
    }
  });
}

function dump(file: string, texts: DumpTexts): ExitCode {
  const output = new Output(texts);
  return withFlash(file, true, (flash) => {
    const octets = dumpFlash(flash);
    writeOctets(texts.out, octets, { secret: true, over: texts.force === true });
    output.object({ file, out: texts.out, size: octets.length });
    output.line(`${texts.out}: ${octets.length} octets`);
  });
}

function restore(file: string, from: string, texts: OutputOptions): ExitCode {
  const output = new Output(texts);
  const octets = readOctets(from);
  return withFlash(file, false, (flash) => {
    restoreFlash(flash, octets);
    output.object({ file, from, size: octets.length });
    output.line(`${file}: ${octets.length} octets from ${from}`);
  });
}

function revoke(file: string, ids: readonly string[], texts: OutputOptions): ExitCode {
  const output = new Output(texts);
  return withFlash(file, false, (flash) => {
    for (const id of ids) {
      revokeKey(flash, id);
      output.object({ file, revoked: id });
      output.line(`${file}: key ${id} is revoked`);
    }
  });
}

function fault(file: string, texts: readonly string[], options: OutputOptions): ExitCode {
  const output = new Output(options);
  return withFlash(file, false, (flash) => {
    const faults = texts.map((text) => {
      const found = parseFault(text, flash.size);
      if (typeof found === 'string') throw new UsageError(found);
      return found;
    });
    // All of them can be read before the first one is done.
    for (const each of faults) {
      injectFault(flash, each);
      output.object({ file, ...each });
      const bit = each.kind === 'flip' ? `, bit ${each.bit}` : '';
      output.line(`${file}: ${each.kind} at 0x${each.offset.toString(16)}${bit}`);
    }
  });
}

function erase(file: string, regions: readonly string[], texts: OutputOptions): ExitCode {
  const output = new Output(texts);
  return withFlash(file, false, (flash) => {
    for (const region of regions) {
      eraseRegion(flash, region);
      output.object({ file, erased: region });
      output.line(`${file}: ${region} is erased`);
    }
  });
}

function withFlash(file: string, readOnly: boolean, use: (flash: Flash) => void): ExitCode {
  const flash = FlashFile.open(file, { readOnly });
  try {
    use(flash);
  } finally {
    flash.close();
  }
  return EXIT.done;
}
