import { describe, expect, it } from 'vitest';
import type { Key } from '../../hal/panel.ts';
import { type MenuPage, SettingsMenu } from './settings-menu.ts';

function menu(password = '') {
  const values = { dhcp: 'Yes', address: '10.0.0.5', domain: '' };
  const log: string[] = [];
  const put = (name: keyof typeof values, text: string): null => {
    values[name] = text;
    return null;
  };
  const inner: MenuPage = {
    title: 'Network Configuration',
    items: () => [
      { label: 'MAC Address', value: () => '0200' },
      {
        label: 'DHCP Enabled',
        value: () => values.dhcp,
        edit: { text: () => values.dhcp, toggle: ['Yes', 'No'], set: (text) => put('dhcp', text) },
      },
      {
        label: 'IP Address',
        value: () => values.address,
        edit: {
          text: () => '',
          set: (text) => (/^\d+\.\d+$/.test(text) ? put('address', text) : 'no address'),
        },
      },
      {
        label: 'Domain Name',
        value: () => values.domain,
        edit: { text: () => values.domain, letters: true, set: (text) => put('domain', text) },
      },
      { label: 'Erase', act: () => log.push('erased') },
    ],
  };
  const made = new SettingsMenu({
    root: { title: 'Settings', items: () => [{ label: 'Network Configuration', open: () => inner }] },
    rows: 10,
    password: () => password,
    changed: () => log.push('changed'),
    restart: () => log.push('restart'),
  });
  const press = (...keys: Key[]): boolean => keys.map((key) => made.press(key)).at(-1)!;
  return { made, press, values, log };
}

describe('the settings menu', () => {
  it('opens pages by number and by cursor, and goes back', () => {
    const { made, press } = menu();
    expect(made.picture()).toEqual({
      text: ['Settings', '>1 Network Configuration'],
      softKeys: ['Select', '', 'Exit'],
    });
    press('1', 'down');
    expect(made.picture().text[2]).toBe('>2 DHCP Enabled: Yes');
    press('back');
    expect(made.picture().text[0]).toBe('Settings');
    expect(press('back')).toBe(false);
  });

  it('changes nothing while it is locked', () => {
    const { press, values, log } = menu();
    press('1', '2', '4');
    expect(values.dhcp).toBe('Yes');
    expect(log).toEqual([]);
  });

  it('is unlocked and locked again by **#', () => {
    const { made, press, values } = menu();
    press('1', '*', '*', '#', '2');
    expect(values.dhcp).toBe('No');
    expect(made.picture().text[0]).toBe('Network Configuration (unlocked)');
    press('*', '*', '#', '2');
    expect(values.dhcp).toBe('No');
  });

  it('takes an address with * for the point, and says what is wrong with it', () => {
    const { made, press, values, log } = menu();
    press('1', '*', '*', '#', '3', '1', '*', '*', '2', 'softKey1');
    expect(made.picture().text).toEqual(['IP Address', '1..2_', 'no address']);
    press('softKey2', 'softKey2', '2', 'softKey1');
    expect(values.address).toBe('1.2');
    expect(press('settings')).toBe(false);
    expect(log).toEqual(['changed']);
  });

  it('takes a name letter by letter: the key again for its next letter, down to keep one', () => {
    const { made, press, values } = menu();
    press('1', '*', '*', '#', '4', '5', '5', '5', '2', '2', '2', '2', '2', 'down', '2', '2', '*', '3', '3');
    expect(made.picture().text).toEqual(['Domain Name', 'lab.e_']);
    press('softKey1');
    expect(values.domain).toBe('lab.e');
    press('4', '1', '1', '9', '9', '9', '9', '9', 'softKey1');
    expect(values.domain).toBe('lab.e-9');
  });

  it('asks for the password that the configuration sets', () => {
    const { made, press } = menu('123');
    press('*', '*', '#', '9', 'softKey1');
    expect(made.unlocked).toBe(false);
    press('softKey2', '1', '2', '3', 'softKey1');
    expect(made.unlocked).toBe(true);
  });

  it('restarts by **#**', () => {
    const { press, log } = menu();
    press('*', '*', '#', '*', '*');
    expect(log).toEqual(['restart']);
  });
});
