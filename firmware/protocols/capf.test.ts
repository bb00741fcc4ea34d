import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { signBare } from '../../hal/host/private-key.ts';
import { NEVER, SECOND } from '../../hal/timer.ts';
import { tunableValues } from '../../hal/tunables.ts';
import { fuzzRuns } from '../../test/support/fuzz-runs.ts';
import { sharedVector } from '../../test/support/shared-vectors.ts';
import { Malformed } from '../malformed.ts';
import * as wire from '../wire/capf.ts';
import { CapfClient, type CapfCredential, type CapfIn, type CapfOut, type SigningJob } from './capf.ts';

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const toHex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const NAME = 'SEP0011AABBCC01';
const SERVERS = [
  { host: 'pub', port: 3804 },
  { host: 'sub', port: 3804 },
];
const NULL_STRING: CapfCredential = { kind: 'string', text: '' };

const { COMMANDS, TAGS, REASONS } = wire;
const SESSION = 0x1001;
const AUTH = wire.encode(COMMANDS.authRequest, SESSION, [wire.octet(TAGS.version, 3), wire.octet(TAGS.authType, 0)]);
const keyRequest = (bits: number) =>
  wire.encode(COMMANDS.keyRequest, SESSION, [
    { tag: TAGS.keySize, value: Uint8Array.of(bits >> 8, bits) },
    wire.octet(TAGS.keyType, 0),
  ]);
const curveRequest = (curve: number) =>
  wire.encode(COMMANDS.keyRequest, SESSION, [wire.octet(TAGS.keyType, 1), wire.octet(TAGS.curve, curve)]);
const storeRequest = (der: Uint8Array) =>
  wire.encode(COMMANDS.storeRequest, SESSION, [wire.octet(TAGS.certificateType, 1), wire.certificate(1, der)]);
const end = (reason: number) => wire.encode(COMMANDS.endSession, SESSION, [wire.octet(TAGS.reason, reason)]);
const FETCH = wire.encode(COMMANDS.fetchRequest, SESSION, []);
const DELETE = wire.encode(COMMANDS.deleteRequest, SESSION, []);
const LSC = hex('3003020101');

function text(out: CapfOut): string {
  switch (out.kind) {
    case 'connect':
      return `connect ${out.server.host}`;
    case 'write': {
      const message = wire.parse(out.octets);
      return message instanceof Malformed ? 'garbage' : wire.describe(message).replace(/^CAPF /, '');
    }
    case 'sign':
      return `sign ${out.jobs.map(({ slot, digest }) => `${slot} ${digest}`).join(', ')}`;
    case 'make-key':
      return `make ${out.key}`;
    case 'store':
      return `store ${toHex(out.certificate)}`;
    case 'ended': {
      const { outcome, reason, server, wait } = out.result;
      return `${outcome}: ${reason} (${server.host})${wait === 0 ? '' : ` in ${wait / SECOND} s`}`;
    }
    default:
      return out.kind;
  }
}

class Dialogue {
  readonly client = new CapfClient(NAME, tunableValues());

  at(seconds: number, ...inputs: (CapfIn | Uint8Array)[]): string[] {
    const now = seconds * SECOND;
    const said: string[] = [];
    for (const input of inputs) {
      this.client.process(now, 'kind' in input ? input : { kind: 'data', octets: input });
      this.client.dispatch(now, (out) => said.push(text(out)));
    }
    if (inputs.length === 0) this.client.dispatch(now, (out) => said.push(text(out)));
    return said;
  }

  /** In a session that has begun. */
  static open(credential = NULL_STRING, lsc: Uint8Array | null = null, servers = SERVERS.slice(0, 1)): Dialogue {
    const dialogue = new Dialogue();
    expect(dialogue.at(0, { kind: 'start', servers, credential, lsc })).toEqual(['connect pub']);
    expect(dialogue.at(1, { kind: 'connected' })).toEqual([]);
    return dialogue;
  }
}

const WHO = `authentication response 4097: ${NAME}, reason 1, 1 7 11 13`;

describe('the sequences', () => {
  it('nothing pending', () => {
    const dialogue = Dialogue.open();
    expect(dialogue.at(1, AUTH)).toEqual([WHO]);
    expect(dialogue.at(1, end(REASONS.none))).toEqual(['close', 'none: nothing-pending (pub)']);
    expect([dialogue.client.idle, dialogue.client.pollAt()]).toEqual([true, NEVER]);
  });

  it.each([
    [keyRequest(1024), 'rsa-1024'],
    [keyRequest(2048), 'rsa-2048'],
    [keyRequest(4096), 'rsa-4096'],
    [curveRequest(0), 'ec-p256'],
    [curveRequest(1), 'ec-p384'],
    [curveRequest(2), 'ec-p521'],
  ])('install or upgrade, with the key that is asked for', (request, key) => {
    const dialogue = Dialogue.open();
    dialogue.at(1, AUTH);
    expect(dialogue.at(1, request)).toEqual(['in progress 4097:', `make ${key}`]);
    expect(dialogue.at(90, { kind: 'key-made', publicKey: hex('3000') })).toEqual(['key response 4097: 9']);
    expect(dialogue.at(91, storeRequest(LSC))).toEqual([`store ${toHex(LSC)}`]);
    expect(dialogue.at(91, { kind: 'stored', ok: true })).toEqual(['store response 4097: reason 1, 1']);
    expect(dialogue.at(91, end(REASONS.ok))).toEqual(['close', 'installed: done (pub)']);
  });

  it('a certificate for another key is refused, and nothing is installed', () => {
    const dialogue = Dialogue.open();
    dialogue.at(1, AUTH, keyRequest(2048), { kind: 'key-made', publicKey: hex('3000') }, storeRequest(LSC));
    expect(dialogue.at(1, { kind: 'stored', ok: false })).toEqual(['store response 4097: reason 7, 1']);
    expect(dialogue.at(1, end(REASONS.ok))).toEqual(['close', 'failed: certificate-refused (pub)']);
  });

  it.each([
    ['a size that there is not', keyRequest(777)],
    ['a curve that there is not', curveRequest(9)],
  ])('%s is declined', (_what, request) => {
    const dialogue = Dialogue.open();
    expect(dialogue.at(1, AUTH, request).at(-1)).toBe('key response 4097: reason 7, 1');
    expect(dialogue.at(1, end(REASONS.declined))).toEqual(['close', 'failed: key-kind (pub)']);
  });

  it('fetch, with and without an LSC', () => {
    const dialogue = Dialogue.open(NULL_STRING, LSC);
    expect(dialogue.at(1, AUTH, FETCH).at(-1)).toBe('fetch response 4097: reason 1, 1 4');
    expect(dialogue.at(1, end(REASONS.none))).toEqual(['close', 'fetched: done (pub)']);
    const without = Dialogue.open();
    expect(without.at(1, AUTH, FETCH).at(-1)).toBe('fetch response 4097: reason 7, 1');
    expect(without.at(1, end(REASONS.none))).toEqual(['close', 'none: nothing-pending (pub)']);
  });

  it('delete', () => {
    const dialogue = Dialogue.open(NULL_STRING, LSC);
    expect(dialogue.at(1, AUTH, DELETE)).toEqual([WHO, 'delete', 'delete response 4097: reason 1, 1']);
    expect(dialogue.at(1, end(REASONS.ok))).toEqual(['close', 'deleted: done (pub)']);
  });

  it.each([
    [REASONS.declined, 'declined: declined (pub)'],
    [REASONS.unknownDevice, 'declined: unknown-device (pub)'],
    [42, 'declined: reason-42 (pub)'],
  ])('refused with reason %d', (code, said) => {
    const dialogue = Dialogue.open();
    dialogue.at(1, AUTH);
    expect(dialogue.at(1, end(code))).toEqual(['close', said]);
  });

  it('later, in the time that the server says or in ours', () => {
    const said = { tag: TAGS.retryDelay, value: Uint8Array.of(0, 120) };
    const later = (...elements: wire.Element[]) => wire.encode(COMMANDS.retryLater, SESSION, elements);
    expect(Dialogue.open().at(1, AUTH, later(said)).at(-1)).toBe('later: retry-later (pub) in 120 s');
    expect(Dialogue.open().at(1, AUTH, later()).at(-1)).toBe('later: retry-later (pub) in 60 s');
  });

  it('shows the string that was typed', () => {
    const dialogue = Dialogue.open({ kind: 'string', text: '7351928460' });
    const written: Uint8Array[] = [];
    dialogue.client.process(SECOND, { kind: 'data', octets: AUTH });
    dialogue.client.dispatch(SECOND, (out) => out.kind === 'write' && written.push(out.octets));
    expect(Buffer.from(written[0]!).includes('7351928460\0')).toBe(true);
  });

  it('proves a certificate, and the MIC besides where there is one', () => {
    const credential = { kind: 'certificate', slot: 'lsc', certificate: LSC } as const;
    const dialogue = Dialogue.open({ ...credential, sudi: hex('3000') });
    expect(dialogue.at(1, AUTH)).toEqual(['sign lsc sha1, lsc sha512, mic sha1, mic sha512']);
    const signatures = [1, 2, 3, 4].map((octet) => Uint8Array.of(octet));
    expect(dialogue.at(2, { kind: 'signed', signatures })).toEqual([
      `authentication response 4097: ${NAME}, reason 1, 1 4 6 7 11 13 16 20`,
    ]);
    const alone = Dialogue.open({ ...credential, sudi: null });
    expect(alone.at(1, AUTH)).toEqual(['sign lsc sha1, lsc sha512']);
    expect(alone.at(2, { kind: 'signed', signatures: signatures.slice(0, 2) })).toEqual([
      `authentication response 4097: ${NAME}, reason 1, 1 4 6 7 11 13 20`,
    ]);
    const unable = Dialogue.open({ ...credential, sudi: null });
    expect(unable.at(1, AUTH, { kind: 'signed', signatures: null }).slice(1)).toEqual([
      'close',
      'failed: signature (pub)',
    ]);
  });
});

describe('trouble', () => {
  it('"three times in 30-second intervals", each over all servers', () => {
    const dialogue = new Dialogue();
    const start = { kind: 'start', servers: SERVERS, credential: NULL_STRING, lsc: null } as const;
    const gone = { kind: 'gone', why: 'refused' } as const;
    expect(dialogue.at(0, start)).toEqual(['connect pub']);
    expect(dialogue.at(1, gone)).toEqual(['connect sub']);
    expect(dialogue.at(2, gone)).toEqual([]);
    expect(dialogue.client.pollAt()).toBe(32 * SECOND);
    expect(dialogue.at(31)).toEqual([]);
    dialogue.client.process(32 * SECOND, { kind: 'connected' });
    expect(dialogue.at(32, gone)).toEqual(['connect pub']);
    expect(dialogue.at(32, gone, gone)).toEqual(['connect sub']);
    expect(dialogue.at(62)).toEqual(['connect pub']);
    expect(dialogue.at(62, gone, gone)).toEqual(['connect sub', 'close', 'failed: refused (sub)']);
  });

  it.each<[string, (CapfIn | Uint8Array)[], number]>([
    ['the connection', [], 30],
    ['the first word', [{ kind: 'connected' }], 31],
    ['what is to be done', [{ kind: 'connected' }, AUTH], 31],
    ['the key', [{ kind: 'connected' }, AUTH, keyRequest(2048)], 301],
    ['the certificate', [{ kind: 'connected' }, AUTH, keyRequest(2048), { kind: 'key-made', publicKey: LSC }], 31],
    ['the flash', [{ kind: 'connected' }, AUTH, storeRequest(LSC)], 31],
  ])('nobody is waited for without end: %s', (_what, inputs, until) => {
    const dialogue = new Dialogue();
    dialogue.at(0, { kind: 'start', servers: SERVERS, credential: NULL_STRING, lsc: null });
    if (inputs.length > 0) dialogue.at(1, ...inputs);
    expect(dialogue.client.pollAt()).toBe(until * SECOND);
    expect(dialogue.at(until - 1)).toEqual([]);
    expect(dialogue.at(until)).toEqual(['close', 'connect sub']);
  });

  it('what has been installed stays so when the server then vanishes', () => {
    const dialogue = Dialogue.open();
    dialogue.at(1, AUTH, keyRequest(2048), { kind: 'key-made', publicKey: LSC }, storeRequest(LSC));
    dialogue.at(1, { kind: 'stored', ok: true });
    expect(dialogue.at(2, { kind: 'gone', why: 'reset' })).toEqual(['close', 'installed: reset (pub)']);
  });

  it.each([
    ['octets that are no message', hex('00'.repeat(16))],
    ['another number in the middle', wire.encode(COMMANDS.fetchRequest, 7, [])],
  ])('%s end the session', (_what, octets) => {
    const dialogue = Dialogue.open(NULL_STRING, null, SERVERS);
    dialogue.at(1, AUTH);
    expect(dialogue.at(1, octets)).toEqual(['close', 'connect sub']);
  });

  it('a command that nobody has described ends it', () => {
    expect(
      Dialogue.open()
        .at(1, AUTH, wire.encode(COMMANDS.abortRequest, SESSION, []))
        .at(-1),
    ).toBe('failed: unexpected-command (pub)');
  });

  it('a server that orders without end is left', () => {
    const dialogue = Dialogue.open();
    const said = dialogue.at(1, ...Array.from({ length: 17 }, () => FETCH));
    expect(said.filter((line) => line.startsWith('fetch'))).toHaveLength(16);
    expect(dialogue.at(31)).toEqual(['connect pub']);
  });

  it('stop is silence', () => {
    const dialogue = Dialogue.open();
    dialogue.client.process(SECOND, { kind: 'data', octets: AUTH });
    expect(dialogue.at(1, { kind: 'stop' })).toEqual([]);
    expect(dialogue.client.pollAt()).toBe(NEVER);
    expect(dialogue.at(2, AUTH, { kind: 'gone', why: 'closed' })).toEqual([]);
  });

  it('messages come in any pieces', () => {
    const all = Buffer.concat([AUTH, FETCH, end(REASONS.none)]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: all.length - 1 })), (cuts) => {
        const dialogue = Dialogue.open(NULL_STRING, LSC);
        const places = [0, ...[...new Set(cuts)].sort((a, b) => a - b), all.length];
        const pieces = places.slice(1).map((to, index) => new Uint8Array(all.subarray(places[index], to)));
        expect(dialogue.at(1, ...pieces)).toEqual([
          WHO,
          'fetch response 4097: reason 1, 1 4',
          'close',
          'fetched: done (pub)',
        ]);
      }),
      { numRuns: fuzzRuns(0.1) },
    );
  });

  it('any octets from a server leave a machine that comes to an end', () => {
    const message = fc
      .tuple(
        fc.integer({ min: 0, max: 24 }),
        fc.array(fc.record({ tag: fc.integer({ min: 0, max: 21 }), value: fc.uint8Array({ maxLength: 20 }) }), {
          maxLength: 5,
        }),
      )
      .map(([command, elements]) => wire.encode(command, SESSION, elements));
    fc.assert(
      fc.property(fc.array(fc.oneof(message, fc.uint8Array({ maxLength: 30 })), { maxLength: 20 }), (inputs) => {
        const dialogue = Dialogue.open();
        dialogue.at(1, ...inputs);
        let now = 1;
        for (let round = 0; round < 50 && !dialogue.client.idle; round++) {
          now = Math.max(now, dialogue.client.pollAt() / SECOND);
          dialogue.at(now);
        }
        expect(dialogue.client.idle).toBe(true);
      }),
      { numRuns: fuzzRuns(0.5) },
    );
  });
});

interface Transcript {
  readonly title: string;
  readonly client: {
    readonly device_name: string;
    readonly password: string | null;
    readonly certificate: string | null;
  };
  readonly messages: readonly { readonly from: 'server' | 'client'; readonly hex: string }[];
}

const vectors = sharedVector('security/protocol/capf.json');
const sessions: readonly Transcript[] =
  vectors === null ? [] : (JSON.parse(Buffer.from(vectors).toString()) as { sessions: Transcript[] }).sessions;
const pem = (name: string): string => Buffer.from(sharedVector(`security/keys/${name}`)!).toString();
const certificate = (name: string): Uint8Array => new Uint8Array(new X509Certificate(pem(`${name}.crt.pem`)).raw);

/** Plays the server's part of a transcript and returns what the client wrote. */
function replayed({ title, client: is, messages }: Transcript): string[] {
  const keys: Record<string, KeyObject> = {};
  let credential: CapfCredential = { kind: 'string', text: is.password ?? '' };
  if (is.certificate !== null) {
    const mic = is.certificate === 'phone-lsc' ? 'phone-mic' : is.certificate;
    keys.lsc = createPrivateKey(pem(`${is.certificate}.key.pem`));
    keys.mic = createPrivateKey(pem(`${mic}.key.pem`));
    // The client of the transcripts calls whatever certificate it shows an LSC.
    credential = {
      kind: 'certificate',
      slot: 'lsc',
      certificate: certificate(is.certificate),
      sudi: certificate(mic),
    };
  }
  const written: string[] = [];
  const client = new CapfClient(is.device_name, tunableValues());
  const publicKeys = messages
    .map((message) => wire.parse(hex(message.hex)) as wire.Message)
    .flatMap((message) => wire.elementOf(message, TAGS.publicKey) ?? []);
  const process = (input: CapfIn): void => {
    client.process(0, input);
    client.dispatch(0, obey);
  };
  const obey = (out: CapfOut): void => {
    if (out.kind === 'write') written.push(toHex(out.octets));
    else if (out.kind === 'sign') process({ kind: 'signed', signatures: out.jobs.map((job) => signed(keys, job)) });
    else if (out.kind === 'make-key') process({ kind: 'key-made', publicKey: publicKeys[0]! });
    else if (out.kind === 'store') process({ kind: 'stored', ok: true });
  };
  const lsc = title === 'fetch (troubleshoot)' ? certificate('phone-lsc') : null;
  process({ kind: 'start', servers: SERVERS, credential, lsc });
  process({ kind: 'connected' });
  for (const message of messages) if (message.from === 'server') process({ kind: 'data', octets: hex(message.hex) });
  expect(client.idle).toBe(true);
  return written;
}

function signed(keys: Record<string, KeyObject>, { slot, digest, message }: SigningJob): Uint8Array {
  let made = new Uint8Array(0);
  signBare(keys[slot]!, digest, message, (error, signature) => {
    if (error !== null) throw error;
    made = new Uint8Array(signature);
  });
  return made;
}

describe.skipIf(sessions.length === 0)('the transcripts of a server with another client, octet for octet', () => {
  it.each(sessions.map((session) => [session.title, session] as const))('%s', (_title, session) => {
    const said = session.messages.filter(({ from }) => from === 'client').map(({ hex: octets }) => octets);
    expect(replayed(session)).toEqual(said);
  });
});
