import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BenchResult, type BenchRow, formatBench } from './bench-result.ts';
import { KERNEL_ADDRESS, PeerNetwork, SERVER_ADDRESS } from './support/peer-network.ts';
import { type Registrations, registrations, type Transport, WARM_UP } from './support/sip-load.ts';

/** Users of each run; sipp is given no more than it can do in a reasonable time. */
const USERS = [3_000, 15_000, 40_000] as const;
const MOST_FOR_SIPP = 15_000;
/** How sipp is told to have a connection or a port for each user, or one for all. */
const SIPP = {
  tcp: { each: 'tn', one: 't1', what: 'connection' },
  udp: { each: 'un', one: 'u1', what: 'port' },
} as const satisfies Record<Transport, unknown>;
/** Of Kamailio's own. */
const SPARE_FILES = 500;
const SIPP_MILLISECONDS = 60_000;
const NAME = 'SIP registrations with Kamailio, beside sipp';
const SELF = fileURLToPath(import.meta.url);
/** Clock ticks a second in /proc (sysconf(_SC_CLK_TCK) on Linux). */
const TICKS = 100;

/** A registrar that lets everybody in: what is measured is who registers. */
const KAMAILIO = `#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=2
tcp_children=4
tcp_max_connections=65536
tcp_connection_lifetime=3600
auto_aliases=no
dns=no
rev_dns=no
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("usrloc", "hash_size", 14)
modparam("registrar", "max_expires", 3600)
request_route {
	if (is_method("REGISTER")) {
		if (!save("location")) sl_reply_error();
		exit;
	}
	sl_send_reply("200", "OK");
}
`.replace('is_method("REGISTER")', '$rm == "REGISTER"');

/** The connection stays for as long as the run lasts, as a phone's does. */
const SCENARIO = `<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="register">
  <send retrans="500"><![CDATA[
    REGISTER sip:[remote_ip] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:u[call_number]@[remote_ip]>;tag=[call_number]
    To: <sip:u[call_number]@[remote_ip]>
    Call-ID: [call_id]
    CSeq: 101 REGISTER
    Contact: <sip:u[call_number]@[local_ip]:[local_port];transport=[transport]>
    Max-Forwards: 70
    Expires: 3600
    Content-Length: 0
  ]]></send>
  <recv response="200"/>
  <pause milliseconds="600000"/>
</scenario>
`;

export async function run(): Promise<BenchResult> {
  if (process.getuid?.() !== 0) return { name: `${NAME}: not measured, needs root`, rows: [] };
  const network = await PeerNetwork.make();
  if (network === null) return { name: `${NAME}: not measured, no network namespaces here`, rows: [] };
  try {
    network.run('phones', 'sysctl', '-qw', 'net.ipv4.ip_local_port_range=1024 65535');
    const rows: BenchRow[] = [];
    const most = mostFiles() - SPARE_FILES - WARM_UP;
    const allowed = USERS.filter((users) => users <= most);
    for (const users of allowed) rows.push(...(await sideBySide(network, 'tcp', users)));
    for (const users of allowed) rows.push(...(await sideBySide(network, 'udp', users)));
    const rest = USERS.filter((users) => users > most).map((users) => users.toLocaleString('en'));
    const left = rest.length === 0 ? '' : ` (${rest.join(', ')} users: not measured, more than the files of a process)`;
    return { name: `${NAME}${left}`, rows };
  } finally {
    network.close();
  }
}

async function sideBySide(network: PeerNetwork, transport: Transport, users: number): Promise<BenchRow[]> {
  const named = `${transport.toUpperCase()}, ${users.toLocaleString('en')}`;
  const { each, one, what } = SIPP[transport];
  const rows: BenchRow[] = [];
  const tell = (who: string, { seconds, registered, cpu }: Registrations, aim?: string) => {
    const made = registered === users ? '' : ` (${registered.toLocaleString('en')} of them in the time given)`;
    const rate = { metric: `${who}: ${named} users${made}`, value: registered / seconds, unit: '/s' };
    rows.push(aim === undefined ? rate : { ...rate, aim }, { metric: '  CPU each', value: cpu, unit: 'us' });
    return registered / seconds;
  };
  let aim: string | undefined;
  if (users <= MOST_FOR_SIPP) {
    const alone = tell(`sipp, a ${what} a user`, await withRegistrar(network, () => sipp(network, each, users)));
    tell(`sipp, one ${what} for all`, await withRegistrar(network, () => sipp(network, one, users)));
    aim = `${Math.round(2 * alone)}`;
  }
  tell(
    `phones, a ${what} each, after ${WARM_UP.toLocaleString('en')} others`,
    await withRegistrar(network, () => phones(network, transport, users)),
    aim,
  );
  return rows;
}

async function withRegistrar<T>(network: PeerNetwork, action: () => Promise<T>): Promise<T> {
  const file = join(network.folder, 'kamailio.cfg');
  writeFileSync(file, KAMAILIO);
  const listen = ['-l', `tcp:${SERVER_ADDRESS}:5060`, '-l', `udp:${SERVER_ADDRESS}:5060`];
  const kamailio = ['kamailio', '-f', file, '-DD', '-m', '1024', '-M', '16', '-w', '/', ...listen];
  // As many connections as the machine allows a process.
  const stop = await network.start(['sh', '-c', `ulimit -n $(ulimit -Hn); exec ${kamailio.join(' ')}`]);
  try {
    return await action();
  } finally {
    await stop();
  }
}

async function phones(network: PeerNetwork, transport: Transport, users: number): Promise<Registrations> {
  const command = [process.execPath, ...process.execArgv, SELF, 'load', transport, String(users)];
  return JSON.parse(await network.measure('phones', ...command)) as Registrations;
}

/** Runs sipp until it has counted a 200 for every user. */
async function sipp(network: PeerNetwork, mode: string, users: number): Promise<Registrations> {
  const scenario = join(network.folder, 'register.xml');
  writeFileSync(scenario, SCENARIO);
  const options = [
    '-sf',
    scenario,
    '-i',
    KERNEL_ADDRESS,
    '-t',
    mode,
    '-m',
    users,
    '-r',
    20_000,
    '-l',
    users,
    '-max_socket',
    users + 100,
  ];
  const told = ['-trace_counts', '-fd', '100ms', '-nostdin'];
  const words = ['sipp', SERVER_ADDRESS, ...options, ...told].join(' ');
  const child = spawn('sh', ['-c', network.commandIn('phones', `ulimit -n $(ulimit -Hn); exec ${words}`)], {
    stdio: 'ignore',
    cwd: network.folder,
  });
  const start = performance.now();
  let registered = 0;
  let cpu = 0;
  while (registered < users && performance.now() - start < SIPP_MILLISECONDS && child.exitCode === null) {
    await sleep(50);
    cpu = cpuSeconds(child.pid!) ?? cpu;
    registered = counted(network.folder, child.pid!);
  }
  const seconds = (performance.now() - start) / 1_000;
  child.kill('SIGKILL');
  return { seconds, registered, cpu: (cpu * 1e6) / Math.max(1, registered) };
}

/** Responses to REGISTER, by the last line of what sipp counts. */
function counted(folder: string, pid: number): number {
  const name = readdirSync(folder).find((each) => each.endsWith(`_${pid}_counts.csv`));
  if (name === undefined) return 0;
  const [head = '', ...lines] = readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
  const column = head.split(';').findIndex((each) => each.endsWith('_200_Recv'));
  return Number(lines.at(-1)?.split(';')[column] ?? 0) || 0;
}

/** User and system time of a process, fields 14 and 15 of its stat line (proc(5)); null when it has ended. */
function cpuSeconds(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return null;
  }
}

/** Files that a process may have open: each connection is one to Kamailio. */
function mostFiles(): number {
  const told = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return told === 'unlimited' ? Number.POSITIVE_INFINITY : Number(told);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [mode, transport, count] = process.argv.slice(2);
  if (mode === 'load' && (transport === 'tcp' || transport === 'udp')) {
    process.stdout.write(`${JSON.stringify(await registrations(transport, Number(count)))}\n`);
    process.exit();
  } else process.stdout.write(`${formatBench(await run())}\n`);
}
