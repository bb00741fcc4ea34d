/**
 * Who the board is, and whose images it boots: written once when the board is made. Byte tables in docs/image-format.md.
 *
 * The first sector of the region holds the identity, the second the fuses: one cell a boot key. A key is revoked by programming its mark,
 * which, as with real fuses, cannot be undone.
 */

import { type Flash, SECTOR_SIZE } from '../hal/flash.ts';
import type { BootKey, SignatureAlgorithm } from '../hal/secure.ts';
import { isPrintable, octetsOf, textOf } from './ascii.ts';
import { crc32 } from './crc32.ts';
import { FLASH_MAP } from './flash-map.ts';
import { putU16le, putU32le, u16le, u32le } from './little-endian.ts';
import { isMalformed, type Malformed, malformed } from './malformed-image.ts';

export const BOARD_MAGIC = 0x4452_4f42; // "BORD"
export const BOARD_VERSION = 1;
/** Offsets in the identity. Text fields end at their first zero octet. */
export const BOARD = {
  magic: 0,
  version: 4,
  mac: 8, // in the order of transmission
  model: 16,
  serial: 48,
  hardwareRevision: 64,
  check: 80,
} as const;
export const BOARD_SIZE = 84;

export const FUSE_MAGIC = 0x4546; // "FE"
/** Offsets in a fuse cell. */
export const FUSE = {
  magic: 0,
  algorithm: 2,
  idLength: 3,
  id: 4,
  keyLength: 36,
  key: 38,
  check: 240,
  revoked: 248,
} as const;
export const FUSE_CELL = 256;
export const MAX_BOOT_KEYS = SECTOR_SIZE / FUSE_CELL;
const MAX_KEY_ID = FUSE.keyLength - FUSE.id;
const MAX_PUBLIC_KEY = FUSE.check - FUSE.key;

const ALGORITHMS: readonly SignatureAlgorithm[] = ['ed25519', 'ecdsa-p256-sha256'];

export interface BoardIdentity {
  /** Model name: `7975`. */
  readonly model: string;
  /** 48-bit number. */
  readonly mac: number;
  readonly serial: string;
  readonly hardwareRevision: string;
}

/** The region has to be erased. Throws RangeError for what does not fit. */
export function writeBoard(flash: Flash, identity: BoardIdentity, bootKeys: readonly BootKey[]): void {
  const octets = new Uint8Array(BOARD_SIZE);
  putU32le(octets, BOARD.magic, BOARD_MAGIC);
  putU16le(octets, BOARD.version, BOARD_VERSION);
  for (let index = 0; index < 6; index++) octets[BOARD.mac + index] = Math.floor(identity.mac / 2 ** (40 - 8 * index));
  putText(octets, BOARD.model, BOARD.serial, identity.model);
  putText(octets, BOARD.serial, BOARD.hardwareRevision, identity.serial);
  putText(octets, BOARD.hardwareRevision, BOARD.check, identity.hardwareRevision);
  putU32le(octets, BOARD.check, crc32(octets.subarray(0, BOARD.check)));
  if (bootKeys.length > MAX_BOOT_KEYS) throw new RangeError(`the fuses hold ${MAX_BOOT_KEYS} boot keys`);
  const cells = bootKeys.map(encodeFuse);
  flash.program(FLASH_MAP.board.offset, octets);
  cells.forEach((cell, index) => {
    flash.program(cellOffset(index), cell);
    if (bootKeys[index]!.revoked) revokeCell(flash, index);
  });
}

export function readBoard(flash: Flash): BoardIdentity | Malformed {
  const octets = flash.read(FLASH_MAP.board.offset, BOARD_SIZE);
  if (u32le(octets, BOARD.magic) !== BOARD_MAGIC) return malformed('there is no board record');
  if (u32le(octets, BOARD.check) !== crc32(octets.subarray(0, BOARD.check)))
    return malformed('the board record is rotten');
  const version = u16le(octets, BOARD.version);
  if (version !== BOARD_VERSION) return malformed(`board record version ${version}, not ${BOARD_VERSION}`);
  let mac = 0;
  for (let index = 0; index < 6; index++) mac = mac * 256 + octets[BOARD.mac + index]!;
  return {
    model: text(octets, BOARD.model, BOARD.serial),
    mac,
    serial: text(octets, BOARD.serial, BOARD.hardwareRevision),
    hardwareRevision: text(octets, BOARD.hardwareRevision, BOARD.check),
  };
}

/** The boot keys in the fuses. A rotten cell is no key. */
export function readBootKeys(flash: Flash): BootKey[] {
  const keys: BootKey[] = [];
  for (let index = 0; index < MAX_BOOT_KEYS; index++) {
    const key = decodeFuse(flash.read(cellOffset(index), FUSE_CELL));
    if (!isMalformed(key)) keys.push(key);
  }
  return keys;
}

/** False when there is no key of that name. */
export function revokeBootKey(flash: Flash, id: string): boolean {
  let found = false;
  for (let index = 0; index < MAX_BOOT_KEYS; index++) {
    const key = decodeFuse(flash.read(cellOffset(index), FUSE_CELL));
    if (isMalformed(key) || key.id !== id) continue;
    revokeCell(flash, index);
    found = true;
  }
  return found;
}

function cellOffset(index: number): number {
  return FLASH_MAP.board.offset + SECTOR_SIZE + index * FUSE_CELL;
}

function revokeCell(flash: Flash, index: number): void {
  flash.program(cellOffset(index) + FUSE.revoked, new Uint8Array(FUSE_CELL - FUSE.revoked));
}

function encodeFuse(key: BootKey): Uint8Array {
  const id = octetsOf(key.id);
  if (id.length === 0 || id.length > MAX_KEY_ID)
    throw new RangeError(`a key id has 1 to ${MAX_KEY_ID} characters: ${key.id}`);
  if (key.publicKey.length > MAX_PUBLIC_KEY)
    throw new RangeError(`boot key ${key.id} is longer than ${MAX_PUBLIC_KEY} octets`);
  const cell = new Uint8Array(FUSE_CELL).fill(0xff);
  putU16le(cell, FUSE.magic, FUSE_MAGIC);
  cell[FUSE.algorithm] = ALGORITHMS.indexOf(key.algorithm);
  cell[FUSE.idLength] = id.length;
  cell.set(id, FUSE.id);
  putU16le(cell, FUSE.keyLength, key.publicKey.length);
  cell.set(key.publicKey, FUSE.key);
  putU32le(cell, FUSE.check, crc32(cell.subarray(0, FUSE.check)));
  return cell;
}

function decodeFuse(cell: Uint8Array): BootKey | Malformed {
  if (u16le(cell, FUSE.magic) !== FUSE_MAGIC) return malformed('no key');
  if (u32le(cell, FUSE.check) !== crc32(cell.subarray(0, FUSE.check))) return malformed('the fuse cell is rotten');
  const algorithm = ALGORITHMS[cell[FUSE.algorithm]!];
  const idLength = cell[FUSE.idLength]!;
  const keyLength = u16le(cell, FUSE.keyLength);
  if (algorithm === undefined || idLength > MAX_KEY_ID || keyLength > MAX_PUBLIC_KEY) return malformed('no such key');
  return {
    id: textOf(cell.subarray(FUSE.id, FUSE.id + idLength)),
    algorithm,
    publicKey: cell.slice(FUSE.key, FUSE.key + keyLength),
    // One cleared octet is enough: a mark that was cut short still revokes, one rotten bit does not.
    revoked: cell.subarray(FUSE.revoked).some((octet) => octet === 0),
  };
}

function putText(into: Uint8Array, from: number, to: number, value: string): void {
  const octets = octetsOf(value);
  if (octets.length > to - from || !isPrintable(octets)) {
    throw new RangeError(`"${value}" is longer than the ${to - from} characters of its field, or no plain text`);
  }
  into.set(octets, from);
}

function text(octets: Uint8Array, from: number, to: number): string {
  const field = octets.subarray(from, to);
  const end = field.indexOf(0);
  return textOf(end < 0 ? field : field.subarray(0, end));
}
