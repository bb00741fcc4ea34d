import { X509Certificate } from 'node:crypto';
import { ipv4Text } from '../firmware/wire/address.ts';
import type { Server } from './connections.ts';
import type { Sight, Story } from './story.ts';
import { TlsRecords, type TlsSight } from './tls-records.ts';

/** What becomes of a TLS connection, for who cares for what it carries. */
export interface SecureOwner {
  /** The handshake is over. */
  secured(sight: Sight): void;
  /** Stable slug. */
  failed(reason: string, sight: Sight): void;
  /** Application data; `text` is null where it is encrypted. */
  text(text: Uint8Array | null, fromPhone: boolean, sight: Sight): void;
}

/** Alert descriptions that mean something to an operator (RFC 5246 section 7.2, RFC 8446 section 6). */
const ALERTS: Readonly<Record<number, string>> = {
  40: 'handshake failure',
  42: 'bad certificate',
  43: 'unsupported certificate',
  44: 'certificate revoked',
  45: 'certificate expired',
  46: 'certificate unknown',
  48: 'unknown CA',
  49: 'access denied',
  51: 'decrypt error',
  70: 'protocol version',
  71: 'insufficient security',
  80: 'internal error',
  86: 'inappropriate fallback',
  116: 'certificate required',
};
const PROTOCOL_VERSION = 70;

/** The readable part of a TLS connection: who offers what, which certificate is shown, who gives up. */
export class SecureSight {
  readonly #server: Server;
  readonly #role: string;
  readonly #story: Story;
  readonly #owner: SecureOwner;
  readonly #up = new TlsRecords();
  readonly #down = new TlsRecords();
  #version = '';
  #cipher = '';
  #peer: string | null = null;
  #changes = 0;
  #isOver = false;
  #isAnswered = false;

  constructor(server: Server, role: string, story: Story, owner: SecureOwner) {
    this.#server = server;
    this.#role = role;
    this.#story = story;
    this.#owner = owner;
  }

  data(octets: Uint8Array, fromPhone: boolean, sight: Sight): void {
    const records = fromPhone ? this.#up : this.#down;
    records.push(octets, (seen) => this.#take(seen, fromPhone, sight));
  }

  gap(fromPhone: boolean): void {
    (fromPhone ? this.#up : this.#down).gap();
  }

  closed(byPhone: boolean, sight: Sight): void {
    if (!this.#isOver)
      this.#fail(`connection closed by ${byPhone ? 'the phone' : 'the server'}`, 'tls.handshake', sight);
  }

  #take(seen: TlsSight, fromPhone: boolean, sight: Sight): void {
    const from = fromPhone ? 'phone' : 'network';
    switch (seen.kind) {
      case 'client-hello': {
        const name = seen.serverName === null ? '' : ` for ${seen.serverName}`;
        this.#story.message(from, 'TLS ClientHello', `TLS ClientHello up to ${seen.version}${name}`, sight);
        return;
      }
      case 'server-hello':
        this.#isAnswered = true;
        this.#version = seen.version;
        this.#cipher = seen.cipher;
        this.#up.cipher = seen.cipher;
        this.#down.cipher = seen.cipher;
        this.#story.message(from, 'TLS ServerHello', `TLS ServerHello ${seen.version} ${seen.cipher}`, sight);
        return;
      case 'certificate':
        if (!fromPhone) this.#peer = subjectOf(seen.der);
        this.#story.message(from, 'TLS Certificate', `TLS Certificate ${subjectOf(seen.der) ?? 'unreadable'}`, sight);
        return;
      case 'change-cipher-spec':
        if (++this.#changes === 2) this.#complete(sight);
        return;
      case 'alert':
        this.#alert(seen.code, fromPhone, sight);
        return;
      case 'application':
        // TLS 1.3 may do without ChangeCipherSpec.
        if (this.#isAnswered) this.#complete(sight);
        this.#owner.text(seen.text, fromPhone, sight);
        return;
    }
  }

  #complete(sight: Sight): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const fields = { outcome: 'complete', version: this.#version, cipher: this.#cipher, peer: this.#peer } as const;
    this.#story.tell('tls.handshake', { ...this.#common(), ...fields }, sight);
    this.#owner.secured(sight);
  }

  #alert(code: number | null, fromPhone: boolean, sight: Sight): void {
    const what = code === null ? 'encrypted' : (ALERTS[code] ?? String(code));
    this.#story.message(fromPhone ? 'phone' : 'network', 'TLS Alert', `TLS Alert ${what}`, sight);
    // Behind the handshake an alert says good-bye.
    if (this.#isOver || code === 0) return;
    const slug = code === PROTOCOL_VERSION ? 'tls.version' : 'tls.handshake';
    this.#fail(`alert ${what} from ${fromPhone ? 'the phone' : 'the server'}`, slug, sight);
  }

  #fail(reason: string, slug: string, sight: Sight): void {
    this.#isOver = true;
    this.#story.tell('tls.handshake', { ...this.#common(), outcome: 'failed', reason }, sight);
    this.#owner.failed(slug, sight);
  }

  #common() {
    const { address, port } = this.#server;
    // Which own certificate there was to show is seen only where TLS is older than 1.3, and not which of the two it is.
    return { host: ipv4Text(address), port, role: this.#role, own: null } as const;
  }
}

function subjectOf(der: Uint8Array): string | null {
  try {
    return new X509Certificate(der).subject.replaceAll('\n', ', ');
  } catch {
    return null;
  }
}
