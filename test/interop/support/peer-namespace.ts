import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { builtProgram } from './built-program.ts';
import { Daemon } from './daemon.ts';
import { peerRan, runFolder, runName } from './interop-run.ts';
import { kernelVersion } from './versions.ts';

export interface LinkOptions {
  /** Addresses with prefix length for the peers' end. */
  readonly addresses?: readonly string[];
  /** The kernel leaves checksums of the peers' packets to a card that is not there. Segments stay whole frames either way. */
  readonly checksumOffload?: boolean;
}

/**
 * The network namespace in which the peers of one test live, joined to the tests' own by veth pairs. The tests' end of a pair has no address: it is for
 * a raw wire.
 */
export class PeerNamespace {
  readonly name: string;
  /** For what the peers read and write. */
  readonly folder: string;
  readonly #daemons: Daemon[] = [];
  readonly #links: string[] = [];
  #closed = false;

  constructor(label: string) {
    this.name = `${runName()}-${label}`;
    this.folder = join(runFolder(), label);
    mkdirSync(this.folder);
    chmodSync(this.folder, 0o755);
    ip('netns', 'add', this.name);
    // Otherwise the kernel sends router solicitations and group reports of its own on every new interface.
    for (const scope of ['all', 'default']) {
      this.run('sysctl', '-qw', `net.ipv6.conf.${scope}.disable_ipv6=1`);
      ip('netns', 'exec', `${runName()}-phones`, 'sysctl', '-qw', `net.ipv6.conf.${scope}.disable_ipv6=1`);
      this.run('sysctl', '-qw', `net.ipv4.conf.${scope}.arp_ignore=1`);
    }
    ip('-n', this.name, 'link', 'set', 'lo', 'up');
    peerRan('Linux', kernelVersion(), 'kernel');
  }

  /** A veth pair: `outer` is in the tests' namespace, `inner` in this one. */
  link(outer: string, inner: string, options: LinkOptions = {}): void {
    const { addresses = [], checksumOffload = false } = options;
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', this.name);
    this.#links.push(outer);
    this.withoutOffload(inner, checksumOffload);
    for (const address of addresses) ip('-n', this.name, 'addr', 'add', address, 'dev', inner);
    ip('-n', this.name, 'link', 'set', inner, 'up');
    ip('link', 'set', outer, 'up');
  }

  /** As a card would have it on the wire: segments no longer than a frame, and their checksums filled in. */
  withoutOffload(name: string, checksumOffload = false): void {
    const tx = checksumOffload ? 'on' : 'off';
    this.run('ethtool', '-K', name, 'tso', 'off', 'gso', 'off', 'gro', 'off', 'tx', tx);
  }

  /** Carrier of the tests' end, as when a cable is pulled. */
  setLink(inner: string, up: boolean): void {
    ip('-n', this.name, 'link', 'set', inner, up ? 'up' : 'down');
  }

  /** Runs a program in the namespace to its end; throws with what it wrote when it fails. */
  run(...command: readonly string[]): string {
    return ip('netns', 'exec', this.name, ...command);
  }

  /** As `run`, for a program that is expected to fail: its exit code and both streams. */
  try(...command: readonly string[]): { readonly status: number; readonly output: string } {
    try {
      return { status: 0, output: this.run(...command) };
    } catch (error) {
      const { status, stdout, stderr } = error as { status?: number; stdout?: string; stderr?: string };
      return { status: status ?? -1, output: `${stdout ?? ''}${stderr ?? ''}` };
    }
  }

  /** Starts a program that stays; `close` ends it. */
  start(name: string, command: readonly string[], environment: Readonly<Record<string, string>> = {}): Daemon {
    const daemon = new Daemon(name, ['ip', 'netns', 'exec', this.name, ...command], environment);
    this.#daemons.push(daemon);
    return daemon;
  }

  /** A program of ours: a file of `support/`. */
  startNode(name: string, file: string, ...args: readonly string[]): Daemon {
    return this.start(name, [process.execPath, builtProgram(file), ...args]);
  }

  /** Path within the folder. */
  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const daemon of this.#daemons.reverse()) await daemon.stop();
    // The kernel removes a namespace's interfaces some time after the namespace; the next test may want the names.
    for (const link of this.#links) ip('link', 'del', link);
    ip('netns', 'del', this.name);
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
}
