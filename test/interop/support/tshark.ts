import { execFile, execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

const run = promisify(execFile);

/** Off unless asked for, since a capture on the sending machine usually comes before the card fills them in. Here they must be right. */
const CHECK_SUMS = ['ip', 'udp', 'tcp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);

/** Frames reach the file when the kernel's block of them is full, or this old. */
const BLOCK_MILLISECONDS = 250;

/** Records an interface of the peers' namespace into a file. */
export class Recorder {
  readonly #daemon: Daemon;

  private constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  static async start(peers: PeerNamespace, name: string, file: string): Promise<Recorder> {
    const daemon = peers.start('dumpcap', ['dumpcap', '-q', '-i', name, '-w', file]);
    await daemon.ready('captures', () => (daemon.log.includes('File:') ? true : null));
    return new Recorder(daemon);
  }

  /** Afterwards the file holds every frame that has passed. */
  async stop(): Promise<void> {
    await sleep(2 * BLOCK_MILLISECONDS);
    await this.#daemon.stop();
  }
}

/** One line a frame that the filter takes: the fields, each as a list, since a field may occur more than once. */
export async function readCapture(
  file: string,
  filter: string,
  fields: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const wanted = fields.flatMap((field) => ['-e', field]);
  const args = [
    '-n',
    ...CHECK_SUMS,
    '-r',
    file,
    '-Y',
    filter,
    '-T',
    'fields',
    '-E',
    'separator=/t',
    '-E',
    'aggregator=|',
    ...wanted,
  ];
  const { stdout } = await run('tshark', args, { maxBuffer: 64 << 20 });
  peerRan('tshark', versionOf('tshark', '--version'), 'reader of captures');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

/** What tshark finds wrong with a capture: malformed frames, bad checksums and everything that it calls an error; a line each. */
export async function complaints(file: string): Promise<readonly string[]> {
  const filter = [
    '_ws.malformed',
    '_ws.short',
    ...['ip', 'udp', 'tcp', 'cdp'].map((protocol) => `${protocol}.checksum.status == "Bad"`),
    '_ws.expert.severity == error',
  ].join(' || ');
  const fields = ['frame.number', 'frame.protocols', '_ws.expert.message', '_ws.malformed', '_ws.col.Info'];
  return (await readCapture(file, filter, fields)).map((line) => line.join('  '));
}

/** A copy of a capture in which one octet in two hundred is another one; always the same ones. */
export function damaged(file: string): string {
  const copy = `${file}.damaged`;
  execFileSync('editcap', ['-E', '0.005', '--seed', '1', file, copy], { stdio: 'ignore' });
  return copy;
}
