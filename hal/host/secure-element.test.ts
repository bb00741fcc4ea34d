import {
  constants,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  publicDecrypt,
  sign,
  verify,
} from 'node:crypto';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { CompletionResult, KeyKind, Operation } from '../secure.ts';
import { VirtualTimeline } from '../virtual/timeline.ts';
import { writeCertificate } from './certificate-writer.ts';
import { driveVirtual } from './drive.ts';
import { HostSecureElement } from './secure-element.ts';
import { HostTimeline } from './timeline.ts';

type Completion = [name: string, operation: Operation, result: CompletionResult];

function element(timeline: VirtualTimeline | HostTimeline, completions: Completion[], name = ''): HostSecureElement {
  return new HostSecureElement({
    timeline,
    bootKeys: [],
    complete: (operation, result) => completions.push([name, operation, result]),
  });
}

function spki(key: { publicKey: { export(options: { type: 'spki'; format: 'der' }): Buffer } }): Uint8Array {
  return new Uint8Array(key.publicKey.export({ type: 'spki', format: 'der' }));
}

describe('HostSecureElement, immediate calls', () => {
  const secure = element(new VirtualTimeline(), []);

  it('hashes, and gives plain octets', () => {
    const octets = Uint8Array.of(97, 98, 99);
    // RFC 1321 A.5, FIPS 180-4 examples.
    expect(Buffer.from(secure.hash('md5', octets)).toString('hex')).toBe('900150983cd24fb0d6963f7d28e17f72');
    expect(Buffer.from(secure.hash('sha1', octets)).toString('hex')).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
    expect(secure.hash('sha512', octets).length).toBe(64);
    expect(Buffer.isBuffer(secure.hash('sha256', octets))).toBe(false);
  });

  it('takes octets of another realm', () => {
    const foreign = runInContext('Uint8Array.of(97, 98, 99)', createContext({})) as Uint8Array;
    expect(foreign instanceof Uint8Array).toBe(false);
    expect(secure.hash('sha256', foreign)).toEqual(secure.hash('sha256', Uint8Array.of(97, 98, 99)));
  });

  it('verifies Ed25519 and ECDSA P-256, and answers false to everything else', () => {
    const digest = createHash('sha256').update('image').digest();
    const ed25519 = generateKeyPairSync('ed25519');
    const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const edSignature = sign(null, digest, ed25519.privateKey);
    const ecSignature = sign('sha256', digest, p256.privateKey);
    for (let round = 0; round < 2; round++) {
      // The second round is answered from memory.
      expect(secure.verify('ed25519', spki(ed25519), digest, edSignature)).toBe(true);
      expect(secure.verify('ecdsa-p256-sha256', spki(p256), digest, ecSignature)).toBe(true);
      expect(secure.verify('ed25519', spki(p256), digest, ecSignature)).toBe(false);
      expect(secure.verify('ecdsa-p256-sha256', spki(ed25519), digest, edSignature)).toBe(false);
      expect(secure.verify('ecdsa-p256-sha256', spki(p384), digest, sign('sha256', digest, p384.privateKey))).toBe(
        false,
      );
      expect(
        secure.verify(
          'ed25519',
          spki(ed25519),
          digest.map((octet) => octet ^ 1),
          edSignature,
        ),
      ).toBe(false);
      expect(secure.verify('ed25519', spki(ed25519), digest, edSignature.subarray(1))).toBe(false);
      expect(secure.verify('ed25519', Uint8Array.of(1, 2, 3), digest, edSignature)).toBe(false);
      expect(secure.verify('ed25519', new Uint8Array(0), digest, new Uint8Array(0))).toBe(false);
    }
    const long = new Uint8Array(5_000).fill(3);
    expect(secure.verify('ed25519', spki(ed25519), long, sign(null, long, ed25519.privateKey))).toBe(true);
  });
});

describe('HostSecureElement, started operations', () => {
  it('hold virtual time, and complete in their order at the instant of their start, over all elements', async () => {
    const timeline = new VirtualTimeline();
    const completions: Completion[] = [];
    const names = ['a', 'b', 'c'];
    const elements = names.map((name) => element(timeline, completions, name));
    const start = timeline.createAlarm(() => {
      // The slow one first, so that its threads finish last.
      expect(elements[0]!.generateKey('rsa-2048')).toBe(1);
      expect(elements[1]!.generateKey('ec-p256')).toBe(1);
      expect(elements[0]!.generateKey('ec-p256')).toBe(2);
      expect(elements[2]!.sign('mic', 'sha256', Uint8Array.of(1))).toBe(1);
    });
    start.arm(1_000);
    const later = timeline.createAlarm(() => completions.push(['later', 0, { ok: false, reason: '' }]));
    later.arm(1_001);
    const outcome = await driveVirtual(timeline, { until: () => completions.length === 5 });
    expect(outcome).toBe('reached');
    expect(timeline.now()).toBe(1_001);
    expect(completions.map(([name, operation]) => `${name}${operation}`)).toEqual(['a1', 'b1', 'a2', 'c1', 'later0']);
    expect(completions[3]![2]).toEqual({ ok: false, reason: 'there is no key in slot mic' });
  });

  it('signs with an installed key', async () => {
    const timeline = new VirtualTimeline();
    const completions: Completion[] = [];
    const secure = element(timeline, completions);
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    secure.installKey('mic', pair.privateKey.export({ type: 'pkcs8', format: 'der' }));
    secure.sign('mic', 'sha256', Uint8Array.of(9));
    await driveVirtual(timeline, { until: () => completions.length === 1 });
    const result = completions[0]![2];
    expect(result.ok && verify('sha256', Uint8Array.of(9), pair.publicKey, result.octets)).toBe(true);
  });

  it('complete on the host timeline too, though it does not stand still', async () => {
    const timeline = new HostTimeline();
    const completions: Completion[] = [];
    await new Promise<void>((resolve) => {
      const secure = new HostSecureElement({
        timeline,
        bootKeys: [],
        complete: (operation, result) => {
          completions.push(['', operation, result]);
          if (operation === 3) resolve();
        },
      });
      secure.generateKey('rsa-2048');
      secure.generateKey('ec-p256');
      secure.sign('mic', 'sha256', Uint8Array.of(1));
    });
    timeline.close();
    expect(completions.map(([, operation]) => operation)).toEqual([1, 2, 3]);
  });

  it('never complete after a reset, and leave no key behind, but give the hold back', async () => {
    const timeline = new VirtualTimeline();
    const completions: Completion[] = [];
    const secure = element(timeline, completions);
    secure.generateKey('ec-p256');
    secure.reset();
    expect(timeline.held).toBe(true);
    expect(await driveVirtual(timeline, { until: () => false })).toBe('idle');
    expect([timeline.held, completions]).toEqual([false, []]);
    expect(secure.sign('mic', 'sha256', Uint8Array.of(1))).toBe(1);
    await driveVirtual(timeline, { until: () => completions.length === 1 });
    expect(completions[0]![2].ok).toBe(false);
  });
});

/** Self-signed by somebody: the element looks at the key alone. */
function certificateOf(publicKey: KeyObject): Uint8Array {
  const issuer = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const name = [['CN', 'SEP0011AABBCC01']] as const;
  const plan = { subject: name, issuer: name, serial: Uint8Array.of(1), notBefore: 0, notAfter: 1e9 };
  return writeCertificate({ ...plan, publicKey, isAuthority: false }, issuer, 'sha256');
}

describe('a key that the element has made', () => {
  /** Starts an operation and waits for what comes of it. */
  async function made(
    secret: Uint8Array,
    start: (secure: HostSecureElement) => void,
    prepare: (secure: HostSecureElement) => void = () => undefined,
  ): Promise<{ octets: Uint8Array; sealed: Uint8Array }> {
    const timeline = new VirtualTimeline();
    const completions: Completion[] = [];
    const complete = (operation: Operation, result: CompletionResult) => void completions.push(['', operation, result]);
    const secure = new HostSecureElement({ timeline, bootKeys: [], secret, complete });
    prepare(secure);
    start(secure);
    await driveVirtual(timeline, { until: () => completions.length === 1 });
    const result = completions[0]![2];
    if (!result.ok) throw new Error(result.reason);
    return { octets: result.octets, sealed: result.sealed ?? new Uint8Array(0) };
  }
  const fresh = (secret: Uint8Array) =>
    new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], secret, complete: () => undefined });
  const SECRET = new Uint8Array(32).fill(7);

  it.each(['rsa-1024', 'rsa-2048', 'ec-p256', 'ec-p384', 'ec-p521'] as const)(
    '%s leaves it sealed, and is used with its certificate',
    async (kind) => {
      const { octets, sealed } = await made(SECRET, (secure) => secure.generateKey(kind));
      const publicKey = createPublicKey({ key: Buffer.from(octets), format: 'der', type: 'spki' });
      const certificate = certificateOf(publicKey);
      const message = Uint8Array.of(1, 2, 3);
      const { octets: signature } = await made(
        SECRET,
        (secure) => secure.sign('lsc', 'sha512', message),
        (secure) => expect(secure.loadLsc(sealed, certificate)).toBe(true),
      );
      if (kind.startsWith('ec')) expect(verify('sha512', message, publicKey, signature)).toBe(true);
      else {
        // The bare digest: no DigestInfo before it.
        const block = publicDecrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, signature);
        expect(block).toEqual(createHash('sha512').update(message).digest());
      }
    },
  );

  it('of a kind that there is not is an answer, and holds nobody up', async () => {
    const kind = 'ec-p999' as KeyKind;
    await expect(made(SECRET, (secure) => secure.generateKey(kind))).rejects.toThrow(
      'there are no keys of kind ec-p999',
    );
  });

  it('is nothing to another element, with one flipped bit, or with the certificate of another key', async () => {
    const { octets, sealed } = await made(SECRET, (secure) => secure.generateKey('ec-p256'));
    const certificate = certificateOf(createPublicKey({ key: Buffer.from(octets), format: 'der', type: 'spki' }));
    const secure = fresh(SECRET);
    expect(fresh(new Uint8Array(32).fill(8)).loadLsc(sealed, certificate)).toBe(false);
    for (let at = 0; at < sealed.length; at++) {
      const flipped = sealed.map((value, index) => (index === at ? value ^ 1 : value));
      expect(secure.loadLsc(flipped, certificate)).toBe(false);
    }
    expect(secure.loadLsc(new Uint8Array(0), certificate)).toBe(false);
    expect(secure.loadLsc(sealed, Uint8Array.of(1))).toBe(false);
    const other = certificateOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
    expect(secure.loadLsc(sealed, other)).toBe(false);
    expect(secure.ownCertificate('lsc')).toBeNull();
    expect(secure.loadLsc(sealed, certificate)).toBe(true);
    expect(secure.loadLsc(sealed, other)).toBe(false);
    expect(secure.ownCertificate('lsc')).toEqual(certificate);
    secure.reset();
    expect(secure.ownCertificate('lsc')).toBeNull();
    expect(secure.loadLsc(sealed, certificate)).toBe(true);
    secure.unloadLsc();
    expect(secure.ownCertificate('lsc')).toBeNull();
  });
});
