/**
 * Parser of `SEP<MAC>.cnf.xml` and `XMLDefault.cnf.xml`: XML events straight into a `PhoneConfiguration`, no tree.
 *
 * Field files are often not well formed and phones take them: unbound prefixes (CUCM's own `xsi:type`), stray text between
 * elements, elements twice, end tags that name something else. Of an element that stands twice the last that is not empty counts.
 * A file whose root is another, or that ends too early, is none: half a list of call managers is worse than the stored one.
 */
import { latin1, utf8 } from '../../wire/text.ts';
import { compact } from './compact.ts';
import { type ConfigurationDraft, emptyDraft, finished } from './configuration-draft.ts';
import { type ElementRule, ROOT_RULE, ruleWithin } from './element-rules.ts';
import type { PhoneConfiguration } from './phone-configuration.ts';
import { XmlReader, type XmlSink } from './xml-reader.ts';

/** Why a file is no configuration: a sentence that begins with the line. */
export interface ConfigurationProblem {
  readonly problem: string;
}

/** Real files are eight deep. */
const MAX_DEPTH = 64;

const MAX_REMARKS = 16;

/** Octets in which the XML declaration has to say what the encoding is. */
const DECLARATION_LENGTH = 128;

export function parseConfiguration(octets: Uint8Array): PhoneConfiguration | ConfigurationProblem {
  const text = textOf(octets);
  return new ConfigurationReader(text).read();
}

export function isProblem(value: PhoneConfiguration | ConfigurationProblem): value is ConfigurationProblem {
  return 'problem' in value;
}

/** UTF-8, unless the declaration names Latin-1 or one of its kin. */
function textOf(octets: Uint8Array): string {
  const start = latin1(octets, 0, Math.min(octets.length, DECLARATION_LENGTH));
  const encoding = /^<\?xml[^>]*encoding=["']([\w-]+)["']/i.exec(start)?.[1] ?? 'utf-8';
  if (/^(iso-8859-1|latin-?1|windows-1252|us-ascii)$/i.test(encoding)) return latin1(octets);
  const marked = octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf;
  return marked ? utf8(octets, 3) : utf8(octets);
}

interface Open {
  readonly name: string;
  /** Null for an element that means nothing here. */
  readonly rule: ElementRule | null;
  /** Where children are looked up; that of the parent for an element that only holds text, null inside an unknown one. */
  readonly scope: ElementRule | null;
  /** Takes the elements below that have no rule of their own. */
  readonly plain: ElementRule['plain'];
}

class ConfigurationReader implements XmlSink {
  readonly #source: string;
  readonly #reader: XmlReader;
  readonly #open: Open[] = [];
  #draft: ConfigurationDraft | null = null;
  /** Text since the last start tag; null once something else has come, so that only text of plain elements counts. */
  #text: string | null = null;
  #problem: string | null = null;
  #closed = false;

  constructor(source: string) {
    this.#source = source;
    this.#reader = new XmlReader(source, this);
  }

  read(): PhoneConfiguration | ConfigurationProblem {
    this.#reader.read();
    if (this.#problem !== null) return { problem: this.#problem };
    if (this.#draft === null) return this.#problemAt(0, 'no element in this file; <device> or <Default> expected');
    if (!this.#closed) {
      const inside = this.#open[this.#open.length - 1]!.name;
      return this.#problemAt(this.#source.length, `the file ends inside <${shown(inside)}>`);
    }
    return finished(this.#draft);
  }

  startTag(name: string): void {
    if (this.#draft === null) {
      this.#startRoot(name);
      return;
    }
    if (this.#open.length === MAX_DEPTH) {
      this.#stop(`elements nested deeper than ${MAX_DEPTH}`);
      return;
    }
    this.#flush(); // An element that holds text and was not closed by its own name.
    const parent = this.#open[this.#open.length - 1]!;
    const rule = parent.scope === null ? null : ruleWithin(this.#draft, parent.scope, name);
    const holdsText = rule?.text !== undefined;
    const scope = holdsText ? parent.scope : rule;
    this.#open.push({ name, rule, scope, plain: rule?.plain ?? (rule === null ? parent.plain : undefined) });
    this.#text = '';
    if (rule?.open?.(this.#draft) === false) this.#stop(`more <${name}> elements than a phone has room for`);
  }

  #startRoot(name: string): void {
    if (name !== 'device' && name !== 'Default') {
      this.#stop(`<device> or <Default> expected, <${shown(name)}> found`);
      return;
    }
    this.#draft = emptyDraft(name);
    this.#open.push({ name, rule: ROOT_RULE, scope: ROOT_RULE, plain: undefined });
  }

  attribute(name: string, value: string): void {
    if (this.#draft === null) return;
    this.#open[this.#open.length - 1]?.rule?.attribute?.(this.#draft, name, compact(value));
  }

  text(piece: string): void {
    if (this.#text !== null) this.#text += piece;
  }

  endTag(): void {
    this.#flush();
    this.#open.pop();
    if (this.#open.length > 0) return;
    this.#closed = true;
    this.#reader.stop(); // What follows the root is of no interest.
  }

  /** Hands over the text of the innermost element, if it is a plain one with text that has not been handed over. */
  #flush(): void {
    const value = this.#text?.trim();
    this.#text = null;
    const innermost = this.#open[this.#open.length - 1];
    if (value === undefined || value === '' || innermost === undefined || this.#draft === null) return;
    const { name, rule, plain } = innermost;
    if (rule === null) plain?.(this.#draft, name, value);
    else if (rule.text?.(this.#draft, compact(value)) === false) {
      this.#remark(`<${name}> cannot be ${JSON.stringify(value.slice(0, 40))}`);
    }
  }

  #remark(text: string): void {
    const remarks = this.#draft?.remarks;
    if (remarks !== undefined && remarks.length < MAX_REMARKS) {
      remarks.push(`line ${this.#lineAt(this.#reader.at)}: ${text}`);
    }
  }

  #stop(text: string): void {
    this.#problem = this.#problemAt(this.#reader.at, text).problem;
    this.#reader.stop();
  }

  #problemAt(index: number, text: string): ConfigurationProblem {
    return { problem: `line ${this.#lineAt(index)}: ${text}` };
  }

  #lineAt(index: number): number {
    let line = 1;
    for (let at = this.#source.indexOf('\n'); at !== -1 && at < index; at = this.#source.indexOf('\n', at + 1)) line++;
    return line;
  }
}

function shown(name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name;
}
