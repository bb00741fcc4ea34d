import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { MILLISECOND, SECOND } from '../../../hal/timer.ts';
import { connectPair, Pair, type RecordingSink, seededRng, type WireFaults } from '../../../test/support/stack-pair.ts';
import type { TcpSocket } from '../sockets.ts';

const SIZE = 300_000;

/** Writes all of `octets` as the send buffer lets it, in pieces of random size, then closes. */
function pour(sink: RecordingSink, socket: () => TcpSocket, octets: Uint8Array, seed: number) {
  const chance = seededRng(seed);
  let at = 0;
  const push = (now: number): void => {
    while (at < octets.length) {
      const piece = octets.subarray(at, at + 1 + chance.below(5000));
      const taken = socket().write(now, piece);
      at += taken;
      if (taken < piece.length) return;
    }
    socket().close(now);
  };
  sink.onWritable = push;
  return push;
}

function random(seed: number): Uint8Array {
  const octets = new Uint8Array(SIZE);
  seededRng(seed).fill(octets);
  return octets;
}

function sha256(octets: Uint8Array | readonly number[]): string {
  return createHash('sha256').update(Uint8Array.from(octets)).digest('hex');
}

/** 300,000 octets each way at the same time. */
function transferBothWays(faults: Partial<WireFaults> & { seed: number }): void {
  // Without timestamps the backed-off timeout stays until new data is measured (RFC 6298 section 5): at 20 % loss that takes its time.
  const options = { tcp: { userTimeout: 1000 * SECOND, finWait2: 1000 * SECOND } };
  const pair = Pair.configured(faults, options, options);
  pair.quiet = true;
  const { client, clientSink, serverSink, server, accepted } = connectPair(pair);
  const up = random(faults.seed + 100);
  const down = random(faults.seed + 200);
  const pushUp = pour(clientSink, () => client, up, faults.seed + 300);
  const pushDown = pour(serverSink, server, down, faults.seed + 400);
  clientSink.onConnected = pushUp;
  let began = false;
  const done = pair.runUntil(() => {
    if (!began && accepted.length > 0) {
      began = true;
      pushDown(pair.now);
    }
    return clientSink.why !== null && serverSink.why !== null;
  }, 3600 * SECOND);
  expect(done, `seed ${faults.seed}`).toBe(true);
  expect([clientSink.why, serverSink.why]).toEqual(['closed', 'closed']);
  expect(sha256(serverSink.octets)).toBe(sha256(up));
  expect(sha256(clientSink.octets)).toBe(sha256(down));
}

describe('transfers both ways arrive whole', () => {
  const latencies = [100, 5 * MILLISECOND, 100 * MILLISECOND];
  const losses = [0, 0.01, 0.05, 0.2];
  for (const latency of latencies) {
    for (const loss of losses) {
      it(`one way ${latency / MILLISECOND} ms, loss ${loss * 100} %`, () => {
        transferBothWays({ seed: 1000 * loss + latency, latency, loss });
      });
    }
  }

  it('through reordering', () => {
    transferBothWays({ seed: 21, latency: 5 * MILLISECOND, jitter: 20 * MILLISECOND });
  });

  it('through duplicates', () => {
    transferBothWays({ seed: 22, latency: 5 * MILLISECOND, duplicate: 0.3 });
  });

  it('through corruption', () => {
    transferBothWays({ seed: 23, latency: 5 * MILLISECOND, corrupt: 0.05 });
  });

  it('through all of it at once', () => {
    for (const seed of [31, 32, 33, 34, 35]) {
      const faults = { jitter: 10 * MILLISECOND, loss: 0.05, duplicate: 0.05, corrupt: 0.03 };
      transferBothWays({ seed, latency: 10 * MILLISECOND, ...faults });
    }
  });
});
