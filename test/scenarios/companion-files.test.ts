import { describe, expect, it } from 'vitest';
import { TestWorld, type TestWorldOptions } from '../support/test-world.ts';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);

const RINGS = text(
  '<CiscoIPPhoneRingList><Ring><DisplayName>Analog</DisplayName><FileName>Analog1.raw</FileName></Ring></CiscoIPPhoneRingList>',
);

/** A phone whose configuration has `changes` made to its text, on a server with these files besides. */
function world(
  files: Readonly<Record<string, Uint8Array>>,
  changes: readonly (readonly [from: RegExp, to: string])[] = [],
  options: TestWorldOptions = {},
): TestWorld {
  const made: TestWorld = new TestWorld({
    ...options,
    lab: {
      ...options.lab,
      files: ({ name }) => {
        const own = made.lab.configurationFiles.read(name);
        if (own === null || !name.startsWith('SEP')) return files[name] ?? null;
        return text(changes.reduce((file, [from, to]) => file.replace(from, to), new TextDecoder().decode(own)));
      },
    },
  });
  return made;
}

function boot(made: TestWorld): TestWorld {
  made.powerOn(0);
  made.runUntil('registration.accepted', 300);
  return made;
}

const kept = (made: TestWorld) => made.all('file.kept').map(({ name, outcome }) => `${name}: ${outcome}`);

const LOCALES = [
  [/<networkLocale>[^<]*</, '<networkLocale>Germany<'],
  [/(<userLocale>\s*<name>)[^<]*/, '$1German_Germany'],
] as const;

describe('the locale that a configuration names', () => {
  it('is fetched before the phone registers, checked and kept', () => {
    const made = boot(
      world({ 'Germany/g3-tones.xml': text('<tones/>'), 'German_Germany/mk-sccp.jar': text('PK dictionary') }, LOCALES),
    );
    expect(kept(made)).toEqual(['Germany/g3-tones.xml: kept', 'German_Germany/mk-sccp.jar: kept']);
    const types = made.events.map(({ type }) => type);
    expect(types.lastIndexOf('file.kept')).toBeLessThan(types.indexOf('registration.accepted'));
  });

  it('is not written again when it is the same at the next start', () => {
    const made = boot(world({ 'Germany/g3-tones.xml': text('<tones/>') }, LOCALES.slice(0, 1)));
    made.events.length = 0;
    made.phone.reset('keypad');
    made.runUntil('registration.accepted', 300);
    expect(kept(made)).toEqual(['Germany/g3-tones.xml: unchanged']);
  });

  it.each([
    ['missing', {}],
    ['none', { 'Germany/g3-tones.xml': text('not XML'), 'German_Germany/mk-sccp.jar': text('no archive') }],
  ])('is %s: the status menu says so, and the phone registers all the same', (_what, files) => {
    const made = boot(world(files, LOCALES));
    expect(made.statuses().filter((message) => message === 'Error update locale')).toHaveLength(2);
  });

  it('of the load itself needs no file', () => {
    expect(kept(boot(world({})))).toEqual([]);
  });
});

describe('soft keys and dial plan of a SIP phone', () => {
  const SIP: TestWorldOptions = { model: '8861', protocol: 'sip' };
  const NAMED = [
    [/<softKeyFile>[^<]*<\/softKeyFile>/g, ''],
    [/<dialTemplate>[^<]*<\/dialTemplate>/g, ''],
    [/<\/sipProfile>/, '<softKeyFile>SK1.xml</softKeyFile><dialTemplate>DR1.xml</dialTemplate></sipProfile>'],
  ] as const;
  const FILES = {
    'AppDialRules.xml': text('<DialRules/>'),
    'SK1.xml': text('<softKeyCfg/>'),
    'DR1.xml': text('<DIALTEMPLATE/>'),
  };

  it('are fetched after the configuration, checked and kept', () => {
    expect(kept(boot(world(FILES, NAMED, SIP)))).toEqual(['AppDialRules.xml: kept', 'SK1.xml: kept', 'DR1.xml: kept']);
  });

  it('that are something else are not taken, and the phone registers all the same', () => {
    const other = { ...FILES, 'AppDialRules.xml': text('<html/>'), 'DR1.xml': text('') };
    expect(kept(boot(world(other, NAMED, SIP)))).toEqual([
      'AppDialRules.xml: rejected',
      'SK1.xml: kept',
      'DR1.xml: rejected',
    ]);
  });
});

describe('the order of files at a start', () => {
  it.each([
    ['7960', 'sccp', ['CTL%.tlv', '%.cnf.xml']],
    [
      '7975',
      'sccp',
      ['CTL%.tlv', 'ITL%.tlv', 'ITLFile.tlv', '%.cnf.xml', 'Germany/g3-tones.xml', 'German_Germany/mk-sccp.jar'],
    ],
    [
      '8861',
      'sip',
      [
        'CTL%.tlv',
        'ITL%.tlv',
        'ITLFile.tlv',
        '%.cnf.xml',
        'AppDialRules.xml',
        'Germany/g3-tones.xml',
        'German_Germany/mk-sip.jar',
      ],
    ],
  ] as const)('of a %s by %s', (model, protocol, order) => {
    const made = boot(world({}, LOCALES, { model, protocol }));
    const device = made.phone.board.deviceName;
    const names = made.all('file.request').map(({ name }) => name);
    // What is asked for by HTTP and then by TFTP counts once.
    const once = names.filter((name, at) => name !== names[at - 1]);
    expect(once).toEqual(order.map((name) => name.replace('%', device)));
  });
});

describe('ring lists and backgrounds, by a load that fetches them at every start', () => {
  const AT_START: TestWorldOptions = { tunables: { 'files.ringLists': 'at-start' } };
  const requested = (made: TestWorld) => made.all('file.request').map(({ name }) => name);

  it('are asked for in the spelling of the model first, then in the other', () => {
    const made = boot(world({ 'RingList.xml': RINGS }, [], AT_START));
    const names = requested(made);
    expect(names.slice(names.indexOf('Ringlist.xml'))).toEqual([
      'Ringlist.xml',
      'RingList.xml',
      'DistinctiveRingList.xml',
      'DistinctiveRinglist.xml',
      'Desktops/320x216x16/List.xml',
    ]);
    expect(kept(made)[0]).toBe('RingList.xml: kept');
  });

  it('of the 78xx and 88xx include the wideband one', () => {
    const names = requested(boot(world({}, [], { ...AT_START, model: '8861', protocol: 'sip' })));
    const once = names.filter((name, at) => name !== names[at - 1]);
    expect(once.filter((name) => /ringlist/i.test(name))).toEqual([
      'Ringlist-wb.xml',
      'RingList-wb.xml',
      'Ringlist.xml',
      'RingList.xml',
      'DistinctiveRingList.xml',
      'DistinctiveRinglist.xml',
    ]);
  });

  it('bring the ring that the user has chosen, when it is one that a phone can play', () => {
    const chosen: TestWorldOptions = { ...AT_START, settings: { ringTone: 'Analog' } };
    const ring = (samples: number) =>
      boot(world({ 'Ringlist.xml': RINGS, 'Analog1.raw': new Uint8Array(samples) }, [], chosen));
    expect(kept(ring(480)).slice(0, 2)).toEqual(['Ringlist.xml: kept', 'Analog1.raw: kept']);
    expect(ring(500).all('file.kept')).toContainEqual({
      name: 'Analog1.raw',
      kind: 'ring',
      outcome: 'rejected',
      reason: '500 samples, no multiple of 240',
    });
  });

  it('that are too large for the flash are used and let go', () => {
    const large = text(`<CiscoIPPhoneImageList>${' '.repeat(70_000)}</CiscoIPPhoneImageList>`);
    const made = boot(world({ 'Desktops/320x216x16/List.xml': large }, [], AT_START));
    expect(kept(made).at(-1)).toBe('Desktops/320x216x16/List.xml: not-kept');
  });

  it('of a server that falls silent keep nobody from registering', () => {
    const made = world({}, LOCALES, AT_START);
    made.powerOn(0);
    made.runUntil('config.applied');
    made.lab.tftp[0]!.stop();
    const from = made.timeline.now();
    made.runUntil('registration.accepted', 60);
    expect((made.timeline.now() - from) / 1e6).toBeLessThan(20);
    expect(kept(made)).toEqual(['Germany/g3-tones.xml: absent']);
  });
});
