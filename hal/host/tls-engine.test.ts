import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CompletionResult } from '../secure.ts';
import type { TlsClientOptions, TlsHandshake, TlsSession, TlsVersion } from '../tls.ts';
import { VirtualTimeline } from '../virtual/timeline.ts';
import { writeCertificate } from './certificate-writer.ts';
import { StartedOperations } from './started-operations.ts';
import { serverContext, TlsEngine, type TlsIdentity, type TlsServerOptions } from './tls-engine.ts';

function identity(commonName: string): TlsIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const name = [['CN', commonName]] as const;
  const notBefore = Date.UTC(2026, 0, 1) / 1_000;
  const plan = { subject: name, issuer: name, serial: Uint8Array.of(1), publicKey, notBefore };
  const certificate = writeCertificate(
    { ...plan, notAfter: notBefore + 1e9, isAuthority: false },
    privateKey,
    'sha256',
  );
  return { privateKey, certificate };
}

const SERVER = identity('Sepia Lab server');
const PHONE = identity('Sepia Lab phone');

const CLIENT: TlsClientOptions = {
  versions: ['1.2', '1.2'],
  ciphers: ['AES256-SHA', 'AES128-SHA'],
  legacy: false,
  certificate: null,
  resume: null,
};

/** A phone's engine and a server's, with nothing between them but this test. */
class Bench {
  readonly timeline = new VirtualTimeline();
  readonly completed: number[] = [];
  readonly keyLog: string[] = [];
  readonly engine: TlsEngine;
  #waiting = new Map<number, (result: CompletionResult) => void>();

  constructor() {
    const operations = new StartedOperations(this.timeline, (operation, result) => {
      this.completed.push(operation);
      this.#waiting.get(operation)?.(result);
    });
    this.engine = new TlsEngine({
      operations,
      identity: () => PHONE,
      keyLog: (line) => this.keyLog.push(Buffer.from(line).toString()),
    });
  }

  /** Waits for the release, as the driver of a world does, and hands over the completion. */
  async done(operation: number): Promise<Extract<CompletionResult, { ok: true }>> {
    const result = new Promise<CompletionResult>((resolve) => this.#waiting.set(operation, resolve));
    await new Promise<void>((resolve) => this.timeline.onRelease(resolve));
    this.timeline.step();
    const found = await result;
    if (!found.ok) throw new Error(found.reason);
    return found;
  }

  accept(options: Partial<TlsServerOptions> = {}): TlsSession {
    const context = serverContext({ ...CLIENT, identity: SERVER, asksForCertificate: true, ...options });
    return this.engine.accept(context, true);
  }

  /** Carries records to and fro until both are silent. */
  async shake(client: TlsSession, server: TlsSession): Promise<Shaken> {
    const shaken: Shaken = { client: null, server: null, clientEnded: null, serverEnded: null };
    let { octets } = await this.done(client.start());
    for (let turn = 0; octets.length > 0; turn++) {
      if (turn > 20) throw new Error('they do not come to an end');
      const side = turn % 2 === 0 ? 'server' : 'client';
      const result = await this.done((side === 'server' ? server : client).feed(octets));
      octets = result.octets;
      shaken[side] ??= result.tls!.handshake;
      if (side === 'server') shaken.serverEnded ??= result.tls!.ended;
      else shaken.clientEnded ??= result.tls!.ended;
    }
    return shaken;
  }
}

interface Shaken {
  client: TlsHandshake | null;
  server: TlsHandshake | null;
  clientEnded: string | null;
  serverEnded: string | null;
}

describe('TLS engine', () => {
  it.each<[TlsVersion, string, boolean]>([
    ['1.0', 'AES128-SHA', true],
    ['1.0', 'NULL-SHA', true],
    ['1.1', 'AES256-SHA', true],
    ['1.2', 'AES256-SHA', false],
    ['1.2', 'NULL-SHA', true],
    ['1.2', 'ECDHE-RSA-AES256-GCM-SHA384', false],
    ['1.3', 'TLS_AES_256_GCM_SHA384', false],
  ])('agrees on TLS %s with %s', async (version, cipher, legacy) => {
    const bench = new Bench();
    const options = { versions: [version, version] as const, ciphers: [cipher], legacy };
    const client = bench.engine.open({ ...CLIENT, ...options, certificate: 'mic' });
    const shaken = await bench.shake(client, bench.accept(options));
    expect(shaken.client).toMatchObject({ version, cipher, resumed: false });
    expect(shaken.client!.peerCertificate).toEqual(SERVER.certificate);
    expect(shaken.server!.peerCertificate).toEqual(PHONE.certificate);
  });

  it('carries octets both ways, and says when the peer ends', async () => {
    const bench = new Bench();
    const client = bench.engine.open(CLIENT);
    const server = bench.accept();
    await bench.shake(client, server);
    const said = new Uint8Array(40_000).map((_, index) => index);
    const records = await bench.done(client.write(said));
    expect(Buffer.from(records.octets).includes(Buffer.from(said.subarray(0, 64)))).toBe(false);
    expect((await bench.done(server.feed(records.octets))).tls!.received).toEqual(said);
    const answer = await bench.done(server.write(Uint8Array.of(7)));
    expect((await bench.done(client.feed(answer.octets))).tls!.received).toEqual(Uint8Array.of(7));
    const end = await bench.done(server.end());
    expect((await bench.done(client.feed(end.octets))).tls!.ended).toBe('closed');
  });

  it('does not move time while it works, and completes in order', async () => {
    const bench = new Bench();
    const [one, two] = [bench.engine.open(CLIENT), bench.engine.open(CLIENT)];
    const operations = [one.start(), two.start()];
    expect(operations).toEqual([1, 2]);
    expect(bench.timeline.held).toBe(true);
    expect(bench.timeline.step()).toBe(false);
    expect(() => one.feed(new Uint8Array(1))).toThrow('one operation at a time');
    await new Promise<void>((resolve) => bench.timeline.onRelease(resolve));
    bench.timeline.runUntil(0);
    expect(bench.completed).toEqual([1, 2]);
    expect(bench.timeline.now()).toBe(0);
  });

  it('says in words why there is no session', async () => {
    const bench = new Bench();
    const old = { versions: ['1.0', '1.0'] as const, legacy: true };
    const shaken = await bench.shake(bench.engine.open({ ...CLIENT, ...old }), bench.accept());
    expect(shaken).toMatchObject({ client: null, clientEnded: 'tlsv1 alert protocol version' });
    const garbage = await bench.done(bench.engine.open(CLIENT).feed(Buffer.from('SSH-2.0-not TLS at all\r\n')));
    expect(garbage.tls).toMatchObject({ handshake: null, ended: 'wrong version number' });
  });

  it('has nothing old or weak unless it is asked for', async () => {
    const bench = new Bench();
    expect(() => bench.engine.open({ ...CLIENT, versions: ['1.0', '1.2'] })).toThrow('legacy');
    const unencrypted = { ciphers: ['NULL-SHA', 'AES128-SHA'] };
    const shaken = await bench.shake(bench.engine.open({ ...CLIENT, ...unencrypted }), bench.accept(unencrypted));
    expect(shaken.client!.cipher).toBe('AES128-SHA');
  });

  it('takes a session up again', async () => {
    const bench = new Bench();
    const context = serverContext({ ...CLIENT, identity: SERVER, asksForCertificate: true });
    const options = { ...CLIENT, resume: '192.0.2.10:2443' };
    const first = await bench.shake(bench.engine.open(options), bench.engine.accept(context, true));
    const second = await bench.shake(bench.engine.open(options), bench.engine.accept(context, true));
    expect([first.client!.resumed, second.client!.resumed]).toEqual([false, true]);
    expect(first.client!.peerCertificate).toEqual(SERVER.certificate);
    expect(second.client!.peerCertificate).toEqual(SERVER.certificate);
    bench.engine.reset();
    const third = await bench.shake(bench.engine.open(options), bench.engine.accept(context, true));
    expect(third.client!.resumed).toBe(false);
  });

  it('tells the secrets to those who may read captures', async () => {
    const bench = new Bench();
    await bench.shake(bench.engine.open(CLIENT), bench.accept());
    expect(bench.keyLog.join('')).toMatch(/^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}\n/m);
  });
});
