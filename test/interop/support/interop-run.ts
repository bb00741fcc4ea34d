/** What `run.sh` tells the tests: they run in a namespace of its own, and nowhere else. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Begins the names of all namespaces of this run. */
export function runName(): string {
  return given('SEPIA_INTEROP_RUN');
}

/** Folder of this run; gone when it is over. */
export function runFolder(): string {
  return given('SEPIA_INTEROP_FOLDER');
}

function given(name: string): string {
  const value = process.env[name];
  if (value === undefined)
    throw new Error('these tests run in network namespaces: start them with npm run test:interop');
  return value;
}

/** Notes a program of others that a test has had to do with, for the table at the end. */
export function peerRan(peer: string, version: string, role: string): void {
  appendFileSync(join(runFolder(), 'peers'), `${JSON.stringify({ peer, version, role })}\n`);
}

export interface PeerRow {
  readonly peer: string;
  readonly version: string;
  readonly roles: readonly string[];
}

/** Every peer of this run once, in the order in which they first ran. */
export function peersOfRun(): readonly PeerRow[] {
  const file = join(runFolder(), 'peers');
  if (!existsSync(file)) return [];
  const rows = new Map<string, { version: string; roles: Set<string> }>();
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const { peer, version, role } = JSON.parse(line) as { peer: string; version: string; role: string };
    const row = rows.get(peer) ?? { version, roles: new Set<string>() };
    row.roles.add(role);
    rows.set(peer, row);
  }
  return [...rows].map(([peer, { version, roles }]) => ({ peer, version, roles: [...roles] }));
}
