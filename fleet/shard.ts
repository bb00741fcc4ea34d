/**
 * The program of one shard's thread: a whole world, with a lab of its own, whose frames reach no other shard. What its phones tell goes to the fleet in
 * batches, one a turn of the event loop.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { modelNamed } from '../device/models.ts';
import type { Phone, PhoneSinks } from '../device/phone.ts';
import { type Instant, SECOND } from '../hal/timer.ts';
import type { EventType, TraceEvents } from '../hal/trace.ts';
import { FLEET_KEYS, loadFiles } from '../lab/public.ts';
import { CallLoad } from './call-load.ts';
import type { CallNews } from './call-measurements.ts';
import { Census } from './census.ts';
import { EventStream } from './event-stream.ts';
import { Run } from './run.ts';
import type { FromShard, ShardEvent, ShardPlan, ToShard } from './shard-messages.ts';
import { VirtualWorld } from './virtual-world.ts';

/** Counts the phones of this shard, and passes on what the fleet wants to hear of them. */
class Outbox implements PhoneSinks {
  readonly census = new Census(new EventStream());
  readonly #port: MessagePort;
  readonly #types: ReadonlySet<EventType> | null;
  #events: ShardEvent[] = [];
  #news: CallNews[] = [];
  /** Made when the world is. */
  calls: CallLoad | null = null;

  constructor(port: MessagePort, types: readonly EventType[] | null) {
    this.#port = port;
    this.#types = types === null ? null : new Set(types);
  }

  trace(phone: Phone, at: Instant, type: EventType, fields: TraceEvents[EventType]): void {
    this.census.trace(phone, at, type, fields);
    this.calls?.hear(phone.board.deviceName, type, fields);
    if (this.#types?.has(type) === false) return;
    this.#soon();
    this.#events.push([phone.board.deviceName, at, type, fields]);
  }

  console(): void {}

  tellOfCalls(news: CallNews): void {
    this.#soon();
    this.#news.push(news);
  }

  #soon(): void {
    if (this.#events.length === 0 && this.#news.length === 0) setImmediate(() => this.flush());
  }

  /** What was told before it goes first. */
  post(message: FromShard): void {
    this.flush();
    this.#port.postMessage(message);
  }

  flush(): void {
    const events = this.#events;
    const news = this.#news;
    this.#events = [];
    this.#news = [];
    if (events.length > 0) this.#port.postMessage({ kind: 'events', events } satisfies FromShard);
    if (news.length > 0) this.#port.postMessage({ kind: 'calls', news } satisfies FromShard);
  }
}

async function runShard(port: MessagePort, plan: ShardPlan): Promise<void> {
  const { exitWhen, upgrade, macs, protocol } = plan;
  const outbox = new Outbox(port, plan.types);
  const { census } = outbox;
  const stop = new AbortController();
  const silence = new AbortController();
  port.on('message', (message: ToShard) => (message === 'leave' ? stop : silence).abort());
  const world = worldOf(plan, outbox);
  const { timeline, phones } = world;
  if (plan.calls !== null) {
    const { rate, talk } = plan.calls;
    const report = (news: CallNews): void => outbox.tellOfCalls(news);
    outbox.calls = new CallLoad({ timeline, phones, firstNumber: plan.firstNumber, rate, talk: talk * SECOND, report });
  }
  census.expect(
    world.phones.map(({ board }) => board.deviceName),
    upgrade?.name ?? null,
  );
  const run = new Run({
    world,
    census,
    rate: plan.rate,
    exitWhen,
    timeoutSeconds: null,
    warp: true,
    stop: stop.signal,
    silence: silence.signal,
    alwaysLeave: false,
    canary: false,
    whenStarted: (index, at) => outbox.post({ kind: 'started', index, at }),
  });
  let outcome = await run.watch();
  if (outcome.kind === 'reached') {
    // Other shards may not be there yet: this one goes on at the world's own pace until it is told otherwise.
    const signal = AbortSignal.any([stop.signal, silence.signal]);
    await world.go({ until: () => false, signal, skipIdle: false });
    outcome = { kind: 'stopped' };
  }
  await run.leave(outcome);
  outbox.post({ kind: 'ended', health: run.health() });
  port.close();

  function worldOf(
    { model, seed, tunables, allowUnsigned, epoch, lab, firstNumber, calls }: ShardPlan,
    sinks: PhoneSinks,
  ) {
    const row = modelNamed(model);
    if (row === null) throw new Error(`a shard of the model ${model}`);
    const ordered = upgrade === null ? {} : { load: upgrade.name };
    return new VirtualWorld({
      seed,
      phones: macs.map((mac) => ({ model: row, mac, protocol, ...ordered })),
      firstNumber,
      tunables,
      realistic: false,
      powerSource: 'poe',
      sinks,
      epoch,
      allowUnsigned,
      lab: {
        protected: calls === null ? true : 'pairs',
        identities: FLEET_KEYS,
        ...lab,
        ...(upgrade === null ? {} : { files: loadFiles([upgrade]) }),
      },
    });
  }
}

if (parentPort !== null) await runShard(parentPort, workerData as ShardPlan);
