import type { KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import type { DigestAlgorithm } from '../hal/secure.ts';
import {
  CLUSTER_STATES,
  type ClusterNode,
  type ClusterState,
  certificateIn,
  clusterCtl,
  clusterItl,
  createLabPki,
  createPkiFolder,
  encryptFile,
  publicKeyIn,
  readPkiFolder,
  replaceIdentity,
  rolledOver,
  SERVICES,
  type ServiceName,
  signFile,
} from '../lab/public.ts';
import { parseHex } from '../storage/ascii.ts';
import { parseIpv4 } from '../storage/settings.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { readOctets, writeOctets } from './files.ts';
import { Output, type OutputOptions } from './output.ts';
import { gathered } from './run-options.ts';
import { UsageError } from './usage-error.ts';
import { oneOf } from './values.ts';

interface OutTexts extends OutputOptions {
  readonly out: string;
  readonly digest: string;
  readonly force?: boolean;
}

interface CreateTexts extends OutputOptions {
  readonly node: readonly string[];
}

interface ListsTexts extends OutTexts {
  readonly state: string;
  readonly device?: readonly string[];
  readonly itlSigner: string;
  readonly hashed?: boolean;
}

interface EncryptTexts extends OutTexts {
  readonly for?: string;
  readonly key?: string;
}

type WithOutput = (command: Command) => Command;
type Ended = (code: ExitCode) => void;

/** AES-128. */
const TYPED_KEY_OCTETS = 16;
const DIGESTS: readonly DigestAlgorithm[] = ['sha1', 'sha256', 'sha512'];
const ITL_SIGNERS = ['itl-recovery', 'call-manager'] as const;
/** What a phone asks for: `CTLSEP….tlv`. */
const DEVICE_NAME = /^SEP[0-9A-F]{12}$/;

/** `sepia lab pki …`: for phones that are served by any TFTP server. */
export function addPkiCommands(pki: Command, withOutput: WithOutput, ended: Ended): void {
  pki.description('keys, trust lists and signed files of a lab cluster, for any TFTP server');
  withOutput(pki.command('create').argument('<folder>'))
    .description('makes keys and certificates of a cluster')
    .requiredOption('--node <host,address>', 'a call manager as phones reach it; may be given again', gathered)
    .action((folder: string, texts: CreateTexts) => ended(create(folder, texts)));
  withOutput(writing(pki.command('lists').argument('<folder>')))
    .description('writes CTLFile.tlv and ITLFile.tlv')
    .option('--state <state>', `of the cluster: ${CLUSTER_STATES.join(', ')}`, 'mixed')
    .option('--device <name>', 'writes CTL<name>.tlv and ITL<name>.tlv too; may be given again', gathered)
    .option('--itl-signer <name>', `${ITL_SIGNERS.join(' or ')}`, 'itl-recovery')
    .option('--hashed', 'records hold digests of certificates instead of the certificates')
    .action((folder: string, texts: ListsTexts) => ended(lists(folder, texts)));
  withOutput(writing(pki.command('sign').argument('<folder>').argument('<files...>')))
    .description('signs files as the TFTP service does: NAME.sgn')
    .action((folder: string, files: string[], texts: OutTexts) => ended(sign(folder, files, texts)));
  withOutput(writing(pki.command('encrypt').argument('<folder>').argument('<file>')))
    .description('encrypts a configuration for one phone, and signs it: NAME.enc.sgn')
    .option('--for <certificate>', "the phone's, PEM or DER, with an RSA key")
    .option(
      '--key <hex>',
      'instead: the key of 128 bits that is typed on the phone [?: the layout of such a file is a guess]',
    )
    .action((folder: string, file: string, texts: EncryptTexts) => ended(encrypt(folder, file, texts)));
  withOutput(pki.command('roll-over').argument('<folder>').argument('<service>'))
    .description(`gives a service another key and certificate: ${Object.keys(SERVICES).join(', ')}`)
    .action((folder: string, service: string, texts: OutputOptions) => ended(rollOver(folder, service, texts)));
}

function writing(command: Command): Command {
  return command
    .option('--out <folder>', 'where to', '.')
    .option('--digest <digest>', DIGESTS.join(', '), 'sha1')
    .option('--force', 'write over files that are there');
}

function create(folder: string, texts: CreateTexts): ExitCode {
  const nodes = texts.node.map(nodeOf);
  createPkiFolder(folder, { pki: createLabPki({ host: nodes[0]!.host, now: unixNow() }), nodes });
  const output = new Output(texts);
  output.object({ folder, nodes: texts.node });
  output.line(`${folder}: keys and certificates of a cluster of ${nodes.length}`);
  return EXIT.done;
}

function nodeOf(text: string): ClusterNode {
  const [host = '', addressText] = text.split(',', 2);
  const address = parseIpv4(addressText ?? host);
  if (host !== '' && address !== null) return { host, address };
  throw new UsageError(`--node takes HOST,ADDRESS or an address, not "${text}".`);
}

function lists(folder: string, texts: ListsTexts): ExitCode {
  const { pki, nodes } = readPkiFolder(folder);
  const state: ClusterState = oneOf('--state', texts.state, CLUSTER_STATES);
  const itlSigner = oneOf('--itl-signer', texts.itlSigner, ITL_SIGNERS);
  const form = { state, digest: digestOf(texts), hashed: texts.hashed === true };
  const options = { pki, nodes, ...form, now: unixNow(), itlSigner: pki[SERVICES[itlSigner]] };
  const made = { CTL: clusterCtl(options), ITL: clusterItl(options) };
  const devices = texts.device ?? [];
  const strange = devices.find((device) => !DEVICE_NAME.test(device));
  if (strange !== undefined) throw new UsageError(`--device takes SEP and twelve digits, not "${strange}".`);
  for (const [list, octets] of Object.entries(made)) {
    for (const whose of ['File', ...devices]) write(texts, `${list}${whose}.tlv`, octets);
  }
  return EXIT.done;
}

function sign(folder: string, files: readonly string[], texts: OutTexts): ExitCode {
  const { pki } = readPkiFolder(folder);
  for (const file of files) {
    const filename = `${basename(file)}.sgn`;
    const options = { signer: pki.callManager, digest: digestOf(texts), filename, timestamp: unixNow() };
    write(texts, filename, signFile(readOctets(file), { ...options, version: [1, 0] }));
  }
  return EXIT.done;
}

function encrypt(folder: string, file: string, texts: EncryptTexts): ExitCode {
  const { pki } = readPkiFolder(folder);
  const filename = `${basename(file)}.enc.sgn`;
  const phoneKey = phoneKeyOf(texts);
  const options = { signer: pki.callManager, digest: digestOf(texts), filename, timestamp: unixNow(), phoneKey };
  write(texts, filename, encryptFile(readOctets(file), options));
  return EXIT.done;
}

function phoneKeyOf({ for: certificate, key }: EncryptTexts): KeyObject | Uint8Array {
  if ((certificate === undefined) === (key === undefined)) throw new UsageError('encrypt takes either --for or --key.');
  if (certificate === undefined) return typedKey('--key', key!);
  const phoneKey = publicKeyIn(certificateIn(readOctets(certificate), certificate));
  if (phoneKey.asymmetricKeyType === 'rsa') return phoneKey;
  throw new UsageError(`${certificate} has no RSA key, and only such a one can wrap the key of a configuration.`);
}

/** The key is a secret: it is not repeated. */
function typedKey(option: string, text: string): Uint8Array {
  const key = parseHex(text);
  if (key?.length === TYPED_KEY_OCTETS) return key;
  throw new UsageError(`${option} takes 32 hexadecimal digits.`);
}

function rollOver(folder: string, text: string, texts: OutputOptions): ExitCode {
  const service = oneOf('The service', text, Object.keys(SERVICES) as ServiceName[]);
  const { pki, nodes } = readPkiFolder(folder);
  const before = pki[SERVICES[service]];
  replaceIdentity(folder, service, rolledOver(before, { host: nodes[0]!.host, now: unixNow() }));
  const output = new Output(texts);
  output.object({ folder, service });
  output.line(`${folder}: ${service} has another key. Write the lists anew and let phones take them.`);
  return EXIT.done;
}

function digestOf({ digest }: OutTexts): DigestAlgorithm {
  return oneOf('--digest', digest, DIGESTS);
}

function write(texts: OutTexts, name: string, octets: Uint8Array): void {
  const file = join(texts.out, name);
  mkdirSync(texts.out, { recursive: true });
  writeOctets(file, octets, { over: texts.force === true });
  const output = new Output(texts);
  output.object({ file, size: octets.length });
  output.line(`${file}  ${octets.length} octets`);
}

function unixNow(): number {
  return Math.floor(Date.now() / 1_000);
}
