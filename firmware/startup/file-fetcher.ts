import type { ModelRow } from '../../hal/board.ts';
import type { Ipv4 } from '../../hal/nic.ts';
import { type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { Trace, TraceEvents } from '../../hal/trace.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import { MARKS } from '../net/marking.ts';
import type { Mark } from '../net/sockets.ts';
import type { Stack } from '../net/stack.ts';
import type { FileOutcome, FileSink } from '../protocols/file-outcome.ts';
import { ipv4Text } from '../wire/address.ts';
import { type Download, HttpDownload, type OpenSecurely, TftpDownload } from './download.ts';

export type FetchOutcome = TraceEvents['file.done']['outcome'];

export type FetchResult =
  | { readonly outcome: 'received'; readonly octets: Uint8Array; readonly server: Ipv4; readonly via: Via }
  | { readonly outcome: Exclude<FetchOutcome, 'received'>; readonly code?: number };

type Waiter = (now: Instant, result: FetchResult) => void;

export type Via = TraceEvents['file.done']['via'];

/** How a file is fetched where it is not as most are. */
export interface FetchOptions {
  /** Takes the file piece by piece as it comes; the result's octets are empty then. */
  readonly sink?: FileSink;
  /** The file is asked for by HTTPS before all else, where the model speaks HTTP. */
  readonly https?: OpenSecurely;
  /** The servers are phones, and asked by HTTP on this port alone. */
  readonly peerPort?: number;
}

/** Whom to ask, and how. */
interface Attempt {
  readonly server: Ipv4;
  readonly via: Via;
}

/** One file being fetched: how it is tried now, and what is left to try. */
interface Transfer {
  readonly name: string;
  readonly maxSize: number;
  readonly waiter: Waiter;
  readonly sink: CountingSink | null;
  readonly https: OpenSecurely | null;
  readonly peerPort: number | null;
  readonly attempts: readonly Attempt[];
  index: number;
  /** Null while the pause between two attempts lasts, until `startAt`. */
  download: Download | null;
  startAt: Instant;
  /** Some server said by HTTP or HTTPS that there is no such file. */
  missing: boolean;
}

/**
 * Fetches one file after the other. Each file is asked for by HTTP first and after any failure by TFTP (CUCM's trace of an 8861), and some by HTTPS before
 * that; models that know TFTP only begin there. A TFTP server that does not answer, or answers with an error, hands over to the next one: a clean "file not found" is an
 * answer (most files are optional).
 */
export class FileFetcher {
  readonly #stack: Stack;
  readonly #trace: Trace;
  readonly #tunables: TunableValues;
  readonly #ways: readonly Via[];
  /** Of requests and acknowledgements: what the configuration says once there is one. */
  mark: Mark = MARKS.bestEffort;
  #transfer: Transfer | null = null;
  #now: Instant = 0;

  constructor(stack: Stack, trace: Trace, tunables: TunableValues, model: Pick<ModelRow, 'http'>) {
    this.#stack = stack;
    this.#trace = trace;
    this.#tunables = tunables;
    const transport = tunables['file.transport'];
    const http = transport === 'model' ? model.http : transport === 'http-first';
    this.#ways = http ? ['http', 'tftp'] : ['tftp'];
  }

  /**
   * `waiter` is called once, from within a later `dispatch`, unless `cancel` comes first.
   * @param maxSize octets; a longer file ends in `too-large`.
   */
  fetch(
    now: Instant,
    name: string,
    maxSize: number,
    servers: readonly Ipv4[],
    waiter: Waiter,
    { sink, https, peerPort }: FetchOptions = {},
  ): void {
    if (this.#transfer !== null) throw new Error(`${name} asked for while ${this.#transfer.name} is on its way`);
    if (servers.length === 0) throw new Error(`${name} asked for without a server`);
    const usual =
      https === undefined || !this.#ways.includes('http') ? this.#ways : (['https', ...this.#ways] as const);
    const ways = peerPort === undefined ? usual : (['peer'] as const);
    const attempts = servers.flatMap((server) => ways.map((via) => ({ server, via })));
    const transfer: Transfer = {
      name,
      maxSize,
      waiter,
      sink: sink === undefined ? null : new CountingSink(sink),
      https: https ?? null,
      peerPort: peerPort ?? null,
      attempts,
      index: 0,
      download: null,
      startAt: now,
      missing: false,
    };
    this.#transfer = transfer;
    this.#start(now, transfer);
  }

  get busy(): boolean {
    return this.#transfer !== null;
  }

  cancel(): void {
    this.#transfer?.download?.close(this.#now);
    this.#transfer = null;
  }

  dispatch(now: Instant): void {
    this.#now = now;
    const transfer = this.#transfer;
    if (transfer === null) return;
    if (transfer.download === null && now >= transfer.startAt) this.#start(now, transfer);
    const { download } = transfer;
    download?.dispatch(now, (outcome) => {
      if (transfer === this.#transfer && download === transfer.download) this.#ended(now, transfer, outcome);
    });
  }

  pollAt(): Instant {
    const transfer = this.#transfer;
    if (transfer === null) return NEVER;
    return transfer.download === null ? transfer.startAt : transfer.download.pollAt();
  }

  #start(now: Instant, transfer: Transfer): void {
    this.#now = now;
    const { name, maxSize, sink, https, peerPort } = transfer;
    const { server, via } = transfer.attempts[transfer.index]!;
    this.#trace.event('file.request', { name, server: ipv4Text(server), via });
    const Way = via === 'tftp' ? TftpDownload : HttpDownload;
    transfer.download = new Way(this.#stack, this.#tunables, now, {
      name,
      server,
      maxSize,
      sink,
      mark: this.mark,
      https: via === 'https' ? https : null,
      ...(peerPort === null ? {} : { port: peerPort }),
    });
  }

  #ended(now: Instant, transfer: Transfer, outcome: FileOutcome): void {
    const { name, attempts, index, sink } = transfer;
    const { server, via } = attempts[index]!;
    const bytes = outcome.outcome === 'received' ? (sink?.bytes ?? outcome.octets.length) : 0;
    this.#trace.event('file.done', { name, server: ipv4Text(server), via, outcome: outcome.outcome, bytes });
    if (via !== 'tftp' && outcome.outcome === 'not-found') transfer.missing = true;
    const next = nextAttempt(transfer, outcome.outcome);
    if (next !== null) {
      transfer.index = next;
      transfer.download = null;
      // A CUCM trace shows 0.63 s between the failed request by HTTP and the one by TFTP.
      transfer.startAt = now + (via === 'http' ? this.#tunables['http.fallbackWait'] * SECOND : 0);
      return;
    }
    this.#transfer = null;
    // A server that says 404 by HTTP and nothing by TFTP has given its answer.
    const silent = outcome.outcome === 'timeout' || outcome.outcome === 'error';
    const result: FetchResult =
      transfer.missing && silent ? { outcome: 'not-found' } : resultOf(outcome, attempts[index]!);
    transfer.waiter(now, result);
  }
}

/** Counts what goes to a sink, for the event at the end. */
class CountingSink implements FileSink {
  bytes = 0;
  readonly #sink: FileSink;

  constructor(sink: FileSink) {
    this.#sink = sink;
  }

  begin(): void {
    this.bytes = 0;
    this.#sink.begin();
  }

  push(octets: Uint8Array): boolean {
    this.bytes += octets.length;
    return this.#sink.push(octets);
  }
}

/** Index of what is tried after an attempt that ended so; null when that is the last word on the file. */
function nextAttempt({ attempts, index }: Transfer, outcome: FetchOutcome): number | null {
  if (outcome === 'received' || outcome === 'too-large') return null;
  const { via } = attempts[index]!;
  if (via === 'tftp' && outcome === 'not-found') return null;
  return index + 1 < attempts.length ? index + 1 : null;
}

function resultOf(outcome: FileOutcome, { server, via }: Attempt): FetchResult {
  return outcome.outcome === 'received' ? { ...outcome, server, via } : outcome;
}
