import { UsageError } from './usage-error.ts';

/** Options that become settings of the phone, as they are written. */
export interface SettingTexts {
  readonly static?: string;
  readonly tftp?: string;
  readonly vlan?: string;
  readonly capfString?: string;
}

/** Settings by name; whether a value can be is the settings' own business. Throws UsageError for what is not even of the right form. */
export function settingsOf(texts: SettingTexts): Record<string, string> {
  return {
    ...(texts.static === undefined ? {} : staticSettings(texts.static, texts.tftp !== undefined)),
    ...(texts.tftp === undefined ? {} : tftpSettings(texts.tftp)),
    ...(texts.vlan === undefined ? {} : { adminVlan: texts.vlan }),
    ...(texts.capfString === undefined ? {} : { capfString: texts.capfString }),
  };
}

function staticSettings(text: string, hasTftp: boolean): Record<string, string> {
  const found = /^([^/,]+)\/(\d{1,2}),([^/,]+)$/.exec(text);
  const length = Number(found?.[2]);
  if (found === null || length < 1 || length > 30) {
    throw new UsageError(`--static takes ADDRESS/LENGTH,ROUTER such as 10.0.0.5/24,10.0.0.1, not "${text}".`);
  }
  // Without DHCP nothing else could name one.
  if (!hasTftp) throw new UsageError('--static needs --tftp: without DHCP nothing else says which TFTP server to ask.');
  return { dhcp: 'off', address: found[1]!, mask: maskText(length), router: found[3]! };
}

function tftpSettings(text: string): Record<string, string> {
  const [first = '', second, ...more] = text.split(',');
  if (first === '' || second === '' || more.length > 0) {
    throw new UsageError(`--tftp takes one address, or two with a comma, not "${text}".`);
  }
  return { alternateTftp: 'on', tftp1: first, ...(second === undefined ? {} : { tftp2: second }) };
}

function maskText(length: number): string {
  const mask = (0xffff_ffff << (32 - length)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (mask >>> shift) & 0xff).join('.');
}
