import { relative } from 'node:path';
import type { Command } from 'commander';
import type { BootKey } from '../hal/secure.ts';
import {
  buildImages,
  developmentKey,
  generateKey,
  type ImageReport,
  inspectImage,
  projectRoot,
  readBootKey,
  readSigningKey,
  type SigningKey,
  signImage,
  verifyImage,
} from '../images/public.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { readOctets, writeOctets } from './files.ts';
import { Output, type OutputOptions } from './output.ts';
import { gathered } from './run-options.ts';
import { oneOf } from './values.ts';

interface BuildTexts extends OutputOptions {
  readonly out?: string;
  readonly key?: string;
}

interface KeysTexts extends OutputOptions {
  readonly key?: readonly string[];
}

interface SignTexts extends OutputOptions {
  readonly key?: string;
  readonly out: string;
  readonly force?: boolean;
}

interface KeygenTexts extends OutputOptions {
  readonly algorithm: string;
}

type Ended = (code: ExitCode) => void;
type WithOutput = (command: Command) => Command;

/** `sepia image …`. */
export function addImageCommands(image: Command, withOutput: WithOutput, ended: Ended): void {
  image.description('flash images: build, look into, sign, check');
  withOutput(image.command('build').argument('[names...]'))
    .description('builds the images of this source tree, or those that are named')
    .option('--out <directory>', 'where to; images/build unless given')
    .option('--key <file>', 'private key in PEM form; the development key unless given')
    .action(async (names: string[], texts: BuildTexts) => ended(await build(names, texts)));
  withOutput(withKeys(image.command('inspect').argument('<files...>')))
    .description('says what is in an image')
    .action((files: string[], texts: KeysTexts) => ended(inspect(files, texts)));
  withOutput(withKeys(image.command('verify').argument('<files...>')))
    .description('checks digest and signature; exit code 1 when one is wrong')
    .action((files: string[], texts: KeysTexts) => ended(verify(files, texts)));
  withOutput(image.command('sign').argument('<file>'))
    .description('signs an image anew')
    .option('--key <file>', 'private key in PEM form; the development key unless given')
    .requiredOption('--out <file>', 'the signed image')
    .option('--force', 'write over the file that is there')
    .action((file: string, texts: SignTexts) => ended(sign(file, texts)));
  withOutput(image.command('keygen').argument('<name>'))
    .description('makes a boot key: NAME.key is private, NAME.pub goes into flash create --boot-key')
    .option('--algorithm <a>', 'ed25519 or ecdsa-p256', 'ed25519')
    .action((name: string, texts: KeygenTexts) => ended(keygen(name, texts)));
}

function withKeys(command: Command): Command {
  return command.option('--key <file>', 'public key that counts, in PEM form; may be given again', gathered);
}

async function build(names: readonly string[], texts: BuildTexts): Promise<ExitCode> {
  const output = new Output(texts);
  const images = await buildImages({
    ...(texts.out === undefined ? {} : { outDir: texts.out }),
    ...(names.length === 0 ? {} : { only: names }),
    key: signingKey(texts.key),
  });
  for (const { manifest, path, size, bodyDigest } of images) {
    output.object({ file: path, load: manifest.load, models: manifest.models, size, bodyDigest });
    output.line(`${relative(projectRoot(), path)}  ${size} octets  ${manifest.models.join(' ')}`);
  }
  return EXIT.done;
}

function inspect(files: readonly string[], texts: KeysTexts): ExitCode {
  const output = new Output(texts);
  const keys = bootKeys(texts.key);
  for (const file of files) {
    const report = inspectImage(readOctets(file), keys);
    output.object({ file, ...report });
    output.line(reportText(file, report));
  }
  return EXIT.done;
}

function verify(files: readonly string[], texts: KeysTexts): ExitCode {
  const output = new Output(texts);
  const keys = bootKeys(texts.key);
  let code: ExitCode = EXIT.done;
  for (const file of files) {
    const problem = verifyImage(readOctets(file), keys);
    output.object({ file, verified: problem === null, reason: problem });
    output.line(`${file}: ${problem ?? 'verified'}`);
    if (problem !== null) code = EXIT.failed;
  }
  return code;
}

function sign(file: string, texts: SignTexts): ExitCode {
  const output = new Output(texts);
  const key = signingKey(texts.key);
  const signed = signImage(readOctets(file), key);
  writeOctets(texts.out, signed, { over: texts.force === true });
  output.object({ file: texts.out, keyId: key.bootKey.id, size: signed.length });
  output.line(`${texts.out}: signed by "${key.bootKey.id}"`);
  return EXIT.done;
}

function keygen(name: string, texts: KeygenTexts): ExitCode {
  const output = new Output(texts);
  const algorithm = oneOf('--algorithm', texts.algorithm, ['ed25519', 'ecdsa-p256']);
  const key = generateKey(algorithm === 'ed25519' ? 'ed25519' : 'ecdsa-p256-sha256');
  writeOctets(`${name}.key`, key.privatePem, { secret: true });
  writeOctets(`${name}.pub`, key.publicPem);
  output.object({ id: key.id, private: `${name}.key`, public: `${name}.pub` });
  output.line(`Key ${key.id}: ${name}.key is private, ${name}.pub is public.`);
  return EXIT.done;
}

function signingKey(path: string | undefined): SigningKey {
  return path === undefined ? developmentKey() : readSigningKey(Buffer.from(readOctets(path)));
}

/** Public keys in PEM form; the development key when none is named. */
export function bootKeys(paths: readonly string[] = []): readonly BootKey[] {
  return paths.length === 0
    ? [developmentKey().bootKey]
    : paths.map((path) => readBootKey(Buffer.from(readOctets(path))));
}

/** What `sepia image inspect` says to people. */
export function reportText(file: string, report: ImageReport): string {
  const rows: readonly (readonly [string, string])[] = [
    ['load', `${report.load}, version ${report.version}, build ${report.buildId}`],
    ['models', report.models.join(' ')],
    ['hardware', report.hardwareRevisions?.join(' ') ?? 'any revision'],
    ['protocol', report.protocol ?? 'none'],
    ['HAL ABI', String(report.halAbi)],
    ['counter', String(report.securityCounter)],
    ['size', `${report.size} octets: header ${report.headerSize}, body ${report.bodySize}`],
    ['digest', `${report.digest}${report.digestMatches ? '' : ', which does not match: the image is damaged'}`],
    ['signature', `${report.signature}${report.keyId === null ? '' : ` by "${report.keyId}" (${report.algorithm})`}`],
  ];
  return [file, ...rows.map(([name, value]) => `  ${name.padEnd(10)} ${value}`)].join('\n');
}
