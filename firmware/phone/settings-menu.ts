/**
 * The settings menu as a machine of keys and lines: pages of items, a cursor, an entry that is being typed. It knows nothing of what the items
 * mean. `**#` unlocks what an administrator may change and locks it again, `**#**` restarts the phone, as on the 7900 series.
 */
import type { Key } from '../../hal/panel.ts';

export interface MenuItem {
  readonly label: string;
  readonly value?: () => string;
  /** Selecting it opens another page. */
  readonly open?: () => MenuPage;
  /** Selecting it when unlocked begins an entry with this text. */
  readonly edit?: MenuEdit;
  /** Selecting it does this; when unlocked only, unless `free`. */
  readonly act?: () => void;
  readonly free?: boolean;
}

export interface MenuEdit {
  /** Above the entry, instead of the item's label. */
  readonly title?: string;
  readonly text: () => string;
  /** Two values change places at once; without them digits are typed, `*` is a point. */
  readonly toggle?: readonly [string, string];
  /** Keys give their letters: pressed again, the next one; `down` keeps the letter, so that the same key gives another. */
  readonly letters?: true;
  /** Null, or a sentence saying what is wrong. */
  readonly set: (text: string) => string | null;
  /** What is typed is shown as asterisks. */
  readonly secret?: true;
  /** Takes effect at once: the phone need not start anew. */
  readonly immediate?: true;
}

export interface MenuPage {
  readonly title: string;
  /** Asked for again at each key: values change. */
  readonly items: () => readonly MenuItem[];
}

export interface MenuPicture {
  readonly text: readonly string[];
  readonly softKeys: readonly string[];
}

export interface MenuOptions {
  readonly root: MenuPage;
  /** Lines of the screen. */
  readonly rows: number;
  /** What unlocks it besides `**#`; empty for nothing more. */
  readonly password: () => string;
  /** Something was changed and the menu is left. */
  readonly changed: () => void;
  /** `**#**`. */
  readonly restart: () => void;
}

interface Level {
  readonly page: MenuPage;
  cursor: number;
}

interface Entry {
  readonly title: string;
  readonly done: (text: string) => string | null;
  readonly secret: boolean;
  readonly letters: boolean;
  text: string;
  problem: string;
  /** The key whose letters are still being gone through. */
  turning: Key | null;
}

/** What stands on the keys, and the digit itself. */
const LETTERS: Readonly<Partial<Record<Key, string>>> = {
  '0': '0',
  '1': '1-',
  '2': 'abc2',
  '3': 'def3',
  '4': 'ghi4',
  '5': 'jkl5',
  '6': 'mno6',
  '7': 'pqrs7',
  '8': 'tuv8',
  '9': 'wxyz9',
};

const UNLOCK = '**#';
const RESTART = '**#**';
/** Screens with fewer lines than this scroll all the same. */
const FEWEST_ROWS = 3;

export class SettingsMenu {
  readonly #options: MenuOptions;
  readonly #levels: Level[];
  /** The latest keys out of `*`, `#`: what `**#` is found in. */
  #typed = '';
  #unlocked = false;
  #changed = false;
  #entry: Entry | null = null;

  constructor(options: MenuOptions) {
    this.#options = options;
    this.#levels = [{ page: options.root, cursor: 0 }];
  }

  get unlocked(): boolean {
    return this.#unlocked;
  }

  /** False when the menu is closed by it. */
  press(key: Key): boolean {
    if (this.#entry !== null) {
      this.#typeInto(this.#entry, key);
      return true;
    }
    if (key === 'settings') return this.#close();
    if (key === '*' || key === '#') this.#special(key);
    else {
      this.#typed = '';
      return this.#walk(key);
    }
    return true;
  }

  picture(): MenuPicture {
    const entry = this.#entry;
    if (entry !== null) {
      const problem = entry.problem === '' ? [] : [entry.problem];
      return {
        text: [entry.title, `${entry.secret ? '*'.repeat(entry.text.length) : entry.text}_`, ...problem],
        softKeys: ['Validat', '<<', 'Cancel'],
      };
    }
    const { page, cursor } = this.#top();
    const items = page.items();
    const rows = Math.max(FEWEST_ROWS, this.#options.rows) - 1;
    const first = Math.max(0, Math.min(cursor - rows + 1, items.length - rows));
    const lines = items.slice(first, first + rows).map((item, index) => {
      const number = first + index + 1;
      const value = item.value === undefined ? '' : `: ${item.value()}`;
      return `${number - 1 === cursor ? '>' : ' '}${number} ${item.label}${value}`;
    });
    const mark = this.#unlocked ? ' (unlocked)' : '';
    return { text: [`${page.title}${mark}`, ...lines], softKeys: ['Select', '', 'Exit'] };
  }

  #top(): Level {
    return this.#levels[this.#levels.length - 1]!;
  }

  #close(): false {
    if (this.#changed) this.#options.changed();
    return false;
  }

  #special(key: '*' | '#'): void {
    this.#typed = (this.#typed + key).slice(-RESTART.length);
    if (this.#typed === RESTART) this.#options.restart();
    else if (this.#typed.endsWith(UNLOCK)) this.#unlock();
  }

  #unlock(): void {
    const password = this.#options.password();
    if (this.#unlocked || password === '') {
      this.#unlocked = !this.#unlocked;
      return;
    }
    const done = (text: string): string | null => {
      this.#unlocked = text === password;
      return this.#unlocked ? null : 'Wrong password';
    };
    this.#entry = {
      title: 'Unlock Password',
      done,
      secret: true,
      letters: false,
      text: '',
      problem: '',
      turning: null,
    };
  }

  #walk(key: Key): boolean {
    const level = this.#top();
    const items = level.page.items();
    switch (key) {
      case 'up':
        level.cursor = Math.max(0, level.cursor - 1);
        return true;
      case 'down':
        level.cursor = Math.min(items.length - 1, level.cursor + 1);
        return true;
      case 'select':
      case 'softKey1':
        this.#select(items[level.cursor]);
        return true;
      case 'back':
      case 'softKey3':
        if (this.#levels.length === 1) return this.#close();
        this.#levels.pop();
        return true;
      default: {
        const number = /^[1-9]$/.test(key) ? Number(key) : 0;
        if (number === 0 || number > items.length) return true;
        level.cursor = number - 1;
        this.#select(items[number - 1]);
        return true;
      }
    }
  }

  #select(item: MenuItem | undefined): void {
    if (item?.open !== undefined) {
      this.#levels.push({ page: item.open(), cursor: 0 });
      return;
    }
    if (item === undefined || (!this.#unlocked && item.free !== true)) return;
    item.act?.();
    const { edit } = item;
    if (edit === undefined) return;
    const set = (text: string): string | null => {
      const problem = edit.set(text);
      if (problem === null && edit.immediate !== true) this.#changed = true;
      return problem;
    };
    const { title = item.label, secret = false, letters = false } = edit;
    if (edit.toggle === undefined) {
      this.#entry = { title, done: set, secret, letters, text: edit.text(), problem: '', turning: null };
    } else set(edit.text() === edit.toggle[0] ? edit.toggle[1] : edit.toggle[0]);
  }

  #typeInto(entry: Entry, key: Key): void {
    const letters = entry.letters ? LETTERS[key] : undefined;
    const again = entry.turning === key;
    entry.turning = letters === undefined ? null : key;
    if (letters !== undefined) entry.text = again ? turned(entry.text, letters) : entry.text + letters[0];
    else if (/^[0-9]$/.test(key)) entry.text += key;
    else if (key === '*') entry.text += '.';
    else if (key === 'softKey2' || key === 'back') entry.text = entry.text.slice(0, -1);
    else if (key === 'softKey3') this.#entry = null;
    else if (key === 'softKey1' || key === 'select') {
      const problem = entry.done(entry.text);
      if (problem === null) this.#entry = null;
      else entry.problem = problem;
    }
  }
}

/** The text with its last character turned into the next one of the key. */
function turned(text: string, letters: string): string {
  const next = letters[(letters.indexOf(text.at(-1)!) + 1) % letters.length]!;
  return text.slice(0, -1) + next;
}
