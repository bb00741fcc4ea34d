/**
 * A TFTP server that only reads (RFC 1350), with blksize, tsize, timeout (RFC 2348, 2349) and windowsize (RFC 7440). Every transfer has a port of its own, as the
 * protocol wants; retransmission is the sender's, on the timeline. A repeated ACK does not repeat a block (RFC 1123, 4.2.3.1).
 */

import { isMalformed } from '../firmware/malformed.ts';
import type { Endpoint, Sockets, UdpSocket } from '../firmware/net/sockets.ts';
import { ipv4Text } from '../firmware/wire/address.ts';
import * as tftp from '../firmware/wire/tftp.ts';
import type { Ipv4 } from '../hal/nic.ts';
import type { Alarm, Timeline } from '../hal/timeline.ts';
import { type Duration, type Instant, NEVER, SECOND } from '../hal/timer.ts';
import { DEAF, type LabEvent, type LabEventSink } from './lab-event.ts';

export interface FileRequest {
  readonly name: string;
  readonly client: Ipv4;
  /** The server's own address in the client's network. */
  readonly server: Ipv4;
}

/** `code` of RFC 1350 section 5, for what is neither a file nor absent. */
export interface FileRefusal {
  readonly code: number;
  readonly text: string;
}

/** The file's octets, null when there is no such file, or why the client does not get it. */
export type FileProvider = (request: FileRequest) => Uint8Array | FileRefusal | null;

export interface TftpServerOptions {
  readonly timeline: Timeline;
  readonly files: FileProvider;
  readonly events?: LabEventSink;
  /** Wait before a block is sent again. */
  readonly timeout?: Duration;
  /** How often a block is sent before the transfer is given up. */
  readonly tries?: number;
  /** Transfers at once; a request above that is not answered, and the client asks again. */
  readonly maxTransfers?: number;
}

export interface TftpCounters {
  requests: number;
  /** Transfers whose last block was acknowledged. */
  sent: number;
  octets: number;
  notFound: number;
  /** Refused by the provider, or not a read request. */
  refused: number;
  /** Not answered since too many transfers were running. */
  busy: number;
  timeouts: number;
  /** Ended by the client's ERROR. */
  aborted: number;
  retransmissions: number;
  malformed: number;
}

const DEFAULT_TIMEOUT: Duration = 1 * SECOND;
const DEFAULT_TRIES = 6;
/** The ephemeral ports of one address (RFC 6335 section 6: 49152 to 65535). */
const DEFAULT_MAX_TRANSFERS = 16_000;

/** Larger blocks would be fragmented on Ethernet: 1500 - 20 (IPv4) - 8 (UDP) - 4 (TFTP). */
const MAX_BLOCK_SIZE = 1468;
const MIN_BLOCK_SIZE = 8;

/** RFC 7440 section 3 allows 65,535; this much fits into what switches buffer for a port. */
const MAX_WINDOW_SIZE = 64;

interface Home {
  readonly sockets: Sockets;
  readonly address: Ipv4;
  socket: UdpSocket | null;
}

interface Transfer {
  readonly name: string;
  readonly home: Home;
  readonly client: Endpoint;
  readonly octets: Uint8Array;
  readonly blockSize: number;
  /** Blocks sent before an acknowledgement is waited for (RFC 7440). */
  readonly windowSize: number;
  readonly timeout: Duration;
  /** Sent as block 0 when options were agreed on. */
  readonly agreed: readonly tftp.Option[];
  socket: UdpSocket | null;
  alarm: Alarm | null;
  /** The first block that is not acknowledged yet, counted without the wrap at 65,536. */
  block: number;
  sentCount: number;
  retryAt: Instant;
}

export class TftpServer {
  readonly counters: TftpCounters = {
    requests: 0,
    sent: 0,
    octets: 0,
    notFound: 0,
    refused: 0,
    busy: 0,
    timeouts: 0,
    aborted: 0,
    retransmissions: 0,
    malformed: 0,
  };
  readonly #timeline: Timeline;
  readonly #files: FileProvider;
  readonly #events: LabEventSink;
  readonly #timeout: Duration;
  readonly #tries: number;
  readonly #maxTransfers: number;
  readonly #homes: Home[] = [];
  /** By client endpoint: a request that comes again belongs to the transfer it began. */
  readonly #transfers = new Map<number, Transfer>();
  readonly #datagram = new Uint8Array(4 + MAX_BLOCK_SIZE);
  #running = false;

  constructor(options: TftpServerOptions) {
    this.#timeline = options.timeline;
    this.#files = options.files;
    this.#events = options.events ?? DEAF;
    this.#timeout = options.timeout ?? DEFAULT_TIMEOUT;
    this.#tries = options.tries ?? DEFAULT_TRIES;
    this.#maxTransfers = options.maxTransfers ?? DEFAULT_MAX_TRANSFERS;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Transfers under way. */
  get active(): number {
    return this.#transfers.size;
  }

  serve(sockets: Sockets, address: Ipv4): void {
    const home: Home = { sockets, address, socket: null };
    this.#homes.push(home);
    if (this.#running) this.#open(home);
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    for (const home of this.#homes) this.#open(home);
    this.#events(this.#timeline.now(), { type: 'service', service: 'tftp', running: true });
  }

  /** Closes everything; transfers under way die silently, as when the machine does. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    for (const transfer of this.#transfers.values()) this.#close(transfer);
    this.#transfers.clear();
    for (const home of this.#homes) {
      home.socket?.close();
      home.socket = null;
    }
    this.#events(this.#timeline.now(), { type: 'service', service: 'tftp', running: false });
  }

  #open(home: Home): void {
    home.socket = home.sockets.udp(tftp.SERVER_PORT, (now, payload, from) => this.#request(now, home, payload, from));
    if (home.socket === null) throw new Error(`port ${tftp.SERVER_PORT} is taken on ${ipv4Text(home.address)}`);
  }

  #request(now: Instant, home: Home, payload: Uint8Array, client: Endpoint): void {
    const message = tftp.parse(payload);
    if (isMalformed(message)) {
      this.counters.malformed += 1;
      return;
    }
    if (message.kind === 'WRQ') {
      this.counters.refused += 1;
      this.#error(now, home.socket, client, tftp.ERROR_CODES.accessViolation, 'Access violation');
      return;
    }
    if (message.kind !== 'RRQ') return;
    const running = this.#transfers.get(keyOf(client));
    if (running !== undefined) {
      // Our first block was lost, or is still on its way.
      if (running.name === message.filename && running.block <= 1) return;
      this.#end(running);
    }
    this.counters.requests += 1;
    this.#tell(now, 'request', message.filename, client, home.address, 0);
    const mode = message.mode.toLowerCase();
    if (mode !== 'octet' && mode !== 'netascii') {
      this.counters.refused += 1;
      this.#error(now, home.socket, client, tftp.ERROR_CODES.illegalOperation, 'Unknown transfer mode');
      return;
    }
    this.#answer(now, home, client, message.filename, mode, message.options);
  }

  #answer(
    now: Instant,
    home: Home,
    client: Endpoint,
    name: string,
    mode: 'octet' | 'netascii',
    options: readonly tftp.Option[],
  ): void {
    const file = this.#files({ name, client: client.address, server: home.address });
    if (file === null) {
      this.counters.notFound += 1;
      this.#tell(now, 'not-found', name, client, home.address, 0);
      this.#error(now, home.socket, client, tftp.ERROR_CODES.fileNotFound, 'File not found');
      return;
    }
    if (!isOctets(file)) {
      this.counters.refused += 1;
      this.#tell(now, 'refused', name, client, home.address, 0);
      this.#error(now, home.socket, client, file.code, file.text);
      return;
    }
    if (this.#transfers.size >= this.#maxTransfers) {
      this.counters.busy += 1;
      return;
    }
    const octets = mode === 'netascii' ? netascii(file) : file;
    const { blockSize, windowSize, timeout, agreed } = this.#negotiate(options, octets.length);
    const transfer: Transfer = {
      name,
      home,
      client,
      octets,
      blockSize,
      windowSize,
      timeout,
      agreed,
      socket: null,
      alarm: null,
      block: agreed.length > 0 ? 0 : 1,
      sentCount: 0,
      retryAt: NEVER,
    };
    transfer.socket = home.sockets.udp(0, (at, payload, from) => this.#receive(at, transfer, payload, from));
    if (transfer.socket === null) {
      this.counters.busy += 1;
      return;
    }
    transfer.alarm = this.#timeline.createAlarm(() => this.#alarm(transfer));
    this.#transfers.set(keyOf(client), transfer);
    this.#send(now, transfer);
  }

  #negotiate(
    options: readonly tftp.Option[],
    size: number,
  ): { blockSize: number; windowSize: number; timeout: Duration; agreed: tftp.Option[] } {
    let blockSize = tftp.BLOCK_SIZE;
    let windowSize = 1;
    let timeout = this.#timeout;
    const agreed: tftp.Option[] = [];
    for (const { name, value } of options) {
      const wanted = /^\d+$/.test(value) ? Number(value) : Number.NaN;
      switch (name.toLowerCase()) {
        case 'blksize':
          if (!(wanted >= MIN_BLOCK_SIZE)) break;
          blockSize = Math.min(wanted, MAX_BLOCK_SIZE);
          agreed.push({ name, value: String(blockSize) });
          break;
        case 'windowsize':
          if (!(wanted >= 1)) break;
          windowSize = Math.min(wanted, MAX_WINDOW_SIZE);
          agreed.push({ name, value: String(windowSize) });
          break;
        case 'tsize':
          agreed.push({ name, value: String(size) });
          break;
        case 'timeout':
          if (!(wanted >= 1 && wanted <= 255)) break;
          timeout = wanted * SECOND;
          agreed.push({ name, value });
          break;
      }
    }
    return { blockSize, windowSize, timeout, agreed };
  }

  #receive(now: Instant, transfer: Transfer, payload: Uint8Array, from: Endpoint): void {
    if (from.address !== transfer.client.address || from.port !== transfer.client.port) {
      this.#error(now, transfer.socket, from, tftp.ERROR_CODES.unknownTransferId, 'Unknown transfer ID');
      return;
    }
    const message = tftp.parse(payload);
    if (isMalformed(message)) {
      this.counters.malformed += 1;
      return;
    }
    if (message.kind === 'ERROR') {
      this.counters.aborted += 1;
      this.#tell(now, 'aborted', transfer.name, transfer.client, transfer.home.address, 0);
      this.#end(transfer);
      return;
    }
    if (message.kind !== 'ACK') return;
    const acknowledged = acknowledgedBlock(transfer, message.block);
    if (acknowledged === null) return;
    if (acknowledged >= lastBlock(transfer)) {
      this.counters.sent += 1;
      this.counters.octets += transfer.octets.length;
      this.#tell(now, 'sent', transfer.name, transfer.client, transfer.home.address, transfer.octets.length);
      this.#end(transfer);
      return;
    }
    transfer.block = acknowledged + 1;
    transfer.sentCount = 0;
    this.#send(now, transfer);
  }

  #send(now: Instant, transfer: Transfer): void {
    transfer.sentCount += 1;
    // The alarm stays where it is while the deadline moves on with each block: it looks again when it fires.
    const idle = transfer.retryAt === NEVER;
    transfer.retryAt = now + transfer.timeout;
    if (idle) transfer.alarm?.arm(transfer.retryAt);
    if (transfer.block === 0) {
      this.#emit(now, transfer, { kind: 'OACK', options: transfer.agreed });
      return;
    }
    for (let block = transfer.block; block <= lastOfWindow(transfer); block += 1) {
      this.#emit(now, transfer, { kind: 'DATA', block: block & 0xffff, octets: octetsOf(transfer, block) });
    }
  }

  #emit(now: Instant, transfer: Transfer, message: tftp.Message): void {
    const length = tftp.emit(message, this.#datagram);
    transfer.socket?.send(now, transfer.client, this.#datagram.subarray(0, length));
  }

  #alarm(transfer: Transfer): void {
    const now = this.#timeline.now();
    if (now < transfer.retryAt) {
      transfer.alarm?.arm(transfer.retryAt);
      return;
    }
    if (transfer.sentCount >= this.#tries) {
      this.counters.timeouts += 1;
      this.#tell(now, 'timeout', transfer.name, transfer.client, transfer.home.address, 0);
      this.#end(transfer);
      return;
    }
    this.counters.retransmissions += 1;
    transfer.retryAt = NEVER;
    this.#send(now, transfer);
  }

  #end(transfer: Transfer): void {
    this.#transfers.delete(keyOf(transfer.client));
    this.#close(transfer);
  }

  #close(transfer: Transfer): void {
    transfer.alarm?.arm(NEVER);
    transfer.alarm = null;
    transfer.socket?.close();
    transfer.socket = null;
  }

  #error(now: Instant, socket: UdpSocket | null, to: Endpoint, code: number, text: string): void {
    const message: tftp.Message = { kind: 'ERROR', code, text };
    const datagram = new Uint8Array(tftp.lengthOf(message));
    tftp.emit(message, datagram);
    socket?.send(now, to, datagram);
  }

  #tell(now: Instant, outcome: TftpOutcome, file: string, client: Endpoint, server: Ipv4, octets: number): void {
    if (this.#events === DEAF) return;
    const clientText = ipv4Text(client.address);
    this.#events(now, { type: 'tftp', outcome, file, client: clientText, server: ipv4Text(server), octets });
  }
}

type TftpOutcome = Extract<LabEvent, { type: 'tftp' }>['outcome'];

function isOctets(file: Uint8Array | FileRefusal): file is Uint8Array {
  return 'subarray' in file;
}

function keyOf(client: Endpoint): number {
  return client.address * 65_536 + client.port;
}

/** A file whose length is a multiple of the block size ends with an empty block (RFC 1350 section 6). */
function lastBlock(transfer: Transfer): number {
  return Math.floor(transfer.octets.length / transfer.blockSize) + 1;
}

function octetsOf(transfer: Transfer, block: number): Uint8Array {
  const from = (block - 1) * transfer.blockSize;
  return transfer.octets.subarray(from, from + transfer.blockSize);
}

function lastOfWindow(transfer: Transfer): number {
  return Math.min(transfer.block + transfer.windowSize - 1, lastBlock(transfer));
}

/** The block of the window that an ACK names, the one before it included when a window is lost from its start; null for an old ACK. */
function acknowledgedBlock(transfer: Transfer, named: number): number | null {
  const { block, windowSize } = transfer;
  if (block === 0) return named === 0 ? 0 : null;
  const first = windowSize > 1 ? block - 1 : block;
  for (let candidate = first; candidate <= lastOfWindow(transfer); candidate += 1) {
    if ((candidate & 0xffff) === named) return candidate;
  }
  return null;
}

/** RFC 764's network virtual terminal: a line feed becomes CR LF, a bare carriage return CR NUL. */
function netascii(file: Uint8Array): Uint8Array {
  const octets: number[] = [];
  for (const octet of file) {
    if (octet === 0x0a) octets.push(0x0d, 0x0a);
    else if (octet === 0x0d) octets.push(0x0d, 0x00);
    else octets.push(octet);
  }
  return Uint8Array.from(octets);
}
