import { compact } from './compact.ts';

/** Stand before a name and before its value; XML allows neither in a document. */
const NAME = '\u0001';
const VALUE = '\u0002';

/**
 * Names and values that are looked up rarely, if ever, kept as one piece of text: a map of the seventy settings of one phone takes
 * 6 KB, this 1.5 KB, and there may be tens of thousands of phones.
 */
export class Settings {
  readonly #text: string;

  constructor(entries: ReadonlyMap<string, string>) {
    const pieces: string[] = [];
    for (const [name, value] of entries) pieces.push(NAME, clean(name), VALUE, clean(value));
    this.#text = pieces.join(''); // Joined at once: text that grows by `+=` stays a tree of its pieces.
  }

  get(name: string): string | undefined {
    const key = `${NAME}${name}${VALUE}`;
    const at = this.#text.indexOf(key);
    if (at === -1) return undefined;
    const end = this.#text.indexOf(NAME, at + key.length);
    return compact(this.#text.slice(at + key.length, end === -1 ? undefined : end));
  }

  *[Symbol.iterator](): Iterator<[name: string, value: string]> {
    for (const entry of this.#text.split(NAME).slice(1)) {
      const [name, value] = entry.split(VALUE);
      yield [name!, value!];
    }
  }
}

function clean(text: string): string {
  return text.includes(NAME) || text.includes(VALUE) ? text.replaceAll(NAME, '').replaceAll(VALUE, '') : text;
}
