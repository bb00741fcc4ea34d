/**
 * The receive ring that a packet socket shares with the kernel (Linux packet_mmap.rst, TPACKET_V2): the kernel writes frames into slots, we read them
 * where they are and give the slots back. There is no system call a frame nor a batch, and a frame's place is never memory that the
 * collector could move or free.
 *
 *     slot   0  status        4  length on the wire    8  captured length    12  offset of the frame
 *           24  VLAN tag TCI 26  VLAN TPID            32  sockaddr_ll        66  room for a tag    70  frame
 *
 * The kernel takes the 802.1Q tag out of the frame and tells it beside it; it is put back into the room in front, as libpcap does.
 */
import { libc } from './libc.ts';
import { completeChecksum } from './partial-checksum.ts';

export const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const PACKET_RESERVE = 12;
const TPACKET_V2 = 1;

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

const SLOT_OCTETS = 2_048;
/** The kernel allocates in blocks of whole pages. */
const BLOCK_OCTETS = 1 << 16;
const SLOTS_A_BLOCK = BLOCK_OCTETS / SLOT_OCTETS;

const TAG_OCTETS = 4;
/** Both addresses, which the tag stands behind. */
const MAC_ADDRESSES = 12;
/** TPACKET_ALIGN(TPACKET2_HDRLEN + 16) + reserve - 14. */
const FRAME_OFFSET = 66 + TAG_OCTETS;
const CAPACITY = SLOT_OCTETS - FRAME_OFFSET;

const STATUS_KERNEL = 0;
const STATUS_USER = 1;
const STATUS_CHECKSUM_NOT_READY = 1 << 3;
const STATUS_VLAN_VALID = 1 << 4;
const STATUS_TPID_VALID = 1 << 6;
const TPID_8021Q = 0x8100;

export class PacketRing {
  readonly #fd: number;
  readonly #memory: bigint;
  readonly #octets: number;
  /** Status, lengths and offset of all slots. */
  #words: Int32Array;
  #bytes: Uint8Array;
  readonly #slots: number;
  /** Views of the slots' frames, with and without room for a tag; made when first needed. */
  readonly #plain: (Uint8Array | undefined)[] = [];
  readonly #tagged: (Uint8Array | undefined)[] = [];
  #next = 0;
  #closed = false;
  #received = 0;
  #dropped = 0;
  /** Frames longer than a slot: merged by receive offload, or jumbo. */
  #oversized = 0;

  /** `slots` is rounded up to whole blocks. The socket must not be bound yet. Throws Error with the name of the call that failed. */
  constructor(fd: number, slots: number) {
    const blocks = Math.ceil(slots / SLOTS_A_BLOCK);
    this.#fd = fd;
    this.#slots = blocks * SLOTS_A_BLOCK;
    this.#octets = blocks * BLOCK_OCTETS;
    setPacketOption(fd, PACKET_VERSION, Int32Array.of(TPACKET_V2));
    setPacketOption(fd, PACKET_RESERVE, Int32Array.of(TAG_OCTETS));
    setPacketOption(fd, PACKET_RX_RING, Int32Array.of(BLOCK_OCTETS, blocks, SLOT_OCTETS, this.#slots));
    const memory = libc().mmap(null, this.#octets, PROT_READ_WRITE, MAP_SHARED, fd, 0);
    if (memory === null || memory === MAP_FAILED) {
      throw new Error(`mmap of ${this.#octets} octets: error ${libc().errno()}`);
    }
    this.#memory = memory;
    const buffer = libc().view(memory, this.#octets);
    this.#words = new Int32Array(buffer);
    this.#bytes = new Uint8Array(buffer);
  }

  /** Hands up to `limit` waiting frames over, each valid until `deliver` returns, and returns how many there were. */
  drain(limit: number, deliver: (bytes: Uint8Array, length: number) => void): number {
    let taken = 0;
    while (taken < limit && !this.#closed) {
      const slot = this.#next;
      const word = (slot * SLOT_OCTETS) >> 2;
      const status = Atomics.load(this.#words, word);
      if ((status & STATUS_USER) === 0) break;
      taken++;
      this.#next = slot + 1 === this.#slots ? 0 : slot + 1;
      try {
        this.#deliver(slot, word, status, deliver);
      } finally {
        if (!this.#closed) Atomics.store(this.#words, word, STATUS_KERNEL);
      }
    }
    return taken;
  }

  counters(): { readonly received: number; readonly dropped: number; readonly oversized: number } {
    this.#readStatistics();
    return { received: this.#received, dropped: this.#dropped, oversized: this.#oversized };
  }

  /** The memory is gone afterwards; from within `deliver` too. */
  close(): void {
    if (this.#closed) return;
    this.#readStatistics();
    this.#closed = true;
    this.#plain.length = 0;
    this.#tagged.length = 0;
    this.#words = new Int32Array(0);
    this.#bytes = new Uint8Array(0);
    libc().munmap(this.#memory, this.#octets);
  }

  #deliver(slot: number, word: number, status: number, deliver: (bytes: Uint8Array, length: number) => void): void {
    const length = this.#words[word + 1]!;
    const captured = this.#words[word + 2]!;
    const offset = this.#words[word + 3]! & 0xffff;
    if (captured < length || offset !== FRAME_OFFSET) {
      this.#oversized++;
      return;
    }
    this.#received++;
    this.#plain[slot] ??= this.#view(slot, FRAME_OFFSET);
    const plain = this.#plain[slot];
    // A peer on this machine leaves checksums to a card that is never reached.
    if (status & STATUS_CHECKSUM_NOT_READY) completeChecksum(plain, length);
    if ((status & STATUS_VLAN_VALID) === 0) {
      deliver(plain, length);
      return;
    }
    const tag = this.#words[word + 6]!;
    const tpid = status & STATUS_TPID_VALID ? tag >>> 16 : TPID_8021Q;
    this.#tagged[slot] ??= this.#view(slot, FRAME_OFFSET - TAG_OCTETS);
    const tagged = this.#tagged[slot];
    tagged.copyWithin(0, TAG_OCTETS, TAG_OCTETS + MAC_ADDRESSES);
    tagged[MAC_ADDRESSES] = tpid >>> 8;
    tagged[MAC_ADDRESSES + 1] = tpid;
    tagged[MAC_ADDRESSES + 2] = tag >>> 8;
    tagged[MAC_ADDRESSES + 3] = tag;
    deliver(tagged, length + TAG_OCTETS);
  }

  #view(slot: number, offset: number): Uint8Array {
    const start = slot * SLOT_OCTETS;
    return this.#bytes.subarray(start + offset, start + FRAME_OFFSET + CAPACITY);
  }

  /** The kernel counts since the last time it was asked. */
  #readStatistics(): void {
    if (this.#closed) return;
    const statistics = new Int32Array(2);
    const size = Int32Array.of(statistics.byteLength);
    if (libc().getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, statistics, size) === 0) {
      this.#dropped += statistics[1]! >>> 0;
    }
  }
}

export function setPacketOption(fd: number, option: number, value: Int32Array | Uint8Array): void {
  if (libc().setsockopt(fd, SOL_PACKET, option, value as Uint8Array, value.byteLength) === 0) return;
  throw new Error(`packet socket option ${option}: error ${libc().errno()}`);
}
