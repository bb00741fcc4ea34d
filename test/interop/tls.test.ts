/** The board's TLS against OpenSSL's own server and client, for every version and cipher list that a telephone has. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StartedOperations } from '../../hal/host/started-operations.ts';
import { HostTimeline } from '../../hal/host/timeline.ts';
import { serverContext, TlsEngine } from '../../hal/host/tls-engine.ts';
import type { CompletionResult, Operation } from '../../hal/secure.ts';
import type { TlsClientOptions, TlsHandshake, TlsSession, TlsVersion } from '../../hal/tls.ts';
import { type Identity, selfSigned } from '../../lab/pki/lab-pki.ts';
import { peerRan } from './support/interop-run.ts';
import { versionOf } from './support/versions.ts';

const FLAGS: Readonly<Record<TlsVersion, string>> = {
  '1.0': '-tls1',
  '1.1': '-tls1_1',
  '1.2': '-tls1_2',
  '1.3': '-tls1_3',
};

const CASES: readonly (readonly [TlsVersion, string])[] = [
  ['1.0', 'AES256-SHA'],
  ['1.0', 'AES128-SHA'],
  ['1.0', 'NULL-SHA'],
  ['1.1', 'AES256-SHA'],
  ['1.2', 'AES128-SHA'],
  ['1.2', 'NULL-SHA'],
  ['1.2', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ['1.2', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['1.3', 'TLS_AES_256_GCM_SHA384'],
];

const folder = mkdtempSync(join(tmpdir(), 'sepia-tls-'));
const now = Math.floor(Date.now() / 1_000);
const server = selfSigned({ commonName: 'Sepia Lab server', keyKind: 'rsa-2048', now });
const phone = selfSigned({ commonName: 'CP-7975G-SEP02005E000001', keyKind: 'rsa-2048', now });

/** A session of the engine on a real connection. Ends with the connection. */
class Wire {
  readonly handshake: Promise<TlsHandshake | null>;
  readonly #session: TlsSession;
  readonly #socket: Socket;
  #tail: Promise<void>;
  #heard = '';
  #shaken: (handshake: TlsHandshake | null) => void = () => undefined;
  #onText: () => void = () => undefined;

  constructor(session: TlsSession, socket: Socket, first: (() => Operation) | null) {
    this.#session = session;
    this.#socket = socket;
    this.handshake = new Promise((resolve) => {
      this.#shaken = resolve;
    });
    this.#tail = Promise.resolve();
    if (first !== null) this.#run(first);
    socket.on('data', (octets) => this.#run(() => this.#session.feed(octets)));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#shaken(null));
  }

  say(text: string): void {
    this.#run(() => this.#session.write(Buffer.from(text)));
  }

  /** Resolves when the peer has said this. */
  async hears(text: string): Promise<void> {
    while (!this.#heard.includes(text)) {
      await new Promise<void>((resolve) => {
        this.#onText = resolve;
      });
    }
  }

  #run(start: () => Operation): void {
    this.#tail = this.#tail.then(async () => {
      const result = await completionOf(start());
      if (!result.ok) throw new Error(result.reason);
      this.#socket.write(result.octets);
      if (result.tls!.handshake !== null) this.#shaken(result.tls!.handshake);
      this.#heard += Buffer.from(result.tls!.received).toString();
      this.#onText();
    });
  }
}

const waiting = new Map<Operation, (result: CompletionResult) => void>();
const completionOf = (operation: Operation): Promise<CompletionResult> =>
  new Promise((resolve) => waiting.set(operation, resolve));

let timeline: HostTimeline;
let engine: TlsEngine;
const children: ChildProcess[] = [];
let listener: Server | null = null;

function files({ privateKey, certificate }: Identity, name: string): string[] {
  writeFileSync(join(folder, `${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const base64 = Buffer.from(certificate).toString('base64').replace(/.{64}/g, '$&\n');
  writeFileSync(join(folder, `${name}.pem`), `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`);
  return ['-cert', join(folder, `${name}.pem`), '-key', join(folder, `${name}.key`)];
}

beforeAll(() => {
  peerRan('openssl', versionOf('openssl', 'version'), 's_server and s_client, TLS 1.0 to 1.3');
  timeline = new HostTimeline();
  engine = new TlsEngine({
    operations: new StartedOperations(timeline, (operation, result) => waiting.get(operation)?.(result)),
    identity: () => phone,
  });
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill();
  listener?.close();
  listener = null;
});

afterAll(() => {
  timeline.close();
  rmSync(folder, { recursive: true });
});

function openssl(args: readonly string[]): { child: ChildProcess; said: (text: RegExp) => Promise<string> } {
  const child = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  let out = '';
  const waiters: (() => void)[] = [];
  const hear = (chunk: Buffer): void => {
    out += chunk.toString();
    for (const wake of waiters.splice(0)) wake();
  };
  child.stdout!.on('data', hear);
  child.stderr!.on('data', hear);
  const said = async (text: RegExp): Promise<string> => {
    while (!text.test(out)) {
      await new Promise<void>((resolve, reject) => {
        waiters.push(resolve);
        child.once('exit', (code) => reject(new Error(`openssl ended with ${code}: ${out}`)));
      });
    }
    return out;
  };
  return { child, said };
}

function suites(cipher: string, version: TlsVersion): string[] {
  return version === '1.3' ? ['-ciphersuites', cipher] : ['-cipher', `${cipher}:@SECLEVEL=0`];
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

function optionsOf(version: TlsVersion, cipher: string): TlsClientOptions {
  return { versions: [version, version], ciphers: [cipher], legacy: true, certificate: 'mic', resume: null };
}

describe('openssl s_server', () => {
  it.each(CASES)('TLS %s with %s: both certificates, octets both ways', async (version, cipher) => {
    const port = await freePort();
    const args = ['s_server', '-accept', `127.0.0.1:${port}`, FLAGS[version], ...suites(cipher, version), '-rev'];
    const { said } = openssl([...args, ...files(server, 'server'), '-verify', '1', '-naccept', '1']);
    await said(/ACCEPT/);
    const socket = connect(port, '127.0.0.1');
    const session = engine.open(optionsOf(version, cipher));
    const wire = new Wire(session, socket, () => session.start());
    const handshake = await wire.handshake;
    expect(handshake).toMatchObject({ version, cipher, resumed: false });
    expect(handshake!.peerCertificate).toEqual(server.certificate);
    wire.say('register\n');
    await wire.hears('retsiger\n');
    expect(await said(/CN ?= ?CP-7975G/)).toContain('SEP02005E000001');
    socket.destroy();
  });
});

describe('openssl s_client', () => {
  it.each(CASES)('TLS %s with %s', async (version, cipher) => {
    const options = { versions: [version, version] as const, ciphers: [cipher], legacy: true, identity: server };
    const context = serverContext({ ...options, asksForCertificate: true });
    const accepted = new Promise<Wire>((resolve) => {
      listener = createServer((socket) => resolve(new Wire(engine.accept(context, true), socket, null)));
    });
    const port = await new Promise<number>((resolve) => {
      listener!.listen(0, '127.0.0.1', () => resolve((listener!.address() as AddressInfo).port));
    });
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, FLAGS[version], ...suites(cipher, version)];
    const { child, said } = openssl([...args, ...files(phone, 'phone')]);
    const wire = await accepted;
    const handshake = await wire.handshake;
    expect(handshake).toMatchObject({ version, cipher });
    expect(handshake!.peerCertificate).toEqual(phone.certificate);
    await said(/Verify return code/);
    child.stdin!.write('hello\n');
    await wire.hears('hello\n');
    wire.say('welcome\n');
    await said(/welcome/);
  });
});
