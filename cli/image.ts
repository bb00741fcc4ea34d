import { createPrivateKey, type KeyObject } from 'node:crypto';
import { dirname, join, relative, resolve } from 'node:path';
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
import { imageLoad, type Load, type LoadOptions } from '../lab/public.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { readOctets, writeOctets } from './files.ts';
import { Output, type OutputOptions } from './output.ts';
import { gathered } from './run-options.ts';
import { UsageError } from './usage-error.ts';
import { oneOf } from './values.ts';

interface BuildTexts extends OutputOptions {
  readonly out?: string;
  readonly key?: string;
  readonly compress?: boolean;
}

interface LoadsTexts extends OutputOptions {
  readonly key?: string;
  readonly force?: boolean;
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
    .option('--compress', 'deflate the bodies: a third of the octets')
    .action(async (names: string[], texts: BuildTexts) => ended(await build(names, texts)));
  withOutput(image.command('loads').argument('<files...>'))
    .description(
      'writes <load>.loads beside an image, and the image as <load>.img: what a TFTP server needs to have of it',
    )
    .option('--key <file>', 'RSA private key in PEM form that signs it; the signature is zeros unless given')
    .option('--force', 'write over files that are there')
    .action((files: string[], texts: LoadsTexts) => ended(loads(files, texts)));
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
    compress: texts.compress === true,
  });
  for (const { manifest, path, size, bodyDigest } of images) {
    output.object({ file: path, load: manifest.load, models: manifest.models, size, bodyDigest });
    output.line(`${relative(projectRoot(), path)}  ${size} octets  ${manifest.models.join(' ')}`);
  }
  return EXIT.done;
}

function loads(files: readonly string[], texts: LoadsTexts): ExitCode {
  const output = new Output(texts);
  const options = texts.key === undefined ? {} : { key: rsaKey(texts.key) };
  for (const file of files) {
    const load = readLoad(file, options);
    for (const [name, octets] of load.files) {
      const path = join(dirname(file), name);
      if (resolve(path) === resolve(file)) continue;
      writeOctets(path, octets, { over: texts.force === true });
      output.object({ file: path, load: load.name, size: octets.length });
      output.line(`${path}  ${octets.length} octets`);
    }
  }
  return EXIT.done;
}

/** Codes of the header's signature sizes go up to 512 octets. Throws UsageError. */
function rsaKey(path: string): KeyObject {
  try {
    const key = createPrivateKey(Buffer.from(readOctets(path)));
    if (key.asymmetricKeyType === 'rsa') return key;
  } catch (error) {
    if (error instanceof UsageError) throw error;
  }
  throw new UsageError(`${path} is not an RSA private key in PEM form.`);
}

/** The load that consists of an image. Throws UsageError. */
export function readLoad(path: string, options: LoadOptions = {}): Load {
  try {
    return imageLoad(readOctets(path), options);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${path}: ${error.message}.`);
    throw error;
  }
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
