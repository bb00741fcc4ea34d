import type { Ipv4 } from '../../hal/nic.ts';
import { type Instant, NEVER } from '../../hal/timer.ts';
import type { Trace, TraceEvents } from '../../hal/trace.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import { isMalformed } from '../malformed.ts';
import type { UdpSocket } from '../net/sockets.ts';
import type { Stack } from '../net/stack.ts';
import type { FileSink } from '../protocols/file-outcome.ts';
import { TftpClient, type TftpOut } from '../protocols/tftp.ts';
import { ipv4Text } from '../wire/address.ts';
import * as tftp from '../wire/tftp.ts';

export type FetchOutcome = TraceEvents['file.done']['outcome'];

export type FetchResult =
  | { readonly outcome: 'received'; readonly octets: Uint8Array; readonly server: Ipv4 }
  | { readonly outcome: Exclude<FetchOutcome, 'received'>; readonly code?: number };

type Waiter = (now: Instant, result: FetchResult) => void;

/** One file being fetched: which server is asked now, and which are left. */
interface Transfer {
  readonly name: string;
  readonly maxSize: number;
  readonly waiter: Waiter;
  readonly sink: CountingSink | null;
  readonly servers: readonly Ipv4[];
  serverIndex: number;
  client: TftpClient;
  socket: UdpSocket;
}

/** Counts what goes through it. */
class CountingSink implements FileSink {
  readonly #sink: FileSink;
  size = 0;

  constructor(sink: FileSink) {
    this.#sink = sink;
  }

  begin(): void {
    this.size = 0;
    this.#sink.begin();
  }

  push(octets: Uint8Array): boolean {
    this.size += octets.length;
    return this.#sink.push(octets);
  }
}

/**
 * Fetches one file after the other from the TFTP servers in their order. Only a server that does not answer, or answers with an error, hands over to the next:
 * a clean "file not found" is an answer (most files are optional).
 */
export class FileFetcher {
  readonly #stack: Stack;
  readonly #trace: Trace;
  readonly #tunables: TunableValues;
  #transfer: Transfer | null = null;

  constructor(stack: Stack, trace: Trace, tunables: TunableValues) {
    this.#stack = stack;
    this.#trace = trace;
    this.#tunables = tunables;
  }

  /**
   * `waiter` is called once, from within a later `dispatch`, unless `cancel` comes first.
   * @param maxSize octets; a longer file ends in `too-large`.
   * @param sink takes the file piece by piece as it comes; the result's octets are empty then.
   */
  fetch(
    now: Instant,
    name: string,
    maxSize: number,
    servers: readonly Ipv4[],
    waiter: Waiter,
    sink: FileSink | null = null,
  ): void {
    if (this.#transfer !== null) throw new Error(`${name} asked for while ${this.#transfer.name} is on its way`);
    if (servers.length === 0) throw new Error(`${name} asked for without a server`);
    this.#transfer = {
      name,
      maxSize,
      waiter,
      servers,
      serverIndex: 0,
      sink: sink && new CountingSink(sink),
      ...this.#open(),
    };
    this.#ask(now, this.#transfer);
  }

  cancel(): void {
    this.#transfer?.socket.close();
    this.#transfer = null;
  }

  dispatch(now: Instant): void {
    const transfer = this.#transfer;
    if (transfer === null) return;
    transfer.client.dispatch(now, (out) => this.#obey(now, transfer, out));
  }

  pollAt(): Instant {
    return this.#transfer === null ? NEVER : this.#transfer.client.pollAt();
  }

  /** Each request leaves from a port of its own: the server tells transfers apart by it (RFC 1350 section 4). */
  #open(): { client: TftpClient; socket: UdpSocket } {
    const client = new TftpClient(this.#tunables);
    const socket = this.#stack.udp(0, (now, payload, from) => {
      const message = tftp.parse(payload);
      if (!isMalformed(message)) client.process(now, { kind: 'received', message, from });
    });
    if (socket === null) throw new Error('no ephemeral UDP port is free');
    return { client, socket };
  }

  #ask(now: Instant, transfer: Transfer): void {
    const server = transfer.servers[transfer.serverIndex]!;
    this.#trace.event('file.request', { name: transfer.name, server: ipv4Text(server), via: 'tftp' });
    const { name, maxSize, sink } = transfer;
    transfer.client.process(now, { kind: 'start', name, server, maxSize, ...(sink === null ? {} : { sink }) });
  }

  #obey(now: Instant, transfer: Transfer, out: TftpOut): void {
    if (transfer !== this.#transfer) return;
    if (out.kind === 'send') {
      const payload = new Uint8Array(tftp.lengthOf(out.message));
      tftp.emit(out.message, payload);
      transfer.socket.send(now, out.to, payload);
      return;
    }
    const server = transfer.servers[transfer.serverIndex]!;
    const bytes = out.outcome === 'received' ? (transfer.sink?.size ?? out.octets.length) : 0;
    this.#trace.event('file.done', {
      name: transfer.name,
      server: ipv4Text(server),
      via: 'tftp',
      outcome: out.outcome,
      bytes,
    });
    transfer.socket.close();
    const failed = out.outcome === 'timeout' || out.outcome === 'error';
    if (failed && transfer.serverIndex + 1 < transfer.servers.length) {
      transfer.serverIndex++;
      Object.assign(transfer, this.#open());
      this.#ask(now, transfer);
      return;
    }
    this.#transfer = null;
    transfer.waiter(now, out.outcome === 'received' ? { ...out, server } : out);
  }
}
