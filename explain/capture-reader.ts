/**
 * Reads captures frame by frame, in memory that does not grow with the file: classic pcap (draft-ietf-opsawg-pcap) with microseconds or
 * nanoseconds, and pcapng (draft-ietf-opsawg-pcapng), each in both byte orders.
 *
 *   pcap     24 octets: magic, version, zone, sigfigs, snap length, link type;
 *            then records of 16 octets (seconds, fraction, captured length, length on the wire) and the octets captured
 *   pcapng   blocks: type (4), total length (4), body, total length (4); see hal/virtual/pcapng.ts
 *
 * A file that ends within a record is what a stopped capture leaves behind: the frames before count, and `isCut` says so.
 */
import type { OctetSource } from './octet-source.ts';

/** One frame of a capture; `bytes` is valid until the next one is asked for. */
export interface CapturedFrame {
  /** From 1, as Wireshark counts. */
  readonly number: number;
  /** Microseconds since 1970-01-01T00:00:00Z. */
  readonly at: number;
  /** Interfaces of a pcapng file from 0 through all of its sections; 0 in a pcap file. */
  readonly interface: number;
  /** Perhaps fewer than were on the wire. */
  readonly bytes: Uint8Array;
}

/** The file is no capture that can be read. The message is the end of a sentence that begins with the file's name. */
export class CaptureError extends Error {
  override readonly name = 'CaptureError';
}

const PCAP_MICROSECONDS = 0xa1b2c3d4;
const PCAP_NANOSECONDS = 0xa1b23c4d;
const PCAP_HEADER = 24;
const PCAP_RECORD = 16;

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const BLOCK = { interface: 1, packet: 2, simplePacket: 3, enhancedPacket: 6 } as const;
const IF_TSRESOL = 9;
const IF_TSOFFSET = 14;

const LINKTYPE_ETHERNET = 1;

/** A longer block is a file out of step: key logs are the largest there are, some megabytes. */
const LONGEST_BLOCK = 64 * 1024 * 1024;
/** tcpdump's own limit is 262,144. */
const LONGEST_FRAME = 1024 * 1024;
/** Read from the file at once. */
const WINDOW = 256 * 1024;
/** A sniffer has a dozen; a fleet's capture has one a phone. */
const MAX_INTERFACES = 200_000;

interface Interface {
  readonly linkType: number;
  readonly unitsASecond: number;
  /** Seconds. */
  readonly offset: number;
}

const PLAIN_INTERFACE: Interface = { linkType: LINKTYPE_ETHERNET, unitsASecond: 1e6, offset: 0 };

export class CaptureReader {
  readonly #window: Window;
  readonly #format: 'pcap' | 'pcapng';
  #littleEndian = true;
  #interfaces: Interface[] = [];
  /** Interfaces of the sections before this one. */
  #before = 0;
  #count = 0;
  #last = 0;
  #isCut = false;
  /** Frames of links that are not Ethernet, by link type. */
  readonly otherLinks = new Map<number, number>();

  /** Throws CaptureError for what is no capture. */
  constructor(source: OctetSource) {
    this.#window = new Window(source);
    const magic = this.#window.take(4);
    if (magic === null) throw new CaptureError('is empty; a pcap or pcapng capture is expected.');
    const view = viewOf(magic);
    if (view.getUint32(0) === SECTION_HEADER) {
      this.#format = 'pcapng';
      this.#startSection();
    } else {
      this.#format = 'pcap';
      this.#startPcap(view.getUint32(0), view.getUint32(0, true));
    }
  }

  /** The file ends within a frame. */
  get isCut(): boolean {
    return this.#isCut;
  }

  get frames(): number {
    return this.#count;
  }

  /** Null at the end. Throws CaptureError where the file is out of step. */
  next(): CapturedFrame | null {
    for (;;) {
      const frame = this.#format === 'pcap' ? this.#record() : this.#block();
      if (frame === null || frame === 'none') {
        if (frame === null) return null;
        continue;
      }
      const linkType = this.#interfaces[frame.interface - this.#before]?.linkType ?? LINKTYPE_ETHERNET;
      if (linkType === LINKTYPE_ETHERNET) return frame;
      this.otherLinks.set(linkType, (this.otherLinks.get(linkType) ?? 0) + 1);
    }
  }

  #startPcap(big: number, little: number): void {
    const isPcap = (magic: number) => magic === PCAP_MICROSECONDS || magic === PCAP_NANOSECONDS;
    if (!isPcap(big) && !isPcap(little)) {
      throw new CaptureError('is no capture: a pcap or pcapng file begins otherwise (is it compressed?).');
    }
    this.#littleEndian = isPcap(little);
    const header = this.#window.take(PCAP_HEADER - 4);
    if (header === null) throw new CaptureError('ends within the header of a pcap file.');
    const nanoseconds = (this.#littleEndian ? little : big) === PCAP_NANOSECONDS;
    // Bits above tell of a frame check sequence.
    const linkType = viewOf(header).getUint32(16, this.#littleEndian) & 0xffff;
    this.#interfaces = [{ linkType, unitsASecond: nanoseconds ? 1e9 : 1e6, offset: 0 }];
  }

  #record(): CapturedFrame | null {
    const header = this.#window.take(PCAP_RECORD);
    if (header === null) return this.#end();
    const view = viewOf(header);
    const seconds = view.getUint32(0, this.#littleEndian);
    const fraction = view.getUint32(4, this.#littleEndian);
    const length = view.getUint32(8, this.#littleEndian);
    if (length > LONGEST_FRAME) throw this.#outOfStep(`a frame of ${length} octets`);
    const bytes = this.#window.take(length);
    if (bytes === null) return this.#end();
    const at = seconds * 1e6 + Math.floor((fraction * 1e6) / this.#interfaces[0]!.unitsASecond);
    return this.#frame(0, at, bytes);
  }

  #block(): CapturedFrame | 'none' | null {
    const header = this.#window.take(8);
    if (header === null) return this.#end();
    const view = viewOf(header);
    if (view.getUint32(0) === SECTION_HEADER) {
      this.#window.giveBack(4);
      this.#before += this.#interfaces.length;
      this.#interfaces = [];
      return this.#startSection() ? 'none' : this.#end();
    }
    const type = view.getUint32(0, this.#littleEndian);
    const total = view.getUint32(4, this.#littleEndian);
    if (total < 12 || total % 4 !== 0 || total > LONGEST_BLOCK) throw this.#outOfStep(`a block of ${total} octets`);
    const block = this.#window.take(total - 8);
    if (block === null) return this.#end();
    return this.#take(type, block.subarray(0, total - 12));
  }

  /** After the four octets of its type. False when the file ends within. */
  #startSection(): boolean {
    const header = this.#window.take(8);
    if (header === null) return false;
    const view = viewOf(header);
    this.#littleEndian = view.getUint32(4, true) === BYTE_ORDER_MAGIC;
    if (!this.#littleEndian && view.getUint32(4) !== BYTE_ORDER_MAGIC) {
      throw new CaptureError('is no capture: the section header of a pcapng file has no byte-order magic.');
    }
    const total = view.getUint32(0, this.#littleEndian);
    if (total < 28 || total % 4 !== 0 || total > LONGEST_BLOCK) throw this.#outOfStep(`a block of ${total} octets`);
    return this.#window.take(total - 12) !== null;
  }

  #take(type: number, body: Uint8Array): CapturedFrame | 'none' {
    switch (type) {
      case BLOCK.interface:
        if (body.length >= 8) this.#addInterface(body);
        return 'none';
      case BLOCK.enhancedPacket:
        return body.length < 20 ? 'none' : this.#packet(body, u32(body, 0, this.#littleEndian));
      case BLOCK.packet:
        // The obsolete one: a 16-bit interface number and a count of drops where the other has 32 bits.
        return body.length < 20 ? 'none' : this.#packet(body, viewOf(body).getUint16(0, this.#littleEndian));
      case BLOCK.simplePacket: {
        if (body.length < 4) return 'none';
        const length = Math.min(u32(body, 0, this.#littleEndian), body.length - 4);
        return this.#frame(this.#before, this.#last, body.subarray(4, 4 + length));
      }
      default:
        return 'none';
    }
  }

  #packet(body: Uint8Array, interfaceNumber: number): CapturedFrame | 'none' {
    const little = this.#littleEndian;
    const { unitsASecond, offset } = this.#interfaces[interfaceNumber] ?? PLAIN_INTERFACE;
    // As integers, since 64 bits of nanoseconds are more than a double holds.
    const units = (BigInt(u32(body, 4, little)) << 32n) | BigInt(u32(body, 8, little));
    const at = Number((units * 1_000_000n) / BigInt(unitsASecond)) + offset * 1e6;
    const length = u32(body, 12, little);
    if (length > body.length - 20) return 'none';
    return this.#frame(this.#before + interfaceNumber, at, body.subarray(20, 20 + length));
  }

  #addInterface(body: Uint8Array): void {
    const little = this.#littleEndian;
    if (this.#before + this.#interfaces.length >= MAX_INTERFACES) throw this.#outOfStep('too many interfaces');
    const view = viewOf(body);
    let unitsASecond = 1e6;
    let offset = 0;
    for (let at = 8; at + 4 <= body.length; ) {
      const code = view.getUint16(at, little);
      const length = view.getUint16(at + 2, little);
      const value = at + 4;
      if (code === 0 || value + length > body.length) break;
      if (code === IF_TSRESOL && length === 1) unitsASecond = resolution(body[value]!);
      if (code === IF_TSOFFSET && length === 8) offset = Number(view.getBigInt64(value, little));
      at = value + ((length + 3) & ~3);
    }
    this.#interfaces.push({ linkType: view.getUint16(0, little), unitsASecond, offset });
  }

  #frame(interfaceNumber: number, at: number, bytes: Uint8Array): CapturedFrame {
    this.#last = at;
    return { number: ++this.#count, at, interface: interfaceNumber, bytes };
  }

  #end(): null {
    this.#isCut = this.#window.left > 0;
    return null;
  }

  #outOfStep(what: string): CaptureError {
    return new CaptureError(`is damaged behind frame ${this.#count}: ${what}.`);
  }
}

/** `if_tsresol`: a power of ten, or of two with the high bit set. Nothing finer than 2^-63 or 10^-18 has a meaning. */
function resolution(value: number): number {
  const power = value & 0x7f;
  return (value & 0x80) === 0 ? 10 ** Math.min(power, 18) : 2 ** Math.min(power, 62);
}

function viewOf(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
}

function u32(octets: Uint8Array, at: number, littleEndian: boolean): number {
  return viewOf(octets).getUint32(at, littleEndian);
}

/** The part of the file that is in memory. */
class Window {
  readonly #source: OctetSource;
  #octets = new Uint8Array(WINDOW);
  #from = 0;
  #to = 0;

  constructor(source: OctetSource) {
    this.#source = source;
  }

  /** Octets that were read and not taken. */
  get left(): number {
    return this.#to - this.#from;
  }

  /** The next octets, valid until the next call; null when the file ends before. */
  take(length: number): Uint8Array | null {
    if (this.left < length && !this.#fill(length)) return null;
    const octets = this.#octets.subarray(this.#from, this.#from + length);
    this.#from += length;
    return octets;
  }

  /** The last octets taken are to be taken again. */
  giveBack(length: number): void {
    this.#from -= length;
  }

  #fill(length: number): boolean {
    const held = this.#octets.subarray(this.#from, this.#to);
    if (this.#octets.length < length) {
      // In steps: a length that lies has no more memory than the file has octets.
      const larger = new Uint8Array(Math.min(length, Math.max(2 * this.#octets.length, held.length + WINDOW)));
      larger.set(held);
      this.#octets = larger;
    } else this.#octets.copyWithin(0, this.#from, this.#to);
    this.#to -= this.#from;
    this.#from = 0;
    while (this.#to < length) {
      if (this.#to === this.#octets.length) return this.#fill(length);
      const count = this.#source.read(this.#octets, this.#to, this.#octets.length - this.#to);
      if (count === 0) return false;
      this.#to += count;
    }
    return true;
  }
}
