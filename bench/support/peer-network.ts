import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The servers' end; the other one has an address for programs that use the kernel's stack. */
export const SERVER_ADDRESS = '10.90.0.1';
export const KERNEL_ADDRESS = '10.90.0.2';
export const PHONE_END = 'left';
export const SERVER_END = 'right';

/** Kea takes an interface whose carrier the kernel has reported, which it does within a second. */
const SETTLE_MILLISECONDS = 1_500;

type Side = 'phones' | 'servers';

/** Two network namespaces and the cable between them. */
export class PeerNetwork {
  readonly folder = mkdtempSync(join(tmpdir(), 'sepia-bench-'));
  readonly #name = `sepia-bench-${process.pid}`;

  /** Null where this machine gives no namespaces. */
  static async make(): Promise<PeerNetwork | null> {
    const network = new PeerNetwork();
    try {
      for (const side of ['phones', 'servers'] as const) ip('netns', 'add', network.#namespace(side));
    } catch {
      network.close();
      return null;
    }
    const [phones, servers] = [network.#namespace('phones'), network.#namespace('servers')];
    ip('-n', phones, 'link', 'add', PHONE_END, 'type', 'veth', 'peer', 'name', SERVER_END, 'netns', servers);
    ip('-n', phones, 'addr', 'add', `${KERNEL_ADDRESS}/16`, 'dev', PHONE_END);
    ip('-n', servers, 'addr', 'add', `${SERVER_ADDRESS}/16`, 'dev', SERVER_END);
    ip('-n', phones, 'link', 'set', PHONE_END, 'up');
    ip('-n', servers, 'link', 'set', SERVER_END, 'up');
    // Raw readers see the checksums that a card would have filled in.
    network.run('phones', 'ethtool', '-K', PHONE_END, 'tx', 'off', 'gro', 'off');
    network.run('servers', 'ethtool', '-K', SERVER_END, 'tx', 'off', 'gro', 'off');
    await sleep(SETTLE_MILLISECONDS);
    return network;
  }

  /** Runs a program to its end; what it wrote. Its exit code is its own business. */
  run(side: Side, ...command: readonly string[]): string {
    try {
      return ip('netns', 'exec', this.#namespace(side), ...command);
    } catch (error) {
      return (error as { stdout?: string }).stdout ?? '';
    }
  }

  /** As `run`, while this process goes on. */
  async measure(side: Side, ...command: readonly string[]): Promise<string> {
    const child = spawn('ip', ['netns', 'exec', this.#namespace(side), ...command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (text: Buffer) => {
      out += text.toString();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
    return out;
  }

  /** A line for the shell that runs there; the process it becomes is the program itself. */
  commandIn(side: Side, line: string): string {
    return `exec ip netns exec ${this.#namespace(side)} sh -c '${line}'`;
  }

  /** Starts a program that stays; the function ends it. */
  async start(
    command: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<() => Promise<void>> {
    const child = spawn('ip', ['netns', 'exec', this.#namespace('servers'), ...command], {
      stdio: 'ignore',
      env: { ...process.env, ...environment },
    });
    await sleep(SETTLE_MILLISECONDS);
    if (child.exitCode !== null) throw new Error(`${command.join(' ')} ended with ${child.exitCode}`);
    return async () => {
      const ended = once(child, 'close');
      child.kill('SIGTERM');
      await ended;
    };
  }

  close(): void {
    for (const side of ['phones', 'servers'] as const) {
      try {
        ip('netns', 'del', this.#namespace(side));
      } catch {
        // It was never made.
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  #namespace(side: Side): string {
    return `${this.#name}-${side}`;
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
