/**
 * TFTP client for one file (RFC 1350), as the phone does it: one RRQ from a port of its own, without options unless the load asks for
 * some (`tftp-options.ts`), blocks of 512 octets.
 *
 * The owner opens an ephemeral port for each transfer, sends what it is told to and closes the port some time after `done`: until
 * then a repeated last block is acknowledged again.
 */
import type { Ipv4 } from '../../hal/nic.ts';
import { type Duration, type Instant, NEVER, SECOND } from '../../hal/timer.ts';
import type { TunableValues } from '../../hal/tunables.ts';
import type { Machine } from '../machine.ts';
import * as tftp from '../wire/tftp.ts';
import { FileAssembly, type FileOutcome, type FileSink } from './file-outcome.ts';
import { optionsWanted, PLAIN_TERMS, type TftpTerms, termsOf } from './tftp-options.ts';

export interface TftpEndpoint {
  readonly address: Ipv4;
  readonly port: number;
}

export type TftpIn =
  | {
      readonly kind: 'start';
      readonly name: string;
      readonly server: Ipv4;
      /** Octets. */
      readonly maxSize: number;
      readonly sink?: FileSink;
    }
  | { readonly kind: 'received'; readonly message: tftp.Message; readonly from: TftpEndpoint }
  /** ICMP says that nobody listens there. */
  | { readonly kind: 'unreachable'; readonly to: TftpEndpoint }
  /** Silence at once. */
  | { readonly kind: 'stop' };

export type TftpOut =
  | { readonly kind: 'send'; readonly to: TftpEndpoint; readonly message: tftp.Message }
  | ({ readonly kind: 'done' } & FileOutcome);

interface Receiving {
  readonly server: Ipv4;
  readonly filename: string;
  readonly maxSize: number;
  readonly options: readonly tftp.Option[];
  terms: TftpTerms;
  /** Blocks since the last ACK. */
  unacknowledged: number;
  /** The gap after the last block in order was answered: the rest of that window is not answered again (RFC 7440 section 4). */
  gapTold: boolean;
  /** Null until the server has answered from the port it chose. */
  tid: number | null;
  readonly file: FileAssembly;
  /** Blocks received; the 16 bits on the wire wrap for a file beyond 32 MB. */
  blocks: number;
  /** What is repeated while nothing new comes. */
  last: tftp.Message;
  tries: number;
  /** How often ICMP said that nobody listens, since the server was last heard. */
  unreachable: number;
  retryAt: Instant;
}

type State =
  | { readonly name: 'idle' }
  | { readonly name: 'receiving'; readonly transfer: Receiving }
  /** Done; `ack` answers a server that did not hear the last one (RFC 1350 section 6, dallying). */
  | { readonly name: 'dallying'; readonly peer: TftpEndpoint; readonly ack: tftp.Message & { kind: 'ACK' } };

export class TftpClient implements Machine<TftpIn, TftpOut> {
  readonly #firstRetry: Duration;
  readonly #maxRetry: Duration;
  readonly #maxTries: number;
  readonly #maxUnreachable: number;
  readonly #options: readonly tftp.Option[];
  #state: State = { name: 'idle' };
  #out: TftpOut[] = [];

  constructor(tunables: TunableValues) {
    this.#firstRetry = tunables['tftp.firstRetry'] * SECOND;
    this.#maxRetry = tunables['tftp.maxRetry'] * SECOND;
    this.#maxTries = tunables['tftp.tries'];
    this.#maxUnreachable = tunables['tftp.unreachableTries'];
    this.#options = optionsWanted(tunables);
  }

  process(now: Instant, input: TftpIn): void {
    switch (input.kind) {
      case 'start':
        this.#start(now, input);
        break;
      case 'received':
        this.#received(now, input.message, input.from);
        break;
      case 'unreachable':
        this.#unreachable(input.to);
        break;
      case 'stop':
        this.#out = [];
        this.#state = { name: 'idle' };
        break;
    }
  }

  dispatch(now: Instant, emit: (out: TftpOut) => void): void {
    for (;;) {
      const out = this.#out.shift();
      if (out !== undefined) emit(out);
      else if (this.#state.name === 'receiving' && now >= this.#state.transfer.retryAt)
        this.#repeat(now, this.#state.transfer);
      else return;
    }
  }

  pollAt(): Instant {
    if (this.#out.length > 0) return 0;
    return this.#state.name === 'receiving' ? this.#state.transfer.retryAt : NEVER;
  }

  #start(now: Instant, { name: filename, server, maxSize, sink }: TftpIn & { kind: 'start' }): void {
    if (this.#state.name === 'receiving') throw new Error('TFTP client is busy with another file');
    this.#request(now, server, filename, maxSize, new FileAssembly(maxSize, sink ?? null), this.#options);
  }

  #request(
    now: Instant,
    server: Ipv4,
    filename: string,
    maxSize: number,
    file: FileAssembly,
    options: readonly tftp.Option[],
  ): void {
    const last: tftp.Message = { kind: 'RRQ', filename, mode: 'octet', options };
    const transfer: Receiving = {
      server,
      filename,
      maxSize,
      options,
      terms: PLAIN_TERMS,
      unacknowledged: 0,
      gapTold: false,
      tid: null,
      file,
      blocks: 0,
      last,
      tries: 0,
      unreachable: 0,
      retryAt: now,
    };
    this.#state = { name: 'receiving', transfer };
    this.#send(now, transfer, last);
  }

  /** Sends something new and starts its repetition. */
  #send(now: Instant, transfer: Receiving, message: tftp.Message): void {
    transfer.last = message;
    transfer.tries = 1;
    transfer.unreachable = 0;
    transfer.retryAt = now + this.#firstRetry;
    this.#out.push({ kind: 'send', to: peerOf(transfer), message });
  }

  #repeat(now: Instant, transfer: Receiving): void {
    if (transfer.tries >= this.#maxTries) {
      this.#finish({ outcome: 'timeout' });
      return;
    }
    const wait = Math.min(this.#firstRetry * 2 ** transfer.tries, Math.max(this.#firstRetry, this.#maxRetry));
    transfer.tries++;
    transfer.retryAt = now + wait;
    this.#out.push({ kind: 'send', to: peerOf(transfer), message: transfer.last });
  }

  #received(now: Instant, message: tftp.Message, from: TftpEndpoint): void {
    const state = this.#state;
    if (state.name === 'dallying') {
      const isLast = message.kind === 'DATA' && message.block === state.ack.block;
      if (isLast && same(from, state.peer)) this.#out.push({ kind: 'send', to: from, message: state.ack });
      return;
    }
    if (state.name !== 'receiving') return;
    const { transfer } = state;
    if (from.address !== transfer.server || (transfer.tid !== null && from.port !== transfer.tid)) {
      this.#stranger(message, from);
      return;
    }
    switch (message.kind) {
      case 'DATA':
        this.#data(now, transfer, message, from);
        break;
      case 'ERROR':
        this.#failed(now, transfer, message);
        break;
      case 'OACK':
        this.#agreed(now, transfer, message.options, from);
        break;
    }
  }

  /** RFC 2347: options that were not asked for, or not so, are answered with error 8, and the transfer ends. */
  #agreed(now: Instant, transfer: Receiving, options: readonly tftp.Option[], from: TftpEndpoint): void {
    if (transfer.blocks > 0) return;
    const terms = termsOf(transfer.options, options);
    if (terms === null) {
      this.#out.push({ kind: 'send', to: from, message: OPTIONS_NOT_ASKED });
      this.#finish({ outcome: 'error', code: OPTIONS_NOT_ASKED.code, text: OPTIONS_NOT_ASKED.text });
    } else if (terms.size !== null && terms.size > transfer.maxSize) {
      this.#out.push({ kind: 'send', to: from, message: TOO_LARGE });
      this.#finish({ outcome: 'too-large' });
    } else {
      transfer.tid = from.port;
      transfer.terms = terms;
      this.#send(now, transfer, { kind: 'ACK', block: 0 });
    }
  }

  /** One such message may be old, forged, or come of a server that is being restarted (RFC 1122 section 3.2.2.1): the next try is waited for. */
  #unreachable(to: TftpEndpoint): void {
    if (this.#state.name !== 'receiving' || !same(to, peerOf(this.#state.transfer))) return;
    const { transfer } = this.#state;
    // One for each message of ours.
    transfer.unreachable = Math.min(transfer.unreachable + 1, transfer.tries);
    if (transfer.unreachable >= this.#maxUnreachable) this.#finish({ outcome: 'timeout' });
  }

  /** RFC 1350 section 4: a wrong transfer identifier is answered with an error and "must not disturb the transfer". */
  #stranger(message: tftp.Message, from: TftpEndpoint): void {
    if (message.kind !== 'ERROR') this.#out.push({ kind: 'send', to: from, message: UNKNOWN_TRANSFER });
  }

  #data(
    now: Instant,
    transfer: Receiving,
    { block, octets }: tftp.Message & { kind: 'DATA' },
    from: TftpEndpoint,
  ): void {
    const expected = (transfer.blocks + 1) & 0xffff;
    if (block !== expected) {
      this.#notInOrder(now, transfer, block);
      return;
    }
    const { blockSize, windowSize } = transfer.terms;
    transfer.tid = from.port;
    const wanted = transfer.file.push(octets);
    transfer.blocks++;
    transfer.unacknowledged++;
    transfer.gapTold = false;
    const ack = { kind: 'ACK', block } as const;
    if (!wanted || octets.length > blockSize) {
      this.#out.push({ kind: 'send', to: from, message: TOO_LARGE });
      this.#finish({ outcome: 'too-large' });
    } else if (octets.length < blockSize) {
      this.#out.push({ kind: 'send', to: from, message: ack });
      this.#finish({ outcome: 'received', octets: transfer.file.octets() });
      this.#state = { name: 'dallying', peer: from, ack };
    } else if (transfer.unacknowledged >= windowSize) {
      this.#acknowledge(now, transfer);
    } else {
      // More of the window is to come; should it be lost, what there is is acknowledged when the time is up.
      transfer.last = ack;
      transfer.retryAt = now + this.#firstRetry;
    }
  }

  #acknowledge(now: Instant, transfer: Receiving): void {
    transfer.unacknowledged = 0;
    this.#send(now, transfer, { kind: 'ACK', block: transfer.blocks & 0xffff });
  }

  /** With a window, a block that is ahead says that one was lost: the last one in order is acknowledged, once (RFC 7440 section 4). */
  #notInOrder(now: Instant, transfer: Receiving, block: number): void {
    const ahead = (block - transfer.blocks) & 0xffff;
    if (transfer.terms.windowSize > 1 && ahead <= transfer.terms.windowSize) {
      if (transfer.gapTold) return;
      transfer.gapTold = true;
      this.#acknowledge(now, transfer);
    } else this.#repeated(transfer, block);
  }

  /**
   * The block before the expected one again: its ACK was lost, or is late. It is acknowledged once more, but the timer that repeats
   * our own last message keeps running, so that one delay does not double every later packet (the sorcerer's apprentice,
   * RFC 1123 section 4.2.3.1: only one side may repeat on a duplicate; here it is a receiver, whose ACKs alone are harmless).
   */
  #repeated(transfer: Receiving, block: number): void {
    const previous = transfer.blocks & 0xffff;
    if (transfer.blocks === 0 || block !== previous) return;
    this.#out.push({ kind: 'send', to: peerOf(transfer), message: transfer.last });
  }

  #failed(now: Instant, transfer: Receiving, { code, text }: tftp.Message & { kind: 'ERROR' }): void {
    if (code === tftp.ERROR_CODES.optionRefused && transfer.options.length > 0 && transfer.blocks === 0) {
      // RFC 2347: "the client may retry without the options".
      this.#request(now, transfer.server, transfer.filename, transfer.maxSize, transfer.file, []);
      return;
    }
    this.#finish(code === tftp.ERROR_CODES.fileNotFound ? { outcome: 'not-found' } : { outcome: 'error', code, text });
  }

  #finish(outcome: FileOutcome): void {
    this.#state = { name: 'idle' };
    this.#out.push({ kind: 'done', ...outcome });
  }
}

const UNKNOWN_TRANSFER = {
  kind: 'ERROR',
  code: tftp.ERROR_CODES.unknownTransferId,
  text: 'Unknown transfer ID',
} as const;

const OPTIONS_NOT_ASKED = {
  kind: 'ERROR',
  code: tftp.ERROR_CODES.optionRefused,
  text: 'No options were requested',
} as const;

const TOO_LARGE = { kind: 'ERROR', code: tftp.ERROR_CODES.diskFull, text: 'File too large' } as const;

/** The well-known port until the server has chosen its own. */
function peerOf(transfer: Receiving): TftpEndpoint {
  return { address: transfer.server, port: transfer.tid ?? tftp.SERVER_PORT };
}

function same(a: TftpEndpoint, b: TftpEndpoint): boolean {
  return a.address === b.address && a.port === b.port;
}
