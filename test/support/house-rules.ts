/**
 * The walls of the house, as functions over source text, so that a test can show each of them failing. docs/architecture.md says what the
 * rooms are for.
 */

/** A source file: path from the project's root, and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly rule: string;
  readonly path: string;
  readonly what: string;
}

interface Room {
  readonly name: string;
  /** Which paths are in it; the first room that matches has the file. */
  readonly has: RegExp;
  /** Rooms whose files it may import, besides its own. */
  readonly rooms: readonly string[];
  /** Single files of other rooms. */
  readonly files?: readonly string[];
  /** Packages; `node:*` is every module of Node. */
  readonly packages?: readonly string[];
  /** Runs inside a payload or on any host: no Node, no promises, no clock but the HAL's. */
  readonly portable?: true;
  /** Part of a payload or shared by all phones: no state of its own. */
  readonly stateless?: true;
}

const HAL = ['hal', 'hal/virtual', 'hal/host'];
const FIRMWARE = [
  'firmware',
  'firmware/wire',
  'firmware/net',
  'firmware/protocols',
  'firmware/phone',
  'firmware/startup',
];

export const ROOMS: readonly Room[] = [
  { name: 'tests', has: /(^(test|bench)\/|\.test\.ts$|^vitest\.config\.ts$)/, rooms: ['*'], packages: ['*'] },
  { name: 'hal/virtual', has: /^hal\/virtual\//, rooms: ['hal'], portable: true },
  { name: 'hal/host', has: /^hal\/host\//, rooms: ['hal', 'hal/virtual'], packages: ['node:*', 'koffi'] },
  { name: 'hal', has: /^hal\/[^/]+$/, rooms: [], portable: true, stateless: true },
  { name: 'storage', has: /^storage\//, rooms: ['hal'], portable: true, stateless: true },
  { name: 'bootloader', has: /^bootloader\//, rooms: ['hal', 'storage'], portable: true, stateless: true },
  // The types that all of firmware shares.
  { name: 'firmware', has: /^firmware\/(machine|malformed)\.ts$/, rooms: ['hal'], portable: true, stateless: true },
  // Addresses are the HAL's types.
  { name: 'firmware/wire', has: /^firmware\/wire\//, rooms: ['firmware', 'hal'], portable: true, stateless: true },
  {
    name: 'firmware/net',
    has: /^firmware\/net\//,
    rooms: ['firmware', 'firmware/wire', 'hal'],
    portable: true,
    stateless: true,
  },
  {
    name: 'firmware/protocols',
    has: /^firmware\/protocols\//,
    rooms: ['firmware', 'firmware/wire', 'hal'],
    portable: true,
    stateless: true,
  },
  {
    name: 'firmware/phone',
    has: /^firmware\/phone\//,
    rooms: ['firmware', 'firmware/wire', 'storage', 'hal'],
    packages: ['htmlparser2'],
    portable: true,
    stateless: true,
  },
  {
    name: 'firmware/startup',
    has: /^firmware\/(startup\/|kernel\.ts$|main\.ts$)/,
    rooms: [...FIRMWARE, 'storage', 'hal'],
    portable: true,
    stateless: true,
  },
  // A payload of its own, with what it takes from the phone's.
  {
    name: 'payloads',
    has: /^images\/[^/]+\//,
    rooms: [...FIRMWARE, 'storage', 'hal'],
    portable: true,
    stateless: true,
  },
  // The models are data: the manifests name the loads that the table has.
  {
    name: 'images',
    has: /^images\//,
    rooms: ['storage', 'bootloader', ...HAL],
    files: ['device/models.ts', 'device/identity.ts'],
    packages: ['node:*', 'esbuild', '@solana/buffer-layout'],
  },
  { name: 'device', has: /^device\//, rooms: [...HAL, 'bootloader', 'storage'], packages: ['node:*'] },
  {
    name: 'lab',
    has: /^lab\//,
    rooms: ['firmware', 'firmware/wire', 'firmware/net', 'storage', ...HAL],
    packages: ['node:*', '@peculiar/x509'],
  },
  // A station with the phone's own network, looked through from outside.
  { name: 'probe', has: /^probe\//, rooms: [...FIRMWARE, ...HAL], packages: ['node:*'] },
  {
    name: 'fleet',
    has: /^fleet\//,
    rooms: ['device', 'storage', ...HAL],
    files: ['lab/public.ts', 'images/public.ts'],
    packages: ['node:*', 'hdr-histogram-js', 'yaml'],
  },
  // Reads captures of phones with the phone's own eyes: its codecs, its reader of configurations and lists. One reader of REGISTER serves lab and captures.
  {
    name: 'explain',
    has: /^explain\//,
    rooms: ['firmware', 'firmware/wire', 'firmware/phone', 'hal'],
    files: ['firmware/protocols/http-response.ts', 'lab/sip-call-manager/register-request.ts'],
    packages: ['node:*'],
  },
  {
    name: 'cli',
    has: /^(cli|web)\//,
    rooms: ['device', 'storage', 'bootloader', ...HAL],
    files: ['lab/public.ts', 'images/public.ts', 'fleet/public.ts', 'probe/public.ts', 'explain/public.ts'],
    packages: ['node:*', 'commander', 'yaml'],
  },
];

/** `inspect` uses the phone's own code for trust lists. */
const OPEN_TO_CLI = /^firmware\/phone\/trust\//;

/** node:vm makes contexts; one file does. */
const VM_FILE = 'device/cpu.ts';

const LONGEST_FILE = 700;

export function roomOf(path: string): Room | undefined {
  return ROOMS.find((room) => room.has.test(path));
}

/** What a module imports or re-exports from, types included. */
export function importsOf(text: string): string[] {
  const code = withoutComments(text);
  const from = /(?:^|[;}\s])(?:import|export)\s[^'"`;]*?\bfrom\s*(['"])([^'"]+)\1/g;
  const bare = /(?:^|[;}\s])import\s*\(?\s*(['"])([^'"]+)\1/g;
  return [...code.matchAll(from), ...code.matchAll(bare)].map((match) => match[2]!);
}

/** Rule by rule, every place where a file breaks it. */
export function violationsIn(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) =>
    Object.entries(RULES).flatMap(([rule, breaches]) =>
      breaches(source).map((what) => ({ rule, path: source.path, what })),
    ),
  );
}

type Rule = (source: Source) => string[];

const RULES: Readonly<Record<string, Rule>> = {
  'every file is in a room': ({ path }) => (roomOf(path) === undefined ? ['no room has it'] : []),
  'imports follow the table': ({ path, text }) => {
    const room = roomOf(path);
    if (room === undefined) return [];
    return importsOf(text).filter((specifier) => !mayImport(room, path, specifier));
  },
  'node:vm is used in one file': ({ path, text }) =>
    isTest(path) || path === VM_FILE ? [] : importsOf(text).filter((specifier) => /^(node:)?vm$/.test(specifier)),
  'portable rooms use no host, no clock, no chance, no promises': ({ path, text }) =>
    roomOf(path)?.portable === true ? matches(FORBIDDEN_ABOVE_THE_LINE, codeOf(text)) : [],
  'software never asks whether octets are of its own realm': ({ path, text }) =>
    roomOf(path)?.stateless === true
      ? matches(/\binstanceof\s+(?:Uint8Array|ArrayBuffer|Array|Error)\b/g, codeOf(text))
      : [],
  'modules of the payload hold no state': ({ path, text }) =>
    roomOf(path)?.stateless === true ? moduleState(codeOf(text)) : [],
  'no default exports': ({ path, text }) =>
    path.endsWith('.config.ts') ? [] : matches(/\bexport\s+default\b|\bas\s+default\b/g, codeOf(text)),
  'no file is too long': ({ text }) => {
    const lines = text.split('\n').length - 1;
    return lines > LONGEST_FILE ? [`${lines} lines`] : [];
  },
  'names say what is in a file': ({ path }) =>
    matches(
      /(?:^|\/)(?:index|utils?|helpers?|common|misc|shared|(?:(?![\w-]*call-manager)[\w-]*-)?manager)(?:\.test)?\.ts$/g,
      path,
    ),
  'files are kebab-case': ({ path }) =>
    /^(?:[a-z0-9-]+\/)*[a-z0-9-]+(?:\.(?:test|config))?\.ts$/.test(path) ? [] : [path],
  'nothing is left to do': ({ text }) => matches(new RegExp('\\b(?:TO' + 'DO|FIX' + 'ME|XX' + 'X)\\b', 'g'), text),
};

/**
 * Not after a dot (`hal.console`) and not as a name in a type or an object (`console: Console`). `process` is also a verb of every
 * machine, and `console` a part of the HAL, so only their use is meant.
 */
const FORBIDDEN_ABOVE_THE_LINE =
  /(?<![.\w$])(?:(?:Date|Promise|Intl|WeakRef|FinalizationRegistry|SharedArrayBuffer|Atomics|WebAssembly|Buffer|TextDecoder|TextEncoder|structuredClone|performance|globalThis|setTimeout|setInterval|setImmediate|queueMicrotask|require|eval)\b(?!\s*\??:)|process\s*\.|console\s*\.(?!write)|async\b(?!\s*[?:,)=])|await\b|new\s+Function\b)|\bMath\s*\.\s*random\b|\.\s*toLocale\w+|\.\s*localeCompare\b/g;

function isTest(path: string): boolean {
  return roomOf(path)?.name === 'tests';
}

function mayImport(room: Room, path: string, specifier: string): boolean {
  if (!specifier.startsWith('.')) return (room.packages ?? []).some((name) => isPackage(name, specifier));
  const target = resolve(path, specifier);
  const other = roomOf(target);
  if (other === undefined) return false;
  if (room.rooms.includes('*') || other === room || room.rooms.includes(other.name)) return true;
  return room.files?.includes(target) === true || (room.name === 'cli' && OPEN_TO_CLI.test(target));
}

function isPackage(name: string, specifier: string): boolean {
  if (name === '*') return true;
  if (name === 'node:*') return specifier.startsWith('node:');
  return specifier === name || specifier.startsWith(`${name}/`);
}

function resolve(path: string, specifier: string): string {
  const parts = path.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** What stands at the beginning of a line is at module level: the formatter sees to that. */
function moduleState(code: string): string[] {
  const variables = matches(/^(?:export )?(?:let|var) [\w$]+/gm, code);
  const collections = [
    ...code.matchAll(/^(?:export )?const ([\w$]+)(:[^=]*)? = (?:new (?:Weak)?(?:Map|Set)\b|\[\];)/gm),
  ]
    .filter(([, , type]) => type === undefined || !/\b(?:Readonly(?:Map|Set)|readonly)\b/.test(type))
    .map(([statement]) => statement);
  return [...variables, ...collections];
}

function matches(pattern: RegExp, text: string): string[] {
  return [...text.matchAll(pattern)].map(([match]) => match);
}

function withoutComments(text: string): string {
  return scan(text, true);
}

/** The text without comments and without what stands in quotes. */
function codeOf(text: string): string {
  return scan(text, false);
}

/** One token that hides text: comments, strings, and regular expressions where an operand may begin. */
const HIDING =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|(?<=[=(,:[!&|?{};]\s*|\breturn\s+)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

/** Templates first, from the inside out: what stands in `${}` is code. */
function scan(text: string, keepStrings: boolean): string {
  return text
    .replace(HIDING, (token) => {
      if (token.startsWith('//') || token.startsWith('/*')) return ' ';
      return keepStrings ? token : "''";
    })
    .replace(/`(?:\\.|\$\{[^}]*\}|[^`\\$]|\$(?!\{))*`/g, (template) => {
      if (keepStrings) return template;
      return (
        matches(/\$\{[^}]*\}/g, template)
          .map((hole) => hole.slice(2, -1))
          .join(';') || "''"
      );
    });
}
