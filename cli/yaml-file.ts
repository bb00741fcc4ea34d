/** Reading YAML that people write: every complaint says where, and what is expected. */
import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { UsageError } from './usage-error.ts';

/** One value of a file, and where it stands. */
export class YamlValue {
  readonly #file: YamlFile;
  readonly #node: Node | null;
  /** The way to it: `devices[2].lines[0].number`; empty for the whole file. */
  readonly path: string;

  constructor(file: YamlFile, node: Node | null, path: string) {
    this.#file = file;
    this.#node = node;
    this.path = path;
  }

  /** Throws UsageError: `FILE:LINE: PATH SENTENCE`. */
  fail(sentence: string): never {
    const what = this.path === '' ? 'it' : this.path;
    throw new UsageError(`${this.#file.name}:${this.#file.lineOf(this.#node)}: ${what} ${sentence}`);
  }

  /** The values of a mapping. A key that is not among these is a mistake. */
  map<K extends string>(...keys: readonly K[]): Partial<Record<K, YamlValue>> {
    if (!isMap(this.#node)) this.fail(`has to be a mapping of ${keys.join(', ')}.`);
    const values: Partial<Record<K, YamlValue>> = {};
    for (const { key, value } of this.#node.items) {
      const name = isScalar(key) ? String(key.source ?? key.value) : '';
      const child = this.#child((value ?? key) as Node, `${this.path === '' ? '' : `${this.path}.`}${name}`);
      const known = keys.find((one) => one === name);
      if (known === undefined) return child.fail(`is not known; there are ${keys.join(', ')}.`);
      values[known] = child;
    }
    return values;
  }

  list(): YamlValue[] {
    if (!isSeq(this.#node)) this.fail('has to be a list.');
    return this.#node.items.map((item, index) => this.#child(item as Node, `${this.path}[${index}]`));
  }

  /** A scalar as it is written: `0100` stays `0100`. */
  text(): string {
    if (!isScalar(this.#node)) this.fail('has to be one value.');
    const { source, value } = this.#node;
    return typeof value === 'string' ? value : (source ?? '');
  }

  number(min: number, max: number): number {
    const text = this.text();
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    return this.fail(`takes a whole number from ${min} to ${max}, not "${text}".`);
  }

  oneOf<T extends string>(choices: readonly T[]): T {
    const text = this.text();
    return choices.find((choice) => choice === text) ?? this.fail(`takes ${choices.join(', ')}, not "${text}".`);
  }

  flag(): boolean {
    return this.oneOf(['true', 'false']) === 'true';
  }

  #child(node: Node | null, path: string): YamlValue {
    return new YamlValue(this.#file, node, path);
  }
}

export class YamlFile {
  readonly name: string;
  readonly root: YamlValue;
  readonly #lines = new LineCounter();

  /** Throws UsageError when it cannot be read, or is no YAML. */
  constructor(name: string) {
    this.name = name;
    const document = parseDocument(textOf(name), { lineCounter: this.#lines, prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined)
      throw new UsageError(`${name}:${this.#lines.linePos(error.pos[0]).line}: ${error.message}`);
    this.root = new YamlValue(this, document.contents, '');
  }

  lineOf(node: Node | null): number {
    return node?.range == null ? 1 : this.#lines.linePos(node.range[0]).line;
  }
}

function textOf(name: string): string {
  try {
    return readFileSync(name, 'utf8');
  } catch (error) {
    throw new UsageError(`${name} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}.`);
  }
}
