import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { enhancedPacket, interfaceDescription, sectionHeader } from '../hal/virtual/pcapng.ts';
import { capturedWorld } from '../test/support/captured-world.ts';
import { fuzzRuns } from '../test/support/fuzz-runs.ts';
import { CaptureError, CaptureReader } from './capture-reader.ts';
import { explainCapture } from './explain-capture.ts';
import { memorySource } from './octet-source.ts';
import { TcpStream } from './tcp-stream.ts';
import { TlsRecords } from './tls-records.ts';

const FRAMES = [Uint8Array.of(1, 2, 3), Uint8Array.of(4), new Uint8Array(1500).fill(5)];
const SECONDS = 1_700_000_000;

interface Read {
  readonly frames: { at: number; octets: string; number: number }[];
  readonly isCut: boolean;
}

function read(octets: Uint8Array): Read {
  const reader = new CaptureReader(memorySource(octets));
  const frames: Read['frames'] = [];
  for (let frame = reader.next(); frame !== null; frame = reader.next()) {
    frames.push({ at: frame.at, octets: Buffer.from(frame.bytes).toString('hex'), number: frame.number });
  }
  return { frames, isCut: reader.isCut };
}

/** A pcap file with a frame each second. */
function pcap(littleEndian: boolean, nanoseconds: boolean, linkType = 1): Uint8Array {
  const parts: Uint8Array[] = [];
  const words = (...values: number[]) => {
    const octets = new Uint8Array(values.length * 4);
    values.forEach((value, index) => {
      new DataView(octets.buffer).setUint32(index * 4, value, littleEndian);
    });
    parts.push(octets);
  };
  words(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, littleEndian ? 0x0004_0002 : 0x0002_0004, 0, 0, 65_535, linkType);
  FRAMES.forEach((frame, index) => {
    words(SECONDS + index, nanoseconds ? 250_000_000 : 250_000, frame.length, frame.length);
    parts.push(frame);
  });
  return Buffer.concat(parts);
}

/** One block of pcapng in an order of the caller's. */
function block(littleEndian: boolean, type: number, body: Uint8Array): Uint8Array {
  const octets = new Uint8Array(12 + body.length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, type, littleEndian);
  view.setUint32(4, octets.length, littleEndian);
  octets.set(body, 8);
  view.setUint32(octets.length - 4, octets.length, littleEndian);
  return octets;
}

function pcapng(littleEndian: boolean): Uint8Array {
  const words = (...values: number[]) => {
    const octets = new Uint8Array(values.length * 4);
    values.forEach((value, index) => {
      new DataView(octets.buffer).setUint32(index * 4, value, littleEndian);
    });
    return octets;
  };
  const version = littleEndian ? 0x0000_0001 : 0x0001_0000;
  // if_tsresol 9: nanoseconds; padded to four octets, then the end of the options.
  const link = littleEndian ? 1 : 0x0001_0000;
  const option = littleEndian ? 0x0001_0009 : 0x0009_0001;
  const parts = [
    block(littleEndian, 0x0a0d0d0a, words(0x1a2b3c4d, version, 0xffffffff, 0xffffffff)),
    block(littleEndian, 1, Buffer.concat([words(link, 0, option), Uint8Array.of(9, 0, 0, 0), words(0)])),
  ];
  FRAMES.forEach((frame, index) => {
    const at = BigInt(SECONDS + index) * 1_000_000_000n + 250_000_000n;
    const padded = new Uint8Array((frame.length + 3) & ~3);
    padded.set(frame);
    const head = words(0, Number(at >> 32n), Number(at & 0xffffffffn), frame.length, frame.length);
    parts.push(block(littleEndian, 6, Buffer.concat([head, padded])));
  });
  return Buffer.concat(parts);
}

const EXPECTED = FRAMES.map((frame, index) => ({
  at: (SECONDS + index) * 1e6 + 250_000,
  octets: Buffer.from(frame).toString('hex'),
  number: index + 1,
}));

describe('captures are read', () => {
  it.each([
    ['pcap, little-endian, microseconds', pcap(true, false)],
    ['pcap, big-endian, microseconds', pcap(false, false)],
    ['pcap, little-endian, nanoseconds', pcap(true, true)],
    ['pcap, big-endian, nanoseconds', pcap(false, true)],
    ['pcapng, little-endian, nanoseconds', pcapng(true)],
    ['pcapng, big-endian, nanoseconds', pcapng(false)],
  ])('%s', (_name, octets) => {
    expect(read(octets)).toEqual({ frames: EXPECTED, isCut: false });
  });

  it('with several sections, each with interfaces of its own', () => {
    const both = Buffer.concat([pcapng(true), pcapng(false)]);
    expect(read(both).frames.map(({ at }) => at)).toEqual([...EXPECTED, ...EXPECTED].map(({ at }) => at));
  });

  it.each([
    ['pcap', pcap(true, false)],
    ['pcapng', pcapng(true)],
  ])('%s: cut anywhere, what is whole counts and the rest is told', (_name, octets) => {
    const whole = read(octets).frames;
    for (let length = 48; length < octets.length; length += 37) {
      const { frames } = read(octets.subarray(0, length));
      expect(frames).toEqual(whole.slice(0, frames.length));
      expect(frames.length).toBeLessThan(whole.length);
    }
    expect(read(octets.subarray(0, octets.length - 1)).isCut).toBe(true);
  });

  it('frames of other links are counted and left out', () => {
    const reader = new CaptureReader(memorySource(pcap(true, false, 113)));
    expect(reader.next()).toBeNull();
    expect([...reader.otherLinks]).toEqual([[113, 3]]);
  });

  it.each([
    ['nothing', new Uint8Array(0), 'is empty'],
    ['text', Buffer.from('PK and more'), 'is no capture'],
    ['half a header', pcap(true, false).subarray(0, 20), 'ends within the header'],
  ])('%s is refused in a sentence', (_what, octets, sentence) => {
    expect(() => new CaptureReader(memorySource(octets))).toThrow(CaptureError);
    expect(() => new CaptureReader(memorySource(octets))).toThrow(sentence);
  });

  it('a length that lies costs no memory', () => {
    const lie = block(true, 6, new Uint8Array(20));
    new DataView(lie.buffer).setUint32(4, 0x4000_0000, true);
    const octets = Buffer.concat([sectionHeader('test'), interfaceDescription('x'), lie]);
    expect(() => read(octets)).toThrow('is damaged behind frame 0');
  });
});

describe('a direction of a TCP connection', () => {
  it('comes in order, each octet once, whatever order and repeats the segments have', () => {
    const text = Uint8Array.from({ length: 200 }, (_, index) => index);
    const first = 0xffff_ffc0; // It wraps on the way.
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(199), fc.integer({ min: 1, max: 60 })), { maxLength: 60 }), (pieces) => {
        const heard: number[] = [];
        const stream = new TcpStream({ data: (octets) => heard.push(...octets), gap: () => heard.push(-1) });
        stream.begin(first - 1);
        for (const [from, length] of pieces) stream.push((first + from) >>> 0, text.subarray(from, from + length));
        for (let from = 0; from < 200; from += 50) stream.push((first + from) >>> 0, text.subarray(from, from + 50));
        expect(heard).toEqual([...text]);
      }),
      { numRuns: fuzzRuns(0.2) },
    );
  });

  it('goes on behind octets that the other side has and the capture has not', () => {
    const heard: (number | 'gap')[] = [];
    const stream = new TcpStream({ data: (octets) => heard.push(...octets), gap: () => heard.push('gap') });
    stream.begin(99);
    stream.push(100, Uint8Array.of(1, 2));
    stream.push(104, Uint8Array.of(5, 6));
    expect(heard).toEqual([1, 2]);
    stream.acknowledged(106);
    expect(heard).toEqual([1, 2, 'gap', 5, 6]);
  });
});

describe('whatever stands in a file', () => {
  const boot = (() => {
    const { world, capture } = capturedWorld();
    world.powerOn(0);
    world.run(30);
    return capture();
  })();
  const quiet = { event: () => {}, message: () => {} };

  it('octets at random are read or refused', () => {
    const mutated = fc.array(fc.tuple(fc.nat(boot.length - 1), fc.nat(255)), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(mutated, fc.nat(boot.length), (changes, end) => {
        const octets = boot.slice(0, end);
        for (const [at, value] of changes) if (at < end) octets[at] = value;
        try {
          explainCapture(() => memorySource(octets), quiet);
        } catch (error) {
          if (!(error instanceof CaptureError)) throw error;
        }
      }),
      { numRuns: fuzzRuns(0.05) },
    );
  });

  it('frames lost, doubled and out of order are told somehow', () => {
    const frames: Uint8Array[] = [];
    const reader = new CaptureReader(memorySource(boot));
    for (let frame = reader.next(); frame !== null; frame = reader.next()) frames.push(frame.bytes.slice());
    const order = fc.array(fc.nat(frames.length - 1), { minLength: 1, maxLength: 2 * frames.length });
    fc.assert(
      fc.property(order, (numbers) => {
        const blocks = numbers.map((number, index) =>
          enhancedPacket({ interface: 0, time: index * 1_000, direction: 'in', bytes: frames[number]! }),
        );
        const octets = Buffer.concat([sectionHeader('test'), interfaceDescription('x'), ...blocks]);
        explainCapture(() => memorySource(octets), quiet);
      }),
      { numRuns: fuzzRuns(0.05) },
    );
  });

  it('TLS records at random are bounded', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), fc.boolean(), (pieces, tls) => {
        const records = new TlsRecords();
        for (const piece of pieces) {
          records.push(tls ? Uint8Array.of(22, 3, 1, 0, piece.length & 0xff, ...piece) : piece, () => {});
        }
      }),
      { numRuns: fuzzRuns() },
    );
  });
});
