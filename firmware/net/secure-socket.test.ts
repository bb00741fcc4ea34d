import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeCertificate } from '../../hal/host/certificate-writer.ts';
import { StartedOperations } from '../../hal/host/started-operations.ts';
import { serverContext, TlsEngine } from '../../hal/host/tls-engine.ts';
import type { Instant } from '../../hal/timer.ts';
import { VirtualTimeline } from '../../hal/virtual/timeline.ts';
import { Completions } from './completions.ts';
import { SecureSocket } from './secure-socket.ts';
import type { TcpGone, TcpSink, TcpSocket } from './sockets.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const NAME = [['CN', 'Sepia Lab server']] as const;
const certificate = writeCertificate(
  { subject: NAME, issuer: NAME, serial: Uint8Array.of(1), publicKey, notBefore: 0, notAfter: 4e9, isAuthority: false },
  privateKey,
  'sha256',
);
const TLS = { versions: ['1.2', '1.2'] as const, ciphers: ['AES128-SHA'], legacy: false };
const context = serverContext({ ...TLS, identity: { privateKey, certificate }, asksForCertificate: false });

/** One end of a line that takes at most so many octets at a time and delivers them on the timeline. */
class End implements TcpSocket {
  readonly local = { address: 1, port: 1 };
  readonly remote = { address: 2, port: 2 };
  sent = 0;
  sink: TcpSink | null = null;
  far: End | null = null;
  readonly #timeline: VirtualTimeline;
  readonly #room: number;

  constructor(timeline: VirtualTimeline, room: number) {
    this.#timeline = timeline;
    this.#room = room;
  }

  write(now: Instant, octets: Uint8Array): number {
    const taken = octets.slice(0, this.#room);
    this.sent += taken.length;
    this.#at(now + 1, (at) => this.far!.sink?.data(at, taken));
    if (taken.length < octets.length) this.#at(now + 2, (at) => this.sink?.writable(at));
    return taken.length;
  }

  close(now: Instant): void {
    this.#at(now + 1, (at) => this.far!.sink?.ended(at));
  }

  abort(now: Instant): void {
    this.#at(now + 1, (at) => this.far!.sink?.gone(at, 'reset'));
  }

  #at(at: Instant, act: (now: Instant) => void): void {
    this.#timeline.createAlarm(() => act(at)).arm(at);
  }
}

class Heard implements TcpSink {
  opened = 0;
  readonly octets: number[] = [];
  isEnded = false;
  why: TcpGone | null = null;

  connected(): void {
    this.opened++;
  }

  data(_now: Instant, octets: Uint8Array): void {
    this.octets.push(...octets);
  }

  ended(): void {
    this.isEnded = true;
  }

  writable(): void {}

  gone(_now: Instant, why: TcpGone): void {
    this.why = why;
  }
}

class Line {
  readonly timeline = new VirtualTimeline();
  readonly client = new Heard();
  readonly server = new Heard();
  readonly clientSocket: SecureSocket;
  readonly serverSocket: SecureSocket;
  readonly ends: readonly [End, End];
  readonly failures: string[] = [];

  constructor(room: number, isWelcome = true) {
    const completions = new Completions();
    const operations = new StartedOperations(this.timeline, (operation, result) => {
      completions.complete(this.timeline.now(), operation, result);
    });
    const engine = new TlsEngine({ operations, identity: () => null });
    const session = engine.open({ ...TLS, certificate: null, resume: null });
    const failed = (_now: Instant, why: string) => this.failures.push(why);
    this.clientSocket = new SecureSocket(
      {
        session,
        completions,
        initiates: true,
        judge: (now, _handshake, decide) => decide(now, isWelcome ? this.client : null),
        failed,
      },
      this.client,
    );
    this.serverSocket = new SecureSocket(
      {
        session: engine.accept(context, false),
        completions,
        initiates: false,
        judge: (now, _handshake, decide) => decide(now, this.server),
      },
      null,
    );
    this.ends = [new End(this.timeline, room), new End(this.timeline, room)];
    const [near, far] = this.ends;
    near.far = far;
    far.far = near;
    near.sink = this.clientSocket;
    far.sink = this.serverSocket;
    this.clientSocket.attach(near);
    this.serverSocket.attach(far);
    this.clientSocket.connected(0);
  }

  async settle(): Promise<void> {
    do {
      await new Promise<void>((resolve) => this.timeline.onRelease(resolve));
    } while (this.timeline.step() || this.timeline.held);
  }
}

describe('a secure connection', () => {
  it('carries everything in order, however the line below is cut and however it is written', async () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3_000 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 2_000 }), pieces, pieces, async (room, there, back) => {
        const line = new Line(Math.max(room, 40));
        await line.settle();
        expect([line.client.opened, line.server.opened]).toEqual([1, 0]);
        const now = line.timeline.now();
        for (const piece of there) line.clientSocket.write(now, piece);
        for (const piece of back) line.serverSocket.write(now, piece);
        await line.settle();
        expect(line.server.octets).toEqual(there.flatMap((piece) => [...piece]));
        expect(line.client.octets).toEqual(back.flatMap((piece) => [...piece]));
      }),
      { numRuns: 25 },
    );
  });

  it('says what was written before it closes, and then that it does', async () => {
    const line = new Line(1_460);
    await line.settle();
    line.clientSocket.write(line.timeline.now(), Uint8Array.of(1, 2, 3));
    line.clientSocket.close(line.timeline.now());
    expect(line.clientSocket.write(line.timeline.now(), Uint8Array.of(4))).toBe(1);
    await line.settle();
    expect(line.server.octets).toEqual([1, 2, 3]);
    expect(line.server.isEnded).toBe(true);
  });

  it('to the wrong peer never opens, and what is written to it goes nowhere', async () => {
    const line = new Line(1_460, false);
    line.clientSocket.write(0, Uint8Array.of(1, 2, 3));
    await line.settle();
    const { sent } = line.ends[0];
    line.clientSocket.write(line.timeline.now(), Uint8Array.of(4));
    await line.settle();
    expect(line.client).toMatchObject({ opened: 0, why: 'refused', octets: [] });
    expect(line.failures).toEqual(['refused']);
    expect(line.server.octets).toEqual([]);
    expect(line.ends[0].sent).toBe(sent);
  });

  it('that is damaged on the way is given up', async () => {
    const line = new Line(1_460);
    await line.settle();
    line.clientSocket.data(line.timeline.now(), Uint8Array.of(23, 3, 3, 0, 32, ...new Uint8Array(32)));
    await line.settle();
    expect(line.client.why).toBe('reset');
    expect(line.client.octets).toEqual([]);
    expect(line.failures[0]).toMatch(/bad record mac|bad_record_mac|decryption/i);
  });

  it('hears that the line is gone, after all that came over it', async () => {
    const line = new Line(1_460);
    await line.settle();
    const now = line.timeline.now();
    line.serverSocket.write(now, Uint8Array.of(9));
    await line.settle();
    line.clientSocket.gone(line.timeline.now(), 'timeout');
    await line.settle();
    expect(line.client).toMatchObject({ octets: [9], why: 'timeout' });
  });

  it('that is refused by a peer that speaks no TLS says so', async () => {
    const line = new Line(1_460);
    line.ends[1].sink = null;
    await line.settle();
    line.clientSocket.data(line.timeline.now(), new TextEncoder().encode('220 mail.example ESMTP\r\n'));
    await line.settle();
    expect(line.client).toMatchObject({ opened: 0, why: 'refused' });
    expect(line.failures).toEqual(['wrong version number']);
  });
});
