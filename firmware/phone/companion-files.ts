/**
 * The files that belong to a configuration: which of them a phone asks for, under which names, and what it takes of the answer. None is needed to
 * register; each that is good is kept in flash.
 */
import type { ModelRow } from '../../hal/board.ts';
import type { PhonePolicy } from './config/phone-policy.ts';
import { parseRingList, ringProblem, rootElement } from './ring-list.ts';

export type CompanionKind =
  | 'dial-rules'
  | 'soft-keys'
  | 'dial-template'
  | 'tones'
  | 'dictionary'
  | 'ring-list'
  | 'distinctive-ring-list'
  | 'ring'
  | 'background-list';

export interface Companion {
  readonly kind: CompanionKind;
  /** Asked for in this order until one is there: servers on Linux tell `Ringlist.xml` from `RingList.xml`. */
  readonly names: readonly string[];
  /** Asked for with `.sgn` by a phone that expects signed files. */
  readonly signed: boolean;
  /** Null, or why it is of no use. */
  readonly problem: (octets: Uint8Array) => string | null;
}

/** Octets; CUCM's lists have a few thousand, a locale's dictionary up to half a million. */
export const MAX_COMPANION = 1_048_576;
/** Octets of one file that is kept, and of all together: the region holds trust lists and the configuration besides. */
export const MAX_KEPT = 65_536;
export const MAX_KEPT_TOTAL = 98_304;

/** @param root the first element, whatever its case; null takes any. */
function xml(kind: CompanionKind, names: readonly string[], root: string | null, signed = false): Companion {
  const problem = (octets: Uint8Array): string | null => {
    const found = rootElement(octets);
    if (found === null) return 'it has no element';
    return root === null || found.toLowerCase() === root.toLowerCase() ? null : `it is a ${found}, no ${root}`;
  };
  return { kind, names, signed, problem };
}

/** A Java archive is a ZIP file: "PK" at its start. */
function archive(kind: CompanionKind, name: string): Companion {
  const problem = (octets: Uint8Array) => (octets[0] === 0x50 && octets[1] === 0x4b ? null : 'it is no archive');
  return { kind, names: [name], signed: false, problem };
}

function ringList(kind: 'ring-list' | 'distinctive-ring-list', names: readonly string[]): Companion {
  const problem = (octets: Uint8Array) => (parseRingList(octets) === null ? 'it is no list of rings' : null);
  return { kind, names, signed: false, problem };
}

/**
 * After the configuration, in the order in which phones were seen to ask (an 8861 with load 12.1; CIPC). Soft keys and dial plan come from the
 * call manager where the phone speaks SCCP.
 */
export function companionsOf(model: ModelRow, protocol: 'sccp' | 'sip', policy: PhonePolicy): readonly Companion[] {
  const companions: Companion[] = [];
  if (protocol === 'sip') {
    if (model.http) companions.push(xml('dial-rules', ['AppDialRules.xml'], 'DialRules'));
    if (policy.softKeyFile !== null) companions.push(xml('soft-keys', [policy.softKeyFile], 'softKeyCfg', true));
    if (policy.dialTemplate !== null)
      companions.push(xml('dial-template', [policy.dialTemplate], 'dialTemplate', true));
  }
  // The first generation has its tones in the load.
  if (!model.itl) return companions;
  if (policy.networkLocale !== null) {
    const generation = model.name.startsWith('99') ? 'g4' : 'g3';
    companions.push(xml('tones', [`${policy.networkLocale}/${generation}-tones.xml`], null));
  }
  // The family's prefix is [?].
  if (policy.userLocale !== null) companions.push(archive('dictionary', `${policy.userLocale}/mk-${protocol}.jar`));
  return companions;
}

/** What a phone asks for when its user looks for a ring or a background, or at every start (`files.ringLists`). */
export function listsOf(model: ModelRow): readonly Companion[] {
  const narrow = ['Ringlist.xml', 'RingList.xml'];
  const wide = model.protocols.includes('sccp') ? [] : ['Ringlist-wb.xml', 'RingList-wb.xml'];
  const lists = [
    ringList('ring-list', [...wide, ...narrow]),
    ringList('distinctive-ring-list', ['DistinctiveRingList.xml', 'DistinctiveRinglist.xml']),
  ];
  const folder = backgroundFolder(model.name);
  if (folder === null) return lists;
  return [...lists, xml('background-list', [`Desktops/${folder}/List.xml`], 'CiscoIPPhoneImageList')];
}

export function ringOf(fileName: string): Companion {
  return { kind: 'ring', names: [fileName], signed: false, problem: (octets) => ringProblem(fileName, octets) };
}

/** Width, height, bits a pixel, as the folder on the server is named. */
const BACKGROUNDS: readonly (readonly [models: RegExp, folder: string])[] = [
  [/^79[46][12]/, '320x196x4'],
  [/^79[46]5/, '320x212x16'],
  [/^797[01]/, '320x212x12'],
  [/^7975/, '320x216x16'],
  [/^88[4-6]/, '800x480x24'],
  [/^(89|99)/, '640x480x24'],
];

function backgroundFolder(name: string): string | null {
  return BACKGROUNDS.find(([models]) => models.test(name))?.[1] ?? null;
}
