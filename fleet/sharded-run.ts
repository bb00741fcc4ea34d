import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { deviceName } from '../device/identity.ts';
import type { Instant } from '../hal/timer.ts';
import type { CallMeasurements } from './call-measurements.ts';
import type { Census } from './census.ts';
import type { EventStream } from './event-stream.ts';
import type { ExitWhen, GeneratorHealth, Running, RunOutcome } from './run.ts';
import type { FromShard, ShardPlan, ToShard } from './shard-messages.ts';

/** A thread as this file sees it; `node:worker_threads` gives it. */
export interface ShardThread {
  postMessage(message: ToShard): void;
  on(event: 'message', listener: (message: FromShard) => void): unknown;
  on(event: 'error', listener: (error: Error & { readonly code?: string }) => void): unknown;
  on(event: 'exit', listener: () => void): unknown;
  terminate(): Promise<unknown>;
}

export interface ShardedRunOptions {
  readonly shards: readonly ShardPlan[];
  readonly census: Census;
  readonly stream: EventStream;
  readonly exitWhen: ExitWhen;
  /** Real seconds; null waits for ever. */
  readonly timeoutSeconds: number | null;
  readonly stop: AbortSignal;
  readonly silence: AbortSignal;
  /** Largest heap of a shard, MiB. One that needs more is ended and started again. */
  readonly heapMebibytes: number;
  readonly calls: CallMeasurements;
  /** Tells people what has become of a shard. */
  readonly note: (line: string) => void;
  readonly spawn?: (plan: ShardPlan, heapMebibytes: number) => ShardThread;
}

/** A shard that runs out of memory again after so many fresh starts does so by what it runs, not by chance. */
const MOST_RESTARTS = 3;

/** Phones have ten seconds to leave; a thread that has not ended then never will. */
const LONGEST_LEAVE_MILLISECONDS = 15_000;

interface Shard {
  readonly number: number;
  readonly plan: ShardPlan;
  readonly names: readonly string[];
  /** Place of its first phone among all. */
  readonly first: number;
  thread: ShardThread;
  restarts: number;
  /** Told to end, or given up. */
  over: boolean;
  health: GeneratorHealth | null;
  readonly gone: () => void;
  /** Resolves when its last thread has ended. */
  readonly ended: Promise<void>;
}

/** One run over several threads, each a world of its own: their phones in one census, and shards that die of hunger in the report. */
export class ShardedRun implements Running {
  readonly #options: ShardedRunOptions;
  readonly #shards: Shard[] = [];
  readonly #startedAt = performance.now();
  /** The latest instant of any of the worlds. */
  #now: Instant = 0;
  /** Why the run cannot go on. */
  #failure: string | null = null;
  #look = (): void => {};

  constructor(options: ShardedRunOptions) {
    this.#options = options;
    let first = 0;
    options.shards.forEach((plan, index) => {
      const end: { resolve: () => void } = { resolve: () => {} };
      const ended = new Promise<void>((resolve) => {
        end.resolve = resolve;
      });
      const shard: Shard = {
        number: index + 1,
        plan,
        names: plan.macs.map(deviceName),
        first,
        thread: this.#spawn(plan),
        restarts: 0,
        over: false,
        health: null,
        gone: end.resolve,
        ended,
      };
      first += plan.macs.length;
      this.#shards.push(shard);
      this.#follow(shard);
    });
  }

  now(): Instant {
    return this.#now;
  }

  watch(): Promise<RunOutcome> {
    const { census, exitWhen, stop, silence, timeoutSeconds } = this.#options;
    const isMet = exitWhen === 'decided' ? () => census.allDecided : () => census.allRegistered;
    const timeout = timeoutSeconds === null ? [] : [AbortSignal.timeout(timeoutSeconds * 1000)];
    const signal = AbortSignal.any([stop, silence, ...timeout]);
    return new Promise((resolve) => {
      const look = (): void => {
        const outcome = this.#outcome(exitWhen !== 'never' && isMet(), signal.aborted);
        if (outcome === null) return;
        this.#look = () => {};
        signal.removeEventListener('abort', look);
        resolve(outcome);
      };
      this.#look = look;
      signal.addEventListener('abort', look);
      look();
    });
  }

  #outcome(isMet: boolean, isAborted: boolean): RunOutcome | null {
    const { census, exitWhen, stop, silence } = this.#options;
    if (this.#failure !== null) return { kind: 'given-up', text: this.#failure, refused: false };
    if (isMet) return { kind: 'reached' };
    if (!isAborted) return null;
    if (stop.aborted || silence.aborted) return { kind: 'stopped' };
    return exitWhen === 'never' && census.allRegistered ? { kind: 'reached' } : { kind: 'timed-out' };
  }

  /** Ends the threads: in order where the operator asked for it, and by force where one does not answer. */
  async leave(outcome: RunOutcome): Promise<void> {
    const { silence } = this.#options;
    const say = (message: ToShard): void => {
      for (const shard of this.#shards) {
        shard.over = true;
        shard.thread.postMessage(message);
      }
    };
    say(outcome.kind === 'stopped' && !silence.aborted ? 'leave' : 'end');
    const end = (): void => say('end');
    silence.addEventListener('abort', end);
    const limit = setTimeout(() => {
      for (const { thread } of this.#shards) void thread.terminate();
    }, LONGEST_LEAVE_MILLISECONDS);
    await Promise.all(this.#shards.map(({ ended }) => ended));
    clearTimeout(limit);
    silence.removeEventListener('abort', end);
  }

  /** The worst of the shards, and each of them. */
  health(): GeneratorHealth & { readonly shards: readonly object[] } {
    const known = this.#shards.flatMap(({ health }) => (health === null ? [] : [health]));
    const worst = (of: (health: GeneratorHealth) => number): number => Math.max(0, ...known.map(of));
    return {
      realSeconds: Math.round(performance.now() - this.#startedAt) / 1000,
      eventLoopLag: {
        p50: worst(({ eventLoopLag }) => eventLoopLag.p50),
        p99: worst(({ eventLoopLag }) => eventLoopLag.p99),
        max: worst(({ eventLoopLag }) => eventLoopLag.max),
      },
      ringDrops: known.reduce((sum, { ringDrops }) => sum + ringDrops, 0),
      identityKeys: known.reduce((sum, { identityKeys }) => sum + identityKeys, 0),
      shards: this.#shards.map(({ number, names, restarts }) => ({ shard: number, phones: names.length, restarts })),
    };
  }

  #spawn(plan: ShardPlan): ShardThread {
    const { heapMebibytes, spawn = spawnThread } = this.#options;
    return spawn(plan, heapMebibytes);
  }

  #follow(shard: Shard): void {
    const { thread } = shard;
    const end: { error: (Error & { readonly code?: string }) | null } = { error: null };
    thread.on('message', (message) => this.#hear(shard, message));
    thread.on('error', (error) => {
      end.error = error;
    });
    thread.on('exit', () => this.#exited(shard, end.error));
  }

  #hear(shard: Shard, message: FromShard): void {
    const { census } = this.#options;
    switch (message.kind) {
      case 'started':
        this.#now = Math.max(this.#now, message.at);
        census.begin(shard.first + message.index, message.at);
        return;
      case 'events':
        for (const [phone, at, type, fields] of message.events) {
          this.#now = Math.max(this.#now, at);
          census.hear(phone, at, type, fields);
          this.#look();
        }
        return;
      case 'calls':
        for (const news of message.news) this.#options.calls.hear(news);
        return;
      case 'ended':
        shard.health = message.health;
        return;
    }
  }

  #exited(shard: Shard, error: (Error & { readonly code?: string }) | null): void {
    if (shard.over) {
      shard.gone();
      return;
    }
    if (error?.code === 'ERR_WORKER_OUT_OF_MEMORY') this.#starved(shard);
    else {
      shard.gone();
      this.#failure = `Shard ${shard.number} failed: ${error?.message ?? 'its thread ended by itself'}.`;
    }
    this.#look();
  }

  /** The memory of its phones went with the thread, their flash included: they start anew. */
  #starved(shard: Shard): void {
    const { census, stream, note, exitWhen, heapMebibytes } = this.#options;
    const { number, names } = shard;
    const again = shard.restarts < MOST_RESTARTS;
    census.lost(names, again ? null : 'shard.out-of-memory');
    const outcome = again ? 'restarted' : 'given-up';
    const facts = { shard: number, phones: names.length, reason: 'out-of-memory', outcome, heapMebibytes };
    stream.tell(this.#now, null, 'fleet.shard', facts);
    const what = `Shard ${number}, ${names.length} phones, needed more than ${heapMebibytes} MiB of heap`;
    if (again) {
      shard.restarts++;
      shard.thread = this.#spawn(shard.plan);
      this.#follow(shard);
      note(`${what}: its phones start again.`);
      return;
    }
    shard.over = true;
    shard.gone();
    note(`${what} once more, and is given up.`);
    if (exitWhen === 'registered') this.#failure = `${what} ${MOST_RESTARTS + 1} times.`;
  }
}

function spawnThread(plan: ShardPlan, heapMebibytes: number): ShardThread {
  return new Worker(new URL('./shard.js', import.meta.url), {
    workerData: plan,
    resourceLimits: { maxOldGenerationSizeMb: heapMebibytes },
  });
}
