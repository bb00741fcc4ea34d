import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { judgeEncryptedFile, judgeSignedFile } from '../firmware/phone/trust/judge-file.ts';
import { judgePeer } from '../firmware/phone/trust/judge-peer.ts';
import { TrustStore } from '../firmware/phone/trust/trust-store.ts';
import { HostSecureElement } from '../hal/host/secure-element.ts';
import { VirtualTimeline } from '../hal/virtual/timeline.ts';
import { selfSigned } from '../lab/pki/lab-pki.ts';
import { certificateIn } from '../lab/pki/pki-folder.ts';
import { FLASH_MAP } from '../storage/flash-map.ts';
import { RecordStore } from '../storage/record-store.ts';
import { blankFlash } from '../test/support/flash-bench.ts';
import { inspect } from './inspect.ts';
import { main } from './main.ts';

const FILE = 'SEP02005EC0FFEE.cnf.xml';
const TEXT = '<device/>';
const PHONE = selfSigned({ commonName: 'CP-7975G-SEP02005EC0FFEE', keyKind: 'rsa-1024', now: Date.now() / 1_000 });

const secure = new HostSecureElement({ timeline: new VirtualTimeline(), bootKeys: [], complete: () => undefined });
secure.installKey('mic', PHONE.privateKey, PHONE.certificate);

let home: string;
let folder: string;

const pki = (...args: string[]): Promise<number> => main(['lab', 'pki', ...args, '--quiet']);
const written = (name: string): Uint8Array => new Uint8Array(readFileSync(join(home, name)));

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'sepia-pki-'));
  folder = join(home, 'cluster');
  writeFileSync(join(home, FILE), TEXT);
  writeFileSync(join(home, 'phone.der'), PHONE.certificate);
  expect(await pki('create', folder, '--node', 'cucm1.lab.example,192.0.2.10', '--node', '192.0.2.11')).toBe(0);
});

afterAll(() => rmSync(home, { recursive: true }));

/** A phone's trust lists, in flash. */
function phoneLists(): TrustStore {
  return new TrustStore(RecordStore.open(blankFlash(), FLASH_MAP.trust), secure, 'accepted');
}

describe('sepia lab pki', () => {
  it('keeps keys for their owner, and never writes over them', async () => {
    expect(statSync(join(folder, 'call-manager.key')).mode & 0o777).toBe(0o600);
    const before = readFileSync(join(folder, 'call-manager.key'));
    const error = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await pki('create', folder, '--node', '192.0.2.10')).toBe(2);
    expect(error.mock.calls.join()).toContain('it has a PKI already');
    error.mockRestore();
    expect(readFileSync(join(folder, 'call-manager.key'))).toEqual(before);
  });

  it('writes lists, signed and encrypted files that a phone takes', async () => {
    const out = ['--out', home, '--force'];
    expect(await pki('lists', folder, ...out, '--device', 'SEP02005EC0FFEE', '--digest', 'sha512')).toBe(0);
    expect(await pki('sign', folder, join(home, FILE), ...out)).toBe(0);
    expect(await pki('encrypt', folder, join(home, FILE), '--for', join(home, 'phone.der'), ...out)).toBe(0);
    const phone = phoneLists();
    expect(phone.arrived('ctl', written('CTLSEP02005EC0FFEE.tlv'))).toMatchObject({ outcome: 'installed' });
    expect(phone.arrived('itl', written('ITLFile.tlv'))).toMatchObject({ outcome: 'installed', onTrust: false });
    const signed = judgeSignedFile(`${FILE}.sgn`, written(`${FILE}.sgn`), phone.context());
    expect(signed).toMatchObject({ outcome: 'verified', payload: new TextEncoder().encode(TEXT) });
    const name = `${FILE}.enc.sgn`;
    const encrypted = judgeEncryptedFile(name, written(name), phone.context(), 'mic');
    expect(encrypted).toMatchObject({ outcome: 'verified', payload: new TextEncoder().encode(TEXT) });
  });

  it('encrypts with a key that is typed on the phone, which inspect opens with the same digits', async () => {
    const out = ['--out', home, '--force'];
    const digits = '00112233445566778899aAbBcCdDeEfF';
    expect(await pki('encrypt', folder, join(home, FILE), '--key', digits, ...out)).toBe(0);
    const name = `${FILE}.enc.sgn`;
    await pki('lists', folder, ...out);
    const itl = join(home, 'ITLFile.tlv');
    const shown = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const inspected = (key: string) => inspect([join(home, name)], { json: true, quiet: true, itl, key });
    expect(inspected(digits)).toBe(0);
    expect(shown.mock.calls.join()).toContain(createHash('sha256').update(TEXT).digest('hex'));
    expect(inspected('ff'.repeat(16))).toBe(1);
    shown.mockRestore();
    const error = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(await pki('encrypt', folder, join(home, FILE), '--key', 'beef', ...out)).toBe(2);
    expect(await pki('encrypt', folder, join(home, FILE), ...out)).toBe(2);
    expect(error.mock.calls.join()).toMatch(/32 hexadecimal digits.*either --for or --key/s);
    error.mockRestore();
  });

  it('writes lists with digests in the place of certificates, which name the same servers', async () => {
    const out = ['--out', home, '--force'];
    await pki('lists', folder, ...out);
    const whole = written('ITLFile.tlv');
    await pki('lists', folder, ...out, '--hashed');
    const hashed = written('ITLFile.tlv');
    expect(hashed.length).toBeLessThan(whole.length / 2);
    const phone = phoneLists();
    expect(phone.arrived('itl', hashed)).toMatchObject({ outcome: 'installed' });
    expect(phone.offersHttps()).toBe(true);
    await pki('sign', folder, join(home, FILE), ...out);
    expect(judgeSignedFile(`${FILE}.sgn`, written(`${FILE}.sgn`), phone.context()).outcome).toBe('verified');
    const shown = certificateIn(written('cluster/call-manager.pem'), 'call-manager.pem');
    expect(judgePeer(shown, 'CCM', phone.installed(), secure)).toEqual({ outcome: 'listed' });
  });

  it('rolls the call manager over: the phone takes the new list, then the new signatures, and the rollback list', async () => {
    const out = ['--out', home, '--force'];
    await pki('lists', folder, ...out);
    const phone = phoneLists();
    phone.arrived('itl', written('ITLFile.tlv'));
    expect(await pki('roll-over', folder, 'call-manager')).toBe(0);
    await pki('sign', folder, join(home, FILE), ...out);
    const judged = () => judgeSignedFile(`${FILE}.sgn`, written(`${FILE}.sgn`), phone.context()).outcome;
    expect(judged()).toBe('ask-tvs');
    await pki('lists', folder, ...out);
    expect(phone.arrived('itl', written('ITLFile.tlv'))).toMatchObject({ outcome: 'updated' });
    expect(judged()).toBe('verified');
    await pki('lists', folder, ...out, '--state', 'rollback');
    expect(phone.arrived('itl', written('ITLFile.tlv'))).toMatchObject({ outcome: 'cleared' });
    expect(phone.expectsSignedFiles()).toBe(false);
  });
});
