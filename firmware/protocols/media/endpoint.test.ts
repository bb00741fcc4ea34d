import { describe, expect, it } from 'vitest';
import { type Instant, MILLISECOND, NEVER, SECOND } from '../../../hal/timer.ts';
import { SeededRng } from '../../../hal/virtual/rng.ts';
import { isMalformed } from '../../malformed.ts';
import * as rtcp from '../../wire/rtcp.ts';
import * as rtp from '../../wire/rtp.ts';
import { MediaEndpoint, type MediaIn } from './endpoint.ts';

const EPOCH = Date.UTC(2026, 10, 22, 8);
const PCMU = { codec: 'PCMU', ptime: 20 } as const;
const TONE = { kind: 'tone' } as const;

interface Sent {
  readonly at: Instant;
  readonly kind: 'rtp' | 'rtcp';
  readonly octets: Uint8Array;
}

/** An endpoint whose time is moved by hand. */
class Bench {
  readonly endpoint: MediaEndpoint;
  readonly sent: Sent[] = [];
  now: Instant = 0;

  constructor(seed: string) {
    this.endpoint = new MediaEndpoint(0, { rng: new SeededRng(seed), cname: `${seed}@10.0.0.5`, epoch: EPOCH });
  }

  say(input: MediaIn): this {
    this.endpoint.process(this.now, input);
    this.#drain();
    return this;
  }

  until(at: Instant): this {
    while (this.endpoint.pollAt() <= at) {
      // An alarm wants whole microseconds.
      expect(this.endpoint.pollAt() % 1).toBe(0);
      this.now = Math.max(this.now, this.endpoint.pollAt());
      this.#drain();
    }
    this.now = at;
    return this;
  }

  of(kind: 'rtp' | 'rtcp'): Sent[] {
    return this.sent.filter((each) => each.kind === kind);
  }

  packets(): rtp.Packet[] {
    return this.of('rtp').map(({ octets }) => {
      const packet = rtp.parse(octets);
      if (isMalformed(packet)) throw new Error(packet.reason);
      return packet;
    });
  }

  reports(): (readonly rtcp.Packet[])[] {
    return this.of('rtcp').map(({ octets }) => {
      const packets = rtcp.parse(octets);
      if (isMalformed(packets)) throw new Error(packets.reason);
      return packets;
    });
  }

  #drain(): void {
    this.endpoint.dispatch(this.now, ({ kind, octets }) =>
      this.sent.push({ at: this.now, kind, octets: octets.slice() }),
    );
  }
}

/** Two endpoints, `delay` apart; `lose` says which packets of RTP get lost. */
function conversation(seconds: number, delay: number, lose: (k: number) => boolean = () => false): [Bench, Bench] {
  const pair: [Bench, Bench] = [new Bench('one'), new Bench('two')];
  for (const bench of pair) bench.say({ kind: 'send', format: PCMU, source: TONE });
  const read = [0, 0];
  const underway: { at: Instant; to: Bench; sent: Sent }[] = [];
  for (let now = 0; now <= seconds * SECOND; now += MILLISECOND) {
    for (const [k, bench] of pair.entries()) {
      bench.until(now);
      for (const sent of bench.sent.slice(read[k])) {
        const isLost = k === 0 && sent.kind === 'rtp' && lose(bench.of('rtp').indexOf(sent));
        if (!isLost) underway.push({ at: sent.at + delay, to: pair[1 - k]!, sent });
      }
      read[k] = bench.sent.length;
    }
    while (underway.length > 0 && underway[0]!.at <= now) {
      const { to, sent } = underway.shift()!;
      to.say({ kind: sent.kind, octets: sent.octets });
    }
  }
  return pair;
}

describe('a media endpoint that talks', () => {
  it('sends a packet every 20 ms, the first one marked', () => {
    const bench = new Bench('one').say({ kind: 'send', format: PCMU, source: TONE }).until(SECOND - 1);
    const packets = bench.packets();
    expect(bench.of('rtp').map(({ at }) => at)).toEqual(Array.from({ length: 50 }, (_, k) => k * 20 * MILLISECOND));
    expect(packets.map(({ marker }) => marker)).toEqual([true, ...Array(49).fill(false)]);
    const [first] = packets;
    for (const [k, packet] of packets.entries()) {
      expect(packet.sequenceNumber).toBe((first!.sequenceNumber + k) & 0xffff);
      expect(packet.timestamp).toBe((first!.timestamp + 160 * k) >>> 0);
      expect(packet).toMatchObject({ payloadType: 0, payloadLength: 160, ssrc: first!.ssrc });
    }
    expect(bench.endpoint.report()).toMatchObject({ packetsSent: 50, octetsSent: 8000, packetsReceived: 0 });
  });

  it.each([
    ['PCMA', 30, 240, 8],
    ['PCMU', 10, 80, 0],
  ] as const)('%s in packets of %i ms: %i octets of type %i', (codec, ptime, payloadLength, payloadType) => {
    const bench = new Bench('one').say({ kind: 'send', format: { codec, ptime }, source: TONE }).until(SECOND / 2);
    expect(bench.packets().at(-1)).toMatchObject({ payloadLength, payloadType });
    expect(bench.of('rtp')[1]!.at).toBe(ptime * MILLISECOND);
  });

  it('repeats a file', () => {
    const octets = Uint8Array.from({ length: 200 }, (_, k) => k);
    const bench = new Bench('one').say({ kind: 'send', format: PCMU, source: { kind: 'file', octets } });
    bench.until(20 * MILLISECOND);
    const heard = bench.of('rtp').flatMap((sent) => [...sent.octets.subarray(12)]);
    expect(heard).toEqual([...octets, ...octets].slice(0, 320));
  });

  it('skips what it could not say in time, in time but not in sequence', () => {
    const bench = new Bench('one').say({ kind: 'send', format: PCMU, source: TONE });
    bench.now = 3 * SECOND;
    bench.say({ kind: 'rtp', octets: new Uint8Array(0) });
    const [first, second, third] = bench.packets();
    expect(third).toBeUndefined();
    expect(second!.sequenceNumber).toBe((first!.sequenceNumber + 1) & 0xffff);
    expect((second!.timestamp - first!.timestamp) >>> 0).toBe(150 * 160);
  });

  it('is quiet after stop, and begins anew with a mark', () => {
    const bench = new Bench('one').say({ kind: 'send', format: PCMU, source: TONE }).until(30 * MILLISECOND);
    bench.say({ kind: 'stop' }).until(SECOND);
    expect(bench.of('rtp')).toHaveLength(2);
    bench.say({ kind: 'send', format: PCMU, source: TONE });
    expect(bench.packets().at(-1)!.marker).toBe(true);
  });

  it('says goodbye with what it has sent, and is over', () => {
    const bench = new Bench('one').say({ kind: 'send', format: PCMU, source: TONE }).until(SECOND - 1);
    bench.say({ kind: 'close' });
    const last = bench.reports().at(-1)!;
    expect(last.map(({ kind }) => kind)).toEqual(['SR', 'SDES', 'BYE']);
    expect(last[0]).toMatchObject({ packets: 50, octets: 8000 });
    expect(bench.endpoint.pollAt()).toBe(NEVER);
  });

  it('has nothing to say when it only listened in vain', () => {
    const bench = new Bench('one').until(60 * SECOND).say({ kind: 'close' });
    expect(bench.sent).toEqual([]);
  });
});

describe('two media endpoints', () => {
  it('agree on what was sent, with no loss, no jitter and the delay of the way', () => {
    const [one, two] = conversation(20, 15 * MILLISECOND);
    for (const { endpoint } of [one, two]) {
      const { packetsLost, jitter, latency, packetsReceived } = endpoint.report();
      expect({ packetsLost, jitter }).toEqual({ packetsLost: 0, jitter: 0 });
      expect(packetsReceived).toBe(1000);
      expect(latency).toBeCloseTo(15, 0);
    }
    const [report] = one.reports();
    expect(report![0]).toMatchObject({ kind: 'SR', blocks: [{ fractionLost: 0, cumulativeLost: 0 }] });
    expect(report![1]).toMatchObject({ chunks: [{ items: [{ type: 1, text: 'one@10.0.0.5' }] }] });
    // RFC 3550 6.2: the first after 1 to 3.1 s, then every 2.05 to 6.2 s.
    const times = one.of('rtcp').map(({ at }) => at / SECOND);
    expect(times[0]).toBeGreaterThan(1);
    for (const [k, at] of times.entries()) expect(at - (times[k - 1] ?? 0)).toBeLessThan(6.2);
  });

  it('count what is lost, and tell the sender', () => {
    const [one, two] = conversation(20, 15 * MILLISECOND, (k) => k % 10 === 9);
    expect(two.endpoint.report()).toMatchObject({ packetsReceived: 900, packetsLost: 99 });
    expect(one.endpoint.report().packetsLost).toBe(0);
    const blocks = two.reports().flatMap(([first]) => (first?.kind === 'SR' ? first.blocks : []));
    for (const { fractionLost } of blocks) expect(fractionLost).toBeCloseTo(25.6, -1);
  });
});

describe('reception', () => {
  const packet = (sequenceNumber: number, timestamp: number, ssrc = 7): Uint8Array => {
    const header = { marker: false, payloadType: 0, sequenceNumber, timestamp, ssrc, csrcs: [], extension: null };
    const octets = new Uint8Array(172);
    rtp.emit({ ...header, padding: 0 }, new Uint8Array(160), octets);
    return octets;
  };

  it('has the jitter of RFC 3550 A.8, which goes towards the mean difference of transit times', () => {
    const bench = new Bench('one');
    for (let k = 0; k < 200; k++) {
      // Every other packet 10 ms late: a difference of 80 units each time, so the jitter goes to 80 units, 10 ms.
      bench.now = k * 20 * MILLISECOND + (k % 2) * 10 * MILLISECOND;
      bench.say({ kind: 'rtp', octets: packet(k, k * 160) });
    }
    expect(bench.endpoint.report().jitter).toBeGreaterThan(9);
    expect(bench.endpoint.report().jitter).toBeLessThanOrEqual(10);
  });

  it('counts over the end of the sequence numbers, and past disorder and duplicates', () => {
    const bench = new Bench('one');
    for (const sequence of [65_534, 65_535, 0, 2, 1, 3, 3]) bench.say({ kind: 'rtp', octets: packet(sequence, 0) });
    expect(bench.endpoint.report()).toMatchObject({ packetsReceived: 7, packetsLost: 0 });
  });

  it('does not believe a wild sequence number until a second follows', () => {
    const bench = new Bench('one');
    for (const sequence of [1, 2, 30_000, 3]) bench.say({ kind: 'rtp', octets: packet(sequence, 0) });
    expect(bench.endpoint.report()).toMatchObject({ packetsReceived: 3, packetsLost: 0 });
    for (const sequence of [40_000, 40_001, 40_002]) bench.say({ kind: 'rtp', octets: packet(sequence, 0) });
    expect(bench.endpoint.report()).toMatchObject({ packetsReceived: 5, packetsLost: 0 });
  });

  it('takes another source for a new stream', () => {
    const bench = new Bench('one');
    for (const [sequence, ssrc] of [
      [1, 7],
      [2, 7],
      [900, 8],
      [901, 8],
    ] as const) {
      bench.say({ kind: 'rtp', octets: packet(sequence, 0, ssrc) });
    }
    expect(bench.endpoint.report()).toMatchObject({ packetsReceived: 4, packetsLost: 0 });
  });

  it('ignores garbage', () => {
    const bench = new Bench('one');
    bench.say({ kind: 'rtp', octets: Uint8Array.of(1, 2, 3) }).say({ kind: 'rtcp', octets: Uint8Array.of(1, 2, 3) });
    expect(bench.endpoint.report().packetsReceived).toBe(0);
  });
});
