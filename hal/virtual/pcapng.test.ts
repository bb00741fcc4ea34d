import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decryptionSecrets, enhancedPacket, interfaceDescription, sectionHeader } from './pcapng.ts';

// Broadcast ARP request of 10.0.0.5 for 10.0.0.1.
const ARP = Uint8Array.from(
  Buffer.from('ffffffffffff02005ec0ffee08060001080006040001' + '02005ec0ffee0a0000050000000000000a000001', 'hex'),
);

const TIME = 1_700_000_000_123_456;

const capture = Buffer.concat([
  sectionHeader('sepia'),
  interfaceDescription('SEP02005EC0FFEE'),
  interfaceDescription('Telefon Küche ☎ 𝄞'),
  decryptionSecrets(`CLIENT_RANDOM ${'ab'.repeat(32)} ${'cd'.repeat(48)}\n`),
  enhancedPacket({ interface: 0, time: TIME, direction: 'out', bytes: ARP, comment: 'who is the router?' }),
  enhancedPacket({ interface: 1, time: TIME + 1, direction: 'in', bytes: ARP.subarray(0, 41) }),
]);

interface Block {
  readonly type: number;
  readonly body: Buffer;
}

/** Reads blocks as the draft describes them, independently of the writer. */
function blocks(file: Buffer): Block[] {
  const found: Block[] = [];
  for (let at = 0; at < file.length; ) {
    const length = file.readUInt32LE(at + 4);
    expect(length % 4).toBe(0);
    expect(file.readUInt32LE(at + length - 4)).toBe(length);
    found.push({ type: file.readUInt32LE(at), body: file.subarray(at + 8, at + length - 4) });
    at += length;
  }
  return found;
}

function options(octets: Buffer): Record<number, Buffer> {
  const found: Record<number, Buffer> = {};
  for (let at = 0; at < octets.length; ) {
    const code = octets.readUInt16LE(at);
    const length = octets.readUInt16LE(at + 2);
    if (code === 0) return found;
    found[code] = octets.subarray(at + 4, at + 4 + length);
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return found;
}

const hasTshark = spawnSync('tshark', ['--version']).status === 0;

describe('pcapng', () => {
  it('writes blocks with lengths, stamps, directions and options in their places', () => {
    const [section, first, second, secrets, out, into] = blocks(capture) as [Block, Block, Block, Block, Block, Block];
    expect([section.type, section.body.readUInt32LE(0)]).toEqual([0x0a0d0d0a, 0x1a2b3c4d]);
    expect([first.type, first.body.readUInt16LE(0)]).toEqual([1, 1]);
    expect(options(first.body.subarray(8))[2]?.toString()).toBe('SEP02005EC0FFEE');
    expect(options(second.body.subarray(8))[2]?.toString()).toBe('Telefon Küche ☎ 𝄞');
    expect([secrets.type, secrets.body.readUInt32LE(0)]).toEqual([10, 0x544c534b]);
    expect(out.type).toBe(6);
    const stamp = (BigInt(out.body.readUInt32LE(4)) << 32n) | BigInt(out.body.readUInt32LE(8));
    expect(stamp).toBe(BigInt(TIME));
    expect(out.body.subarray(20, 62)).toEqual(Buffer.from(ARP));
    expect(options(out.body.subarray(64))[1]?.toString()).toBe('who is the router?');
    expect(options(out.body.subarray(64))[2]?.readUInt32LE(0)).toBe(2);
    expect(into.body.readUInt32LE(12)).toBe(41);
    expect(options(into.body.subarray(64))).toEqual({ 2: Buffer.from([1, 0, 0, 0]) });
  });

  it('keeps a long comment within what an option can say, and a lone surrogate out of UTF-8', () => {
    const packet = { interface: 0, time: 0, direction: 'in', bytes: ARP } as const;
    const [long] = blocks(Buffer.from(enhancedPacket({ ...packet, comment: 'x'.repeat(100_000) })));
    expect(options(long!.body.subarray(64))[1]?.length).toBe(65_532);
    const [lone] = blocks(Buffer.from(enhancedPacket({ ...packet, comment: '\ud800' })));
    expect(options(lone!.body.subarray(64))[1]?.toString()).toBe('\ufffd');
  });

  it.skipIf(!hasTshark)('is read by tshark', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sepia-pcapng-'));
    try {
      const file = join(directory, 'capture.pcapng');
      writeFileSync(file, capture);
      const fields = [
        'frame.time_epoch',
        'frame.interface_name',
        'frame.packet_flags_direction',
        'frame.comment',
        'arp.dst.proto_ipv4',
      ];
      const output = execFileSync('tshark', ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])]);
      const [first, second] = output
        .toString()
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t'));
      expect(Number(first![0])).toBeCloseTo(TIME / 1e6, 6);
      expect(first!.slice(1)).toEqual([
        'SEP02005EC0FFEE',
        expect.stringMatching(/2$/),
        'who is the router?',
        '10.0.0.1',
      ]);
      expect(second![1]).toBe('Telefon Küche ☎ 𝄞');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
