import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { imageDirectory } from '../images/public.ts';
import { DEVELOPMENT_KEY_ID } from '../storage/development-key.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { Output, type OutputOptions } from './output.ts';

/** `missing`: nothing runs without it. `limited`: something does not; `remedy` says what to do. */
type State = 'ok' | 'limited' | 'missing';

interface Finding {
  readonly check: string;
  readonly state: State;
  readonly found: string;
  readonly remedy: string | null;
}

const MINIMUM_NODE = [20, 19] as const;

/** linux/capability.h. */
const CAP_NET_RAW = 13n;

/** `sepia doctor`: can this machine run it? */
export function doctor(options: OutputOptions): ExitCode {
  const output = new Output(options);
  const findings = [checkNode(), checkNpm(), checkImages(), checkRawSockets(), bootKey()];
  for (const finding of findings) {
    output.object(finding);
    const remedy = finding.remedy === null ? '' : `: ${finding.remedy}`;
    output.line(`${finding.state.padEnd(7)}  ${finding.check.padEnd(11)}  ${finding.found}${remedy}`);
  }
  return findings.some(({ state }) => state === 'missing') ? EXIT.machineLacks : EXIT.done;
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

function bootKey(): Finding {
  return {
    check: 'boot key',
    state: 'ok',
    found: `images are signed with "${DEVELOPMENT_KEY_ID}", whose private half is public by design`,
    remedy: null,
  };
}
