/** Whatever comes from the wire, the stack neither throws nor loops, and goes on working. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MILLISECOND, SECOND } from '../../hal/timer.ts';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { RecordingSink, RIGHT_ADDRESS } from '../../test/support/stack-pair.ts';
import { arpFrame, Host, ipv4Frame, TcpPeer } from '../../test/support/tcp-peer.ts';
import * as arp from '../wire/arp.ts';
import * as icmp from '../wire/icmp.ts';
import { PROTOCOL } from '../wire/ipv4.ts';

/** Milliseconds; continuous integration runs fifty times as many inputs. */
const FUZZ_TIMEOUT = 300_000;

const FLAGS = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('.', 'P.', 'F.', 'S', 'S.') },
  { weight: 1, arbitrary: fc.constantFrom('', 'FP.', 'R', 'R.', 'F', 'SF.', 'SR') },
);

/** Distance from the number that would be right. */
const NEAR = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.integer({ min: -2, max: 2 }) },
  { weight: 1, arbitrary: fc.integer({ min: -30, max: 30 }) },
);

/** What the peer, the user or the clock does next. */
const step = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('segment' as const),
      flags: FLAGS,
      seq: NEAR,
      ack: NEAR,
      data: fc.nat(20),
      window: fc.constantFrom(0, 1, 30, 8192),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), octets: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('close' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), time: fc.constantFrom(1, 100, 1000, 5000, 61_000) }),
  },
);

it(
  'TCP takes any dialogue: no illegal transition, one gone, nothing after it',
  () => {
    const starts = [
      () => TcpPeer.connecting(),
      () => TcpPeer.listening(),
      () => TcpPeer.connected(),
      () => TcpPeer.accepted(),
    ];
    fc.assert(
      fc.property(fc.nat(3), fc.array(step, { maxLength: 40 }), (start, steps) => {
        const peer = starts[start]!();
        const { host } = peer;
        peer.take();
        for (const action of steps) {
          if (action.kind === 'segment') {
            const { flags, data, window } = action;
            const seq = peer.acknowledged + action.seq;
            peer.send(flags, { seq, ack: peer.sentTo + action.ack, data, window });
          } else if (action.kind === 'write') peer.socket?.write(host.now, new Uint8Array(action.octets));
          else if (action.kind === 'close') peer.socket?.close(host.now);
          else if (action.kind === 'abort') peer.socket?.abort(host.now);
          else if (action.kind === 'forget') host.stack.clearAddress(host.now);
          else peer.advance(action.time * MILLISECOND);
          peer.take();
          // A listener's second connection would share the sink, which takes only one.
          if (peer.sink.why !== null) break;
        }
        // Left alone, everything ends, and every frame sent was well formed.
        peer.socket?.close(host.now);
        peer.advance(1000 * SECOND);
        expect(peer.take().filter((line) => /malformed|bad/.test(line))).toEqual([]);
        expect(host.stack.connectionCount).toBe(0);
        expect(host.stack.pollAt()).toBe(Number.POSITIVE_INFINITY);
      }),
      { numRuns: fuzzRuns(0.5) },
    );
  },
  FUZZ_TIMEOUT,
);

it(
  'random and mutated frames are dropped and counted, or answered',
  () => {
    const echo = new Uint8Array(icmp.HEADER_LENGTH + 4);
    icmp.emit({ kind: 'echo-request', identifier: 1, sequence: 1, payload: Uint8Array.of(1, 2, 3, 4) }, echo);
    const whoHas = {
      operation: arp.OPERATION.request,
      senderHardware: 0x0200_5e00_0002,
      senderProtocol: RIGHT_ADDRESS,
      targetHardware: 0,
      targetProtocol: 0x0a00_0001,
    };
    const specimens = [
      ipv4Frame(PROTOCOL.icmp, echo),
      arpFrame(whoHas),
      ipv4Frame(PROTOCOL.udp, Uint8Array.of(0, 9, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4)),
      ipv4Frame(PROTOCOL.udp, new Uint8Array(16), { flags: 1, identification: 5 }),
      ipv4Frame(PROTOCOL.tcp, Uint8Array.of(0, 9, 7, 0xd0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x20, 0, 0, 0, 0, 0)),
    ];
    const frame = fc.oneof(
      fc.uint8Array({ minLength: 0, maxLength: 200 }),
      fc
        .tuple(fc.constantFrom(...specimens), fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }))
        .map(([specimen, flips]) => {
          const mutated = specimen.slice();
          for (const [at, value] of flips) if (at < mutated.length) mutated[at] = value;
          return mutated;
        }),
    );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), (frames) => {
        const host = Host.configured({ discovery: () => {} });
        host.stack.udp(9, () => {});
        host.stack.listen(2000, () => new RecordingSink());
        for (const bytes of frames) host.receive(bytes);
        host.advance(100 * SECOND);
        host.sent = [];
        host.receive(specimens[1]!);
        expect(host.take()).toContain('ARP 10.0.0.1 is-at 02:00:5e:00:00:01');
      }),
      { numRuns: fuzzRuns(0.2) },
    );
  },
  FUZZ_TIMEOUT,
);
