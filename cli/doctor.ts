import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { hostFacts, refuseInterface } from '../fleet/public.ts';
import { libc } from '../hal/host/libc.ts';
import { MachineLack } from '../hal/host/machine-lack.ts';
import { interfaceIndex } from '../hal/host/network-interface.ts';
import { imageDirectory } from '../images/public.ts';
import type { Finding } from '../probe/public.ts';
import { DEVELOPMENT_KEY_ID } from '../storage/development-key.ts';
import { lookAtNetwork, type NetworkTexts, networkOption, readNetworkLook } from './doctor-network.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { Output, type OutputOptions } from './output.ts';
import { nicOf } from './real-run.ts';
import { UsageError } from './usage-error.ts';

const MINIMUM_NODE = [20, 19] as const;

/** linux/capability.h. */
const CAP_NET_RAW = 13n;

export interface DoctorTexts extends OutputOptions, NetworkTexts {
  /** Looks at the network behind the interface too. */
  readonly network?: boolean;
}

export function doctorCommand(command: Command): Command {
  return command
    .description('says whether this machine can run it, and what to do where not')
    .option('--nic <nic>', 'an interface that is to carry phones')
    .option('--network', 'looks at the network behind it as a phone would, with less than 60 frames; registers nothing')
    .option('--vlan <id>', 'with --network: the voice VLAN, where the switch names none or another')
    .option('--model <m>', 'with --network: which model to look like; 7975 unless given')
    .option('--mac <mac>', 'with --network: its MAC address; a locally administered one unless given')
    .option('--static <address>', 'with --network: ADDRESS/LENGTH,ROUTER for the files and ports; needs --tftp')
    .option('--tftp <addresses>', 'with --network: A or A,B instead of what DHCP says')
    .option('--no-borrow', 'with --network: without --static, leaves out what needs an address')
    .option('--nic-in-use-ok', 'with --network: allows an interface that this machine uses itself');
}

/** `sepia doctor`: can this machine run it? With `--nic`, on that interface? With `--network`, is the network behind it as phones need it? */
export async function doctor(texts: DoctorTexts): Promise<ExitCode> {
  const output = new Output(texts);
  const nic = texts.nic === undefined ? null : nicOf(texts.nic);
  const option = texts.network === true ? null : networkOption(texts);
  if (option !== null) throw new UsageError(`${option} goes with --network.`);
  const look = texts.network === true ? readNetworkLook(texts) : null;
  const width = look === null ? 11 : 'http 6970 XMLDefault.cnf.xml'.length;
  const tell = (finding: Finding): void => {
    output.object(finding);
    const remedy = finding.remedy === null ? '' : `: ${finding.remedy}`;
    output.line(`${finding.state.padEnd(7)}  ${finding.check.padEnd(width)}  ${finding.found}${remedy}`);
  };
  const machine = [
    checkNode(),
    checkNpm(),
    checkImages(),
    checkRawSockets(),
    checkDriver(),
    bootKey(),
    ...(nic?.kind === 'af-packet' ? checkInterface(nic.interface) : []),
  ];
  for (const finding of machine) tell(finding);
  if (machine.some(({ state }) => state === 'missing')) return EXIT.machineLacks;
  if (look === null) return EXIT.done;
  let isWell = true;
  const found = (finding: Finding): void => {
    isWell &&= finding.state !== 'missing';
    tell(finding);
  };
  await lookAtNetwork(look, found, (text) => output.line(text));
  return isWell ? EXIT.done : EXIT.failed;
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1]);
  return enough
    ? { check: 'node', state: 'ok', found: process.version, remedy: null }
    : {
        check: 'node',
        state: 'missing',
        found: process.version,
        remedy: `install Node ${MINIMUM_NODE.join('.')} or later`,
      };
}

/** Only a checkout needs it, to set itself up. */
function checkNpm(): Finding {
  const { stdout, status } = spawnSync('npm', ['--version'], { encoding: 'utf8' });
  return status === 0
    ? { check: 'npm', state: 'ok', found: stdout.trim(), remedy: null }
    : { check: 'npm', state: 'limited', found: 'not found', remedy: 'a checkout cannot set itself up; install npm' };
}

function checkImages(): Finding {
  const directory = imageDirectory();
  const images = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.img')) : [];
  return images.length > 0
    ? { check: 'images', state: 'ok', found: `${images.length} images built`, remedy: null }
    : { check: 'images', state: 'missing', found: 'no image built', remedy: 'run sepia image build' };
}

function checkRawSockets(): Finding {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${mask}`) >> CAP_NET_RAW) & 1n
    ? { check: 'raw sockets', state: 'ok', found: 'CAP_NET_RAW', remedy: null }
    : {
        check: 'raw sockets',
        state: 'limited',
        found: 'no CAP_NET_RAW',
        remedy: 'only the virtual wire and udp: work; for a real wire run as root or give node the capability',
      };
}

/** The packet socket is opened through the C library, which koffi calls. */
function checkDriver(): Finding {
  try {
    const count = libc().interfaceNames().length;
    return { check: 'af-packet', state: 'ok', found: `driver loaded, ${count} interfaces`, remedy: null };
  } catch (error) {
    return {
      check: 'af-packet',
      state: 'limited',
      found: (error as Error).message,
      remedy: 'only the virtual wire and udp: work; install koffi for this platform (npm install)',
    };
  }
}

/** What stands in the way of phones on this interface, in the order in which one meets it. */
function checkInterface(name: string): Finding[] {
  try {
    interfaceIndex(name);
  } catch (error) {
    if (!(error instanceof MachineLack)) throw error;
    return [{ check: name, state: 'missing', found: error.message, remedy: 'ip link shows what there is' }];
  }
  return [checkLink(name), checkUse(name), checkOffloads(name)];
}

function checkLink(name: string): Finding {
  const state = textIn(`/sys/class/net/${name}/operstate`);
  if (state === null || state === 'up' || state === 'unknown') {
    return { check: 'link', state: 'ok', found: `${name} is up`, remedy: null };
  }
  const remedy = `ip link set ${name} up, and look at the cable`;
  return { check: 'link', state: 'limited', found: `${name} is ${state}`, remedy };
}

function checkUse(name: string): Finding {
  const refusal = refuseInterface(name, hostFacts(name), false);
  return refusal === null
    ? { check: 'use', state: 'ok', found: `${name} is not used by this machine itself`, remedy: null }
    : { check: 'use', state: 'limited', found: factOf(refusal), remedy: 'take another interface' };
}

/** The refusal without its verb and without the option that allows it. */
function factOf(refusal: string): string {
  return refusal.replace(/^Refused: /, '').replace(/;.*$/, '');
}

/** What the interface puts together on receive is no frame that any phone could have got. */
const OFFLOADS = ['generic-receive-offload', 'large-receive-offload'];

/** A program of the machine, if it is there. */
const ETHTOOL = 'ethtool';

function checkOffloads(name: string): Finding {
  const { stdout, status } = spawnSync(ETHTOOL, ['-k', name], { encoding: 'utf8' });
  if (status !== 0) {
    return { check: 'offloads', state: 'limited', found: 'cannot be seen', remedy: 'install ethtool' };
  }
  const on = OFFLOADS.filter((offload) => new RegExp(`^${offload}: on`, 'm').test(stdout));
  return on.length === 0
    ? { check: 'offloads', state: 'ok', found: 'frames arrive as they were sent', remedy: null }
    : {
        check: 'offloads',
        state: 'limited',
        found: `${on.join(' and ')} on`,
        remedy: `ethtool -K ${name} gro off lro off`,
      };
}

function textIn(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

function bootKey(): Finding {
  return {
    check: 'boot key',
    state: 'ok',
    found: `images are signed with "${DEVELOPMENT_KEY_ID}", whose private half is public by design`,
    remedy: null,
  };
}
