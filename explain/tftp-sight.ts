import { isMalformed } from '../firmware/malformed.ts';
import { ipv4Text } from '../firmware/wire/address.ts';
import * as tftp from '../firmware/wire/tftp.ts';
import type { Ipv4 } from '../hal/nic.ts';
import { type FileRequest, type FileSteps, LARGEST_FILE, stepOfFile } from './file-steps.ts';
import type { Packet } from './packet.ts';
import type { Sight, Story } from './story.ts';

/** A phone fetches one file after the other; those that were never finished stay until they are the oldest. */
const MAX_TRANSFERS = 16;

interface Transfer {
  readonly request: FileRequest;
  /** The port the server answers from; null before its first answer. */
  serverPort: number | null;
  blockSize: number;
  /** The number of the last block in order. */
  block: number;
  bytes: number;
  /** Null when the file is of no interest, or too long. */
  pieces: Uint8Array[] | null;
}

/** TFTP transfers of one phone (RFC 1350 section 4): a port of the phone's each. */
export class TftpSight {
  readonly #story: Story;
  readonly #files: FileSteps;
  readonly #transfers = new Map<number, Transfer>();

  constructor(story: Story, files: FileSteps) {
    this.#story = story;
    this.#files = files;
  }

  take(content: Extract<Packet['content'], { kind: 'udp' }>, fromPhone: boolean, sight: Sight): void {
    const { destination, sourcePort, destinationPort, payload } = content;
    if (fromPhone && destinationPort === tftp.SERVER_PORT) this.#request(payload, destination, sourcePort, sight);
    else if (!fromPhone)
      this.#answer(payload, sourcePort, this.#transfers.get(destinationPort), destinationPort, sight);
  }

  #request(payload: Uint8Array, server: Ipv4, port: number, sight: Sight): void {
    const message = tftp.parse(payload);
    if (isMalformed(message) || message.kind !== 'RRQ') return;
    const name = message.filename;
    this.#story.message('phone', `TFTP RRQ ${name}`, tftp.describe(message), sight);
    const known = this.#transfers.get(port);
    if (known !== undefined && known.request.name === name && known.serverPort === null) {
      this.#story.note(sight); // Asked again.
      return;
    }
    const request: FileRequest = { name, server, via: 'tftp', sight };
    const pieces = stepOfFile(name) === null ? null : [];
    const transfer = { request, serverPort: null, blockSize: tftp.BLOCK_SIZE, block: 0, bytes: 0, pieces };
    this.#transfers.delete(port);
    this.#transfers.set(port, transfer);
    if (this.#transfers.size > MAX_TRANSFERS) this.#transfers.delete([...this.#transfers.keys()][0]!);
    this.#files.requested(request);
  }

  #answer(payload: Uint8Array, from: number, transfer: Transfer | undefined, port: number, sight: Sight): void {
    if (transfer === undefined || (transfer.serverPort !== null && transfer.serverPort !== from)) return;
    const message = tftp.parse(payload);
    if (isMalformed(message)) return;
    if (message.kind === 'DATA') this.#data(message.block, message.octets, transfer, port, sight);
    else if (message.kind === 'OACK') {
      const size = message.options.find(({ name }) => name.toLowerCase() === 'blksize')?.value;
      if (size !== undefined && /^\d{1,5}$/.test(size)) transfer.blockSize = Number(size);
    } else if (message.kind === 'ERROR') {
      this.#story.message('network', `TFTP ERROR ${transfer.request.name}`, tftp.describe(message), sight);
      this.#transfers.delete(port);
      const missing = message.code === tftp.ERROR_CODES.fileNotFound;
      this.#files.answered(transfer.request, missing ? 'not-found' : 'error', 0, null, sight);
      return;
    }
    transfer.serverPort = from;
  }

  #data(block: number, octets: Uint8Array, transfer: Transfer, port: number, sight: Sight): void {
    if (block !== ((transfer.block + 1) & 0xffff)) return; // Sent again, or out of order and sent again later.
    transfer.block = block;
    transfer.bytes += octets.length;
    if (transfer.bytes > LARGEST_FILE) transfer.pieces = null;
    transfer.pieces?.push(octets.slice());
    if (octets.length >= transfer.blockSize) return;
    this.#transfers.delete(port);
    const { request, bytes, pieces } = transfer;
    const from = ipv4Text(request.server);
    this.#story.message('network', `TFTP file ${request.name}`, `${request.name}, ${bytes} octets from ${from}`, sight);
    this.#files.answered(request, 'received', bytes, pieces === null ? null : joined(pieces), sight);
  }
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
