import type { Key } from '../../hal/panel.ts';
import { type Instant, MINUTE } from '../../hal/timer.ts';
import { STATE } from '../../storage/settings.ts';
import { SettingsMenu } from '../phone/settings-menu.ts';
import type { PhoneContext } from './phone-context.ts';
import type { Stages } from './sequence.ts';
import { settingsRoot } from './settings-pages.ts';

/** What is typed after `#` while the phone starts, and what it wipes (7900 guides). */
const FACTORY_RESETS = [
  { keys: '123456789*0#', wipes: 'all' },
  { keys: '3491672850*#', wipes: 'all' },
  { keys: '*7412369#085', wipes: 'all but the network settings' },
] as const;

/** "Within 60 seconds". */
const FACTORY_RESET_TIME = MINUTE;

/** Below these stand what the administrator set and what the user likes. */
const ADMINISTRATOR = 'admin/';
const USER = 'user/';

/** The keys: the settings menu, and the sequences of a phone that starts. */
export class Keypad {
  readonly #phone: PhoneContext;
  readonly #stages: Stages;
  readonly #starting: () => boolean;
  #menu: SettingsMenu | null = null;
  /** Keys since the `#` that began a factory reset; null while none is under way. */
  #sequence: { readonly until: Instant; keys: string } | null = null;

  /** @param starting whether the phone is not registered yet. */
  constructor(phone: PhoneContext, stages: Stages, starting: () => boolean) {
    this.#phone = phone;
    this.#stages = stages;
    this.#starting = starting;
  }

  press(now: Instant, key: Key): void {
    if (this.#menu !== null) this.#menuKey(this.#menu, key);
    else if (key === 'settings') this.#open();
    else if (this.#sequence === null && !this.#starting()) this.#stages.callManager.press(now, key);
    else this.#startKey(now, key);
  }

  /** What the menu shows has changed. */
  refresh(): void {
    if (this.#menu !== null) this.#phone.screen.menu(this.#menu.picture());
  }

  #open(): void {
    const { facts, hal, screen } = this.#phone;
    const policy = () => facts.configuration?.policy;
    if (policy()?.settingsAccess === 0) return;
    const menu = new SettingsMenu({
      root: settingsRoot(this.#phone, this.#stages.companions, {
        releaseAddress: () => this.#leave((now) => this.#stages.address.releaseByUser(now)),
        eraseSettings: (what) => this.#eraseSettings(what),
        eraseTrust: () => this.#eraseTrust(),
        updateLsc: (text) => this.#stages.enrolment.update(hal.timer.now(), text),
        fetchLists: () => void this.#stages.companions.fetchLists(hal.timer.now(), () => this.refresh()),
      }),
      rows: hal.board.model.screen.rows,
      password: () => policy()?.phonePassword ?? '',
      changed: () => this.#restart(),
      restart: () => this.#restart(),
    });
    this.#menu = menu;
    screen.menu(menu.picture());
  }

  #menuKey(menu: SettingsMenu, key: Key): void {
    if (!menu.press(key)) this.#menu = null;
    this.#phone.screen.menu(this.#menu === null ? null : menu.picture());
  }

  /** A phone that was given other network settings starts anew, as the real one does; the next alarm says `Phone-Keypad`. */
  #restart(): void {
    this.#leave(() => this.#phone.hal.power.reset('keypad'));
  }

  #leave(then: (now: Instant) => void): void {
    this.#stages.callManager.leave(this.#phone.hal.timer.now(), then);
  }

  #eraseSettings(what: 'network' | 'all'): void {
    const { memory } = this.#phone;
    if (what === 'all') memory.clear('');
    else {
      memory.clear(ADMINISTRATOR);
      memory.clear(STATE);
    }
    this.#restart();
  }

  #eraseTrust(): void {
    this.#phone.status.report('Erasing CTL and ITL files');
    for (const list of this.#stages.eraseTrust()) {
      this.#phone.hal.trace.event('trust.list', { list, outcome: 'cleared', reason: 'erased' });
    }
    this.#restart();
  }

  /** `#` held while the phone starts, then a sequence; a wrong key, or a minute, and it starts as ever. */
  #startKey(now: Instant, key: Key): void {
    const { hal, memory, trust, screen } = this.#phone;
    const sequence = this.#sequence;
    if (sequence === null || now >= sequence.until) {
      this.#sequence = key === '#' && this.#starting() ? { until: now + FACTORY_RESET_TIME, keys: '' } : null;
      return;
    }
    sequence.keys += key;
    const whole = FACTORY_RESETS.find(({ keys }) => keys === sequence.keys);
    if (whole === undefined) {
      if (!FACTORY_RESETS.some(({ keys }) => keys.startsWith(sequence.keys))) this.#sequence = null;
      return;
    }
    this.#sequence = null;
    screen.starting('Resetting...');
    trust.clear('');
    if (whole.wipes === 'all') memory.clear('');
    else {
      memory.clear(USER);
      memory.clear(STATE);
    }
    hal.power.reset('factory-reset');
  }
}
