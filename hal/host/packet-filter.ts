/**
 * The kernel's own receive filter for a packet socket: a classic BPF program (Linux networking/filter.rst) that lets through frames to given MAC
 * addresses and drops all others before they cost anything.
 */
import type { Mac } from '../nic.ts';

/** All addresses whose first `bits` bits are those of `mac`; 48 is one address. */
export interface MacPrefix {
  readonly mac: Mac;
  readonly bits: number;
}

/** BPF_MAXINSNS. */
export const MAX_INSTRUCTIONS = 4_096;
/** A block compares at most both halves of an address. */
const BLOCK_INSTRUCTIONS = 6;
/** So many blocks fit, with the refusal at the end. */
export const MAX_PREFIXES = Math.floor((MAX_INSTRUCTIONS - 1) / BLOCK_INSTRUCTIONS);

const LOAD_WORD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const LOAD_HALF = 0x28; // BPF_LD | BPF_H | BPF_ABS
const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP_IF_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

/** Larger than any frame: the whole frame is accepted. */
const WHOLE_FRAME = 0x40000;
const INSTRUCTION_OCTETS = 8;
const TWO_TO_32 = 0x1_0000_0000;

interface Instruction {
  readonly code: number;
  readonly jumpTrue?: number;
  readonly jumpFalse?: number;
  readonly k: number;
}

/** `struct sock_filter` one after the other, in the byte order of this machine. Throws RangeError above `MAX_PREFIXES`. */
export function destinationFilter(prefixes: readonly MacPrefix[]): Uint8Array {
  if (prefixes.length > MAX_PREFIXES) throw new RangeError(`a filter holds ${MAX_PREFIXES} addresses at most`);
  const program: Instruction[] = prefixes.flatMap(blockOf);
  program.push({ code: RETURN, k: 0 });
  const octets = new Uint8Array(program.length * INSTRUCTION_OCTETS);
  const view = new DataView(octets.buffer);
  for (const [index, { code, jumpTrue = 0, jumpFalse = 0, k }] of program.entries()) {
    const at = index * INSTRUCTION_OCTETS;
    // Linux on the machines that Node runs on is little-endian but for s390x, which has no koffi either.
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jumpTrue);
    view.setUint8(at + 3, jumpFalse);
    view.setUint32(at + 4, k, true);
  }
  return octets;
}

/** The low four octets, then the high two, each under its mask; `ret` when all is equal, else on to the next block. */
function blockOf({ mac, bits }: MacPrefix): Instruction[] {
  const lowBits = Math.max(bits - 16, 0);
  const lowMask = lowBits === 0 ? 0 : (0xffff_ffff << (32 - lowBits)) >>> 0;
  const highMask = bits >= 16 ? 0xffff : (0xffff << (16 - bits)) & 0xffff;
  const low = ((mac % TWO_TO_32) & lowMask) >>> 0;
  const high = Math.floor(mac / TWO_TO_32) & highMask;
  const tests: Instruction[][] = [];
  if (lowMask !== 0) tests.push(testOf(LOAD_WORD, 2, lowMask, 0xffff_ffff, low));
  if (highMask !== 0) tests.push(testOf(LOAD_HALF, 0, highMask, 0xffff, high));
  const block: Instruction[] = [...tests.flat(), { code: RETURN, k: WHOLE_FRAME }];
  return block.map((instruction, index) =>
    instruction.code === JUMP_IF_EQUAL ? { ...instruction, jumpFalse: block.length - index - 1 } : instruction,
  );
}

function testOf(load: number, offset: number, mask: number, fullMask: number, value: number): Instruction[] {
  const test: Instruction[] = [{ code: load, k: offset }];
  if (mask !== fullMask) test.push({ code: AND, k: mask });
  test.push({ code: JUMP_IF_EQUAL, k: value });
  return test;
}

/**
 * At most `limit` prefixes that cover all of `macs`: the addresses themselves while they are few, else the longest prefix length at which
 * few enough are left. Plans of addresses are prefix-shaped, so little else gets in.
 */
export function coveringPrefixes(macs: Iterable<Mac>, limit: number): MacPrefix[] {
  let distinct = new Set(macs);
  let bits = 48;
  while (distinct.size > limit) {
    bits--;
    distinct = new Set([...distinct].map((value) => Math.floor(value / 2)));
  }
  return [...distinct].map((value) => ({ mac: value * 2 ** (48 - bits), bits }));
}
