/** What an operator does with a running lab, in words: `node stop 1`, `reset SEP02005EC0FFEE`. The console and the API are two ways to it. */
import { ipv4Text } from '../firmware/wire/address.ts';
import type { StopMode } from './call-manager/call-manager-options.ts';
import type { Device } from './device-table.ts';
import type { Lab } from './lab.ts';

/** A model as its users write it, for devices that are added by hand. */
export interface LabModel {
  readonly name: string;
  readonly deviceType: number;
  readonly protocols: readonly ('sccp' | 'sip')[];
}

export interface LabCommandsOptions {
  readonly lab: Lab;
  /** Null for a model that nobody knows. */
  readonly model: (text: string) => LabModel | null;
  /** False while the lab listens to a wire before it serves. */
  readonly serving?: () => boolean;
}

/** What a command came to: words for people, and the same as data. */
export interface CommandResult {
  readonly lines: readonly string[];
  readonly data?: unknown;
}

/** One sentence: what cannot be done, and what is expected instead. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

interface Command {
  /** The first words, by which it is found. */
  readonly name: string;
  readonly arguments: string;
  readonly does: string;
  readonly run: (commands: LabCommands, words: readonly string[]) => CommandResult;
}

const STOP_MODES: readonly StopMode[] = ['fin', 'rst', 'silent'];
const RESET_TYPES = ['reset', 'restart', 'apply-config'] as const;
type ResetType = (typeof RESET_TYPES)[number];

/** Devices that one answer names; a lab may have 40,000. */
const MOST_LISTED = 200;

const COMMANDS: readonly Command[] = [
  { name: 'nodes', arguments: '', does: 'lists the call managers', run: (on) => on.nodes() },
  {
    name: 'devices',
    arguments: '[TEXT]',
    does: 'lists the devices, those with TEXT in name or number',
    run: (on, [text = '']) => on.devices(text),
  },
  {
    name: 'node stop',
    arguments: 'N [fin|rst|silent]',
    does: 'ends the processes of a node: closing, resetting, or not saying anything any more',
    run: (on, [n, how = 'fin']) => on.stop(n, oneOf('how a node stops', how, STOP_MODES)),
  },
  { name: 'node start', arguments: 'N', does: 'starts them again', run: (on, [n]) => on.start(n) },
  {
    name: 'node slow',
    arguments: 'N MILLISECONDS',
    does: 'lets everything that comes in wait so long; 0 ends it',
    run: (on, [n, text]) => on.slow(n, number('milliseconds', text, [0, 60_000])),
  },
  {
    name: 'node throttle',
    arguments: 'N PER-SECOND|off',
    does: 'takes no more registrations a second than that',
    run: (on, [n, text]) =>
      on.throttle(n, text === 'off' ? null : number('registrations a second', text, [0, 100_000])),
  },
  {
    name: 'node tokens',
    arguments: 'N grant|SECONDS',
    does: 'lets phones come back, or has them wait',
    run: (on, [n, text]) => on.tokens(n, text === 'grant' ? text : number('seconds', text, [1, 86_400])),
  },
  {
    name: 'node strict',
    arguments: 'N on|off',
    does: 'throws out SCCP phones that do not say within 10 s what they can do',
    run: (on, [n, text]) => on.strict(n, onOff(text)),
  },
  ...RESET_TYPES.map(
    (type): Command => ({
      name: type,
      arguments: 'NAME|all',
      does: `tells registered phones to ${type === 'apply-config' ? 'apply their configuration' : type}`,
      run: (on, [name]) => on.reset(name, type),
    }),
  ),
  {
    name: 'reject',
    arguments: 'NAME TEXT|off',
    does: 'rejects the registrations of a device with these words',
    run: (on, [name, ...words]) => on.reject(name, words.join(' ')),
  },
  {
    name: 'mwi',
    arguments: 'NAME on|off',
    does: 'message waiting',
    run: (on, [name, text]) => on.mwi(name, onOff(text)),
  },
  {
    name: 'prompt',
    arguments: 'NAME [TEXT]',
    does: 'puts words on the status line of an SCCP phone, or takes them away',
    run: (on, [name, ...words]) => on.prompt(name, words.join(' ')),
  },
  {
    name: 'add',
    arguments: 'NAME MODEL NUMBER [sccp|sip]',
    does: 'writes a device into the database',
    run: (on, words) => on.add(words),
  },
  { name: 'delete', arguments: 'NAME', does: 'takes it out again', run: (on, [name]) => on.delete(name) },
  {
    name: 'auto-register',
    arguments: 'FIRST-LAST [sccp|sip]|off',
    does: 'phones that nobody wrote down get one of these numbers',
    run: (on, words) => on.autoRegister(words),
  },
  {
    name: 'taps',
    arguments: 'NAME NUMBER',
    does: 'gives a phone that registered itself the BAT device that waits with this number',
    run: (on, [name, text]) => on.taps(name, text),
  },
  { name: 'ctl-client', arguments: '', does: 'puts the cluster into mixed mode', run: (on) => on.ctlClient() },
  { name: 'help', arguments: '', does: 'lists the commands', run: () => ({ lines: commandHelp() }) },
];

/** One line a command. */
export function commandHelp(): string[] {
  return COMMANDS.map(({ name, arguments: rest, does }) => `${`${name} ${rest}`.trim().padEnd(40)} ${does}`);
}

export class LabCommands {
  readonly #lab: Lab;
  readonly #options: LabCommandsOptions;

  constructor(options: LabCommandsOptions) {
    this.#options = options;
    this.#lab = options.lab;
  }

  /** Does what the line says. Throws CommandError. */
  run(line: string): CommandResult {
    const words = line.trim().split(/\s+/);
    const command = COMMANDS.find(({ name }) => name.split(' ').every((word, index) => words[index] === word));
    if (command === undefined) throw new CommandError(`no command "${words.join(' ')}"; help lists them`);
    if (command.name !== 'help' && this.#options.serving?.() === false)
      throw new CommandError('the lab does not serve yet');
    return command.run(this, words.slice(command.name.split(' ').length));
  }

  nodes(): CommandResult {
    const data = this.#lab.callManagers.map((sccp, index) => {
      const sip = this.#lab.sipCallManagers[index]!;
      return {
        node: index + 1,
        name: sccp.name,
        address: ipv4Text(this.#lab.machine(sccp.name).host.address),
        running: sccp.listening,
        sccp: sccp.counters.registered,
        sip: sip.counters.registered,
        slowMilliseconds: sccp.slowness.milliseconds,
        throttle: sccp.throttle.perSecond,
        tokens: sccp.tokens,
        strict: sccp.strictCapabilities,
      };
    });
    const lines = data.map(
      ({ node, name, address, running, sccp, sip }) =>
        `${node}  ${name}  ${address}  ${running ? 'running' : 'stopped'}  registered: ${sccp} SCCP, ${sip} SIP`,
    );
    return { lines, data };
  }

  devices(text: string): CommandResult {
    const wanted = text.toUpperCase();
    const data: ReturnType<LabCommands['deviceData']>[] = [];
    let more = 0;
    for (const device of this.#lab.devices) {
      const isWanted =
        device.name.includes(wanted) || device.lines.some((line) => line.directoryNumber.includes(wanted));
      if (!isWanted) continue;
      if (data.length < MOST_LISTED) data.push(this.deviceData(device));
      else more++;
    }
    const lines = data.map(
      ({ name, model, protocol, numbers, registeredOn }) =>
        `${name}  ${model}  ${protocol}  ${numbers.join(',')}  ${registeredOn === null ? 'not registered' : `registered on ${registeredOn}`}`,
    );
    return { lines: more === 0 ? lines : [...lines, `and ${more} more`], data };
  }

  stop(node: string | undefined, how: StopMode): CommandResult {
    this.#lab.stopNode(this.#index(node) + 1, how);
    return said(`node ${node} is stopped (${how})`);
  }

  start(node: string | undefined): CommandResult {
    this.#lab.startNode(this.#index(node) + 1);
    return said(`node ${node} is started`);
  }

  slow(node: string | undefined, milliseconds: number): CommandResult {
    for (const manager of this.#node(node)) manager.slowness.milliseconds = milliseconds;
    return said(`node ${node} takes ${milliseconds} ms longer`);
  }

  throttle(node: string | undefined, perSecond: number | null): CommandResult {
    for (const manager of this.#node(node)) manager.throttle.perSecond = perSecond;
    return said(
      `node ${node} takes ${perSecond === null ? 'all registrations' : `${perSecond} registrations a second`}`,
    );
  }

  tokens(node: string | undefined, tokens: 'grant' | number): CommandResult {
    for (const manager of this.#node(node)) manager.tokens = tokens;
    return said(`node ${node} ${tokens === 'grant' ? 'grants tokens' : `refuses tokens for ${tokens} s`}`);
  }

  strict(node: string | undefined, strict: boolean): CommandResult {
    this.#node(node)[0].strictCapabilities = strict;
    return said(`node ${node} is ${strict ? '' : 'not '}strict`);
  }

  reset(name: string | undefined, type: ResetType): CommandResult {
    if (name === 'all') {
      let count = 0;
      for (const device of this.#lab.devices) if (this.#tell((manager) => manager.reset(device.name, type))) count++;
      return { lines: [`${type}: ${count} phones`], data: { phones: count } };
    }
    const device = this.#device(name);
    if (!this.#tell((manager) => manager.reset(device.name, type))) throw notRegistered(device);
    return said(`${type}: ${device.name}`);
  }

  reject(name: string | undefined, text: string): CommandResult {
    const device = this.#device(name);
    if (text === '') throw new CommandError('reject takes the words to reject with, or off');
    for (const manager of [...this.#lab.callManagers, ...this.#lab.sipCallManagers]) {
      if (text === 'off') manager.rejections.delete(device.name);
      else manager.rejections.set(device.name, text);
    }
    return said(text === 'off' ? `${device.name} is let in` : `${device.name} is rejected: ${text}`);
  }

  mwi(name: string | undefined, on: boolean): CommandResult {
    const device = this.#device(name);
    if (!this.#tell((manager) => manager.setMessageWaiting(device.name, on))) throw notRegistered(device);
    return said(`${device.name}: message waiting ${on ? 'on' : 'off'}`);
  }

  prompt(name: string | undefined, text: string): CommandResult {
    const device = this.#device(name);
    if (!this.#lab.callManagers.some((manager) => manager.prompt(device.name, text))) throw notRegistered(device);
    return said(`${device.name} shows "${text}"`);
  }

  add([name = '', model = '', directoryNumber = '', protocol]: readonly string[]): CommandResult {
    if (!/^[0-9*#+]{1,24}$/.test(directoryNumber)) throw new CommandError('add takes NAME MODEL NUMBER [sccp|sip]');
    const row = this.#options.model(model);
    if (row === null) throw new CommandError(`no model "${model}"`);
    const chosen = protocol === undefined ? row.protocols[0]! : oneOf('the protocol', protocol, row.protocols);
    const upper = name.toUpperCase();
    if (!/^(SEP|SIP|BAT)[0-9A-F]{12}$/.test(upper))
      throw new CommandError(`"${name}" is no device name: SEP and 12 hexadecimal digits`);
    const owner = this.#lab.devices.owner(directoryNumber);
    if (owner !== null && owner.name !== upper) throw new CommandError(`${directoryNumber} is ${owner.name}'s`);
    const device = this.#lab.addDevice({
      name: upper,
      model: row.name,
      deviceType: row.deviceType,
      protocol: chosen,
      lines: [{ directoryNumber, label: directoryNumber, displayName: `Phone ${directoryNumber}` }],
    })!;
    return { lines: [`${device.name} is added with ${directoryNumber}`], data: this.deviceData(device) };
  }

  delete(name: string | undefined): CommandResult {
    const device = this.#device(name);
    this.#lab.devices.delete(device.name);
    return said(`${device.name} is deleted`);
  }

  autoRegister([text = '', protocol = 'sccp']: readonly string[]): CommandResult {
    const { autoRegistration } = this.#lab.devices;
    const [, first, last] = /^(\d{1,9})-(\d{1,9})$/.exec(text) ?? [];
    if (text === 'off') {
      autoRegistration.range = null;
      return said('phones that nobody wrote down are rejected');
    }
    if (first === undefined || Number(last) < Number(first))
      throw new CommandError('auto-register takes FIRST-LAST, two directory numbers, or off');
    autoRegistration.range = {
      firstNumber: Number(first),
      lastNumber: Number(last),
      protocol: oneOf('the protocol', protocol, ['sccp', 'sip']),
    };
    const state = autoRegistration.enabled ? '' : ', but not in mixed mode of this release';
    return said(`phones that nobody wrote down get ${first} to ${last}${state}`);
  }

  taps(name: string | undefined, directoryNumber = ''): CommandResult {
    const phone = this.#device(name);
    const adopted = this.#lab.devices.adopt(phone.name, directoryNumber);
    if (typeof adopted === 'string') throw new CommandError(adopted);
    this.#tell((manager) => manager.reset(phone.name, 'reset'));
    return { lines: [`${phone.name} is ${directoryNumber} now`], data: this.deviceData(adopted) };
  }

  ctlClient(): CommandResult {
    if (this.#lab.cluster === null) throw new CommandError('the CTL client needs a cluster with keys');
    this.#lab.configureCtlClient();
    const { enabled } = this.#lab.devices.autoRegistration;
    return said(`the cluster is in mixed mode; auto-registration is ${enabled ? 'on' : 'off'}`);
  }

  deviceData({ name, model, protocol, description, lines, security }: Device) {
    const on = this.#lab.callManagers.findIndex(
      (manager, index) => manager.isRegistered(name) || this.#lab.sipCallManagers[index]!.isRegistered(name),
    );
    const numbers = lines.map(({ directoryNumber }) => directoryNumber);
    const registeredOn = on < 0 ? null : this.#lab.callManagers[on]!.name;
    return { name, model, protocol, description, security, numbers, registeredOn };
  }

  #index(text: string | undefined): number {
    return number('the number of a node', text, [1, this.#lab.callManagers.length]) - 1;
  }

  #node(text: string | undefined) {
    const index = this.#index(text);
    return [this.#lab.callManagers[index]!, this.#lab.sipCallManagers[index]!] as const;
  }

  #device(name: string | undefined): Device {
    const device = name === undefined ? null : this.#lab.devices.find(name.toUpperCase());
    if (device === null) throw new CommandError(`no device "${name ?? ''}" in the database`);
    return device;
  }

  /** Whether any node did it. */
  #tell(does: (manager: Lab['callManagers'][number] | Lab['sipCallManagers'][number]) => boolean): boolean {
    return [...this.#lab.callManagers, ...this.#lab.sipCallManagers].some(does);
  }
}

function said(line: string): CommandResult {
  return { lines: [line] };
}

function notRegistered({ name }: Device): CommandError {
  return new CommandError(`${name} is not registered`);
}

function oneOf<T extends string>(what: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((one) => one === text);
  if (choice === undefined) throw new CommandError(`${what} is one of ${choices.join(', ')}, not "${text}"`);
  return choice;
}

function onOff(text: string | undefined): boolean {
  return oneOf('the last word', text ?? '', ['on', 'off']) === 'on';
}

function number(what: string, text: string | undefined, [least, most]: readonly [number, number]): number {
  const value = /^\d{1,9}$/.test(text ?? '') ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw new CommandError(`${what} is a whole number from ${least} to ${most}`);
  return value;
}
