import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { type Flash, SECTOR_SIZE } from '../flash.ts';

/** A flash file that cannot be used. The message is one sentence for the person who named the file. */
export class FlashFileError extends Error {
  readonly path: string;

  constructor(path: string, sentence: string, cause?: unknown) {
    super(`${path}: ${sentence}`, cause === undefined ? {} : { cause });
    this.name = 'FlashFileError';
    this.path = path;
  }
}

export interface FlashFileOptions {
  /** Octets of the part. An existing file must have exactly this size; without it any multiple of a sector does. */
  readonly size?: number;
  /** Each operation is on the disk before it returns, also when the host itself loses power. */
  readonly sync?: boolean;
  /** Only for reading: a program or an erase throws. */
  readonly readOnly?: boolean;
}

/** Keys and credentials are in there. */
const MODE_OWNER_ONLY = 0o600;

/** A mistyped path should not be taken for a flash part: the largest we make is far below. */
const LARGEST_SIZE = 256 * 1024 * 1024;

/** Octets of one sector's count. */
const WEAR_COUNT = 4;

const ERASED_CHUNK = Buffer.alloc(64 * 1024, 0xff);

/**
 * A flash part in a file: the raw octets of the part and nothing else. Whose part it is stands in the board record of its flash map. Each operation is
 * written before it returns, in order, so a killed process leaves what a phone without power leaves. How often each sector was erased is counted in a file
 * beside it, `<path>.wear`, four octets a sector; it may be deleted, and the count begins again.
 */
export class FlashFile implements Flash {
  readonly path: string;
  readonly size: number;
  #descriptor: number | null;
  #wearDescriptor: number | null = null;
  /** Null until somebody asks. */
  #wear: Buffer | null = null;
  readonly #options: FlashFileOptions;

  private constructor(path: string, descriptor: number, size: number, options: FlashFileOptions) {
    this.path = path;
    this.size = size;
    this.#descriptor = descriptor;
    this.#options = options;
  }

  /** Makes an erased part, readable by its owner alone. Throws FlashFileError when the file exists or cannot be made. */
  static create(path: string, size: number, options: { readonly sync?: boolean } = {}): FlashFile {
    if (!isPartSize(size)) throw new FlashFileError(path, wrongSize(size));
    let descriptor: number;
    try {
      descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, MODE_OWNER_ONLY);
    } catch (error) {
      throw new FlashFileError(path, `cannot be created: ${reasonOf(error)}.`, error);
    }
    try {
      rmSync(wearPath(path), { force: true });
      for (let offset = 0; offset < size; offset += ERASED_CHUNK.length) {
        writeFully(descriptor, ERASED_CHUNK.subarray(0, Math.min(ERASED_CHUNK.length, size - offset)), offset);
      }
      fdatasyncSync(descriptor);
    } catch (error) {
      closeSync(descriptor);
      unlinkSync(path);
      throw new FlashFileError(path, `cannot be written: ${reasonOf(error)}.`, error);
    }
    return new FlashFile(path, descriptor, size, options);
  }

  /** Opens an existing part. Throws FlashFileError when it is not one. */
  static open(path: string, options: FlashFileOptions = {}): FlashFile {
    let descriptor: number;
    try {
      // A named pipe would block, a terminal would be taken over.
      const flags =
        (options.readOnly ? constants.O_RDONLY : constants.O_RDWR) | constants.O_NONBLOCK | constants.O_NOCTTY;
      descriptor = openSync(path, flags);
    } catch (error) {
      throw new FlashFileError(path, `cannot be opened: ${reasonOf(error)}.`, error);
    }
    const status = fstatSync(descriptor);
    let sentence: string | null = null;
    if (!status.isFile()) sentence = 'is not a regular file.';
    else if (!isPartSize(status.size)) sentence = wrongSize(status.size);
    else if (options.size !== undefined && status.size !== options.size) {
      sentence = `has ${status.size} octets; this phone's flash has ${options.size}.`;
    }
    if (sentence !== null) {
      closeSync(descriptor);
      throw new FlashFileError(path, sentence);
    }
    return new FlashFile(path, descriptor, status.size, options);
  }

  read(offset: number, length: number): Uint8Array {
    this.#check(offset, length);
    const octets = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#open(), octets, done, length - done, offset + done);
      if (count === 0) throw new FlashFileError(this.path, 'was shortened while it was in use.');
      done += count;
    }
    return octets;
  }

  program(offset: number, octets: Uint8Array): void {
    this.#check(offset, octets.length);
    const programmed = this.read(offset, octets.length);
    for (let index = 0; index < octets.length; index++) programmed[index]! &= octets[index]!;
    this.#write(offset, programmed);
  }

  erase(offset: number): void {
    this.#check(offset, SECTOR_SIZE);
    if (offset % SECTOR_SIZE !== 0) throw new RangeError(`no sector begins at ${offset}`);
    this.#write(offset, ERASED_CHUNK.subarray(0, SECTOR_SIZE));
    this.#countErase(offset / SECTOR_SIZE);
  }

  isErased(offset: number, length: number): boolean {
    return this.read(offset, length).every((octet) => octet === 0xff);
  }

  sha256(offset: number, length: number): Uint8Array {
    return new Uint8Array(createHash('sha256').update(this.read(offset, length)).digest());
  }

  /** How often the sector that begins at `offset` was erased. */
  wear(offset: number): number {
    const at = (offset / SECTOR_SIZE) * WEAR_COUNT;
    this.#wear ??= readWear(this.path, (this.size / SECTOR_SIZE) * WEAR_COUNT);
    return this.#wear.readUInt32LE(at);
  }

  /** Idempotent. */
  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    if (this.#wearDescriptor !== null) closeSync(this.#wearDescriptor);
    this.#descriptor = null;
    this.#wearDescriptor = null;
  }

  #countErase(sector: number): void {
    const count = this.wear(sector * SECTOR_SIZE) + 1;
    this.#wear!.writeUInt32LE(count, sector * WEAR_COUNT);
    try {
      this.#wearDescriptor ??= openSync(wearPath(this.path), constants.O_RDWR | constants.O_CREAT, MODE_OWNER_ONLY);
      writeFully(
        this.#wearDescriptor,
        this.#wear!.subarray(sector * WEAR_COUNT, (sector + 1) * WEAR_COUNT),
        sector * WEAR_COUNT,
      );
    } catch (error) {
      throw new FlashFileError(wearPath(this.path), `cannot be written: ${reasonOf(error)}.`, error);
    }
  }

  #open(): number {
    if (this.#descriptor === null) throw new Error(`${this.path} is closed`);
    return this.#descriptor;
  }

  #check(offset: number, length: number): void {
    if (!(Number.isInteger(offset) && offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw new RangeError(`${length} octets at ${offset} are not within a part of ${this.size}`);
    }
  }

  #write(offset: number, octets: Uint8Array): void {
    try {
      writeFully(this.#open(), octets, offset);
      if (this.#options.sync) fdatasyncSync(this.#open());
    } catch (error) {
      throw new FlashFileError(this.path, `cannot be written: ${reasonOf(error)}.`, error);
    }
  }
}

function writeFully(descriptor: number, octets: Uint8Array, offset: number): void {
  for (let done = 0; done < octets.length; ) {
    done += writeSync(descriptor, octets, done, octets.length - done, offset + done);
  }
}

function wearPath(path: string): string {
  return `${path}.wear`;
}

/** Sectors that the file does not reach were never erased. */
function readWear(path: string, size: number): Buffer {
  const counts = Buffer.alloc(size);
  try {
    readFileSync(wearPath(path)).copy(counts);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw new FlashFileError(wearPath(path), `cannot be read: ${reasonOf(error)}.`, error);
    }
  }
  return counts;
}

function isPartSize(size: number): boolean {
  return Number.isInteger(size / SECTOR_SIZE) && size > 0 && size <= LARGEST_SIZE;
}

function wrongSize(size: number): string {
  return `is not a flash file: a part has a multiple of ${SECTOR_SIZE} octets up to ${LARGEST_SIZE}, this has ${size}.`;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  EEXIST: 'the file exists',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is not a directory',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  EBADF: 'it was opened for reading only',
};

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  return (code !== undefined && REASONS[code]) || (error instanceof Error ? error.message : String(error));
}
