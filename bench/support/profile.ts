import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

/** CPU that this thread has used, in nanoseconds, the collector's own threads not counted. Node 20 has no other way to ask. */
export function threadCpu(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]);
}

export interface Frame {
  readonly url: string;
  readonly functionName: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/**
 * Runs `work` under the sampling profiler; returns the share of samples by what `nameOf` makes of their innermost frame.
 *
 * @param nameOf is told who called, as it has named it; null leaves the frame to the caller.
 */
export async function shares(
  work: () => void,
  nameOf: (frame: Frame, caller: string | null) => string | null,
): Promise<ReadonlyMap<string, number>> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 100 });
  await session.post('Profiler.start');
  work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const parents = new Map<number, number>();
  const frames = new Map<number, Frame>();
  for (const node of profile.nodes) {
    frames.set(node.id, node.callFrame);
    for (const child of node.children ?? []) parents.set(child, node.id);
  }
  const named = new Map<number, string | null>();
  const owner = (id: number): string | null => {
    const known = named.get(id);
    if (known !== undefined) return known;
    const parent = parents.get(id);
    const caller = parent === undefined ? null : owner(parent);
    // Built-in functions belong to whoever called them.
    const name = nameOf(frames.get(id)!, caller) ?? caller;
    named.set(id, name);
    return name;
  };
  const counts = new Map<string, number>();
  let total = 0;
  for (const sample of profile.samples ?? []) {
    const name = owner(sample) ?? 'other';
    if (name === 'idle') continue;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    total++;
  }
  return new Map([...counts].map(([name, count]) => [name, count / total]));
}
