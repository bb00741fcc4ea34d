// Makes a checkout ready to run: installs what package.json names, compiles, builds the images. Does what is missing or stale and
// nothing else, says so on standard error, and can be called by several processes at once. Plain JavaScript: it runs before anything
// is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LOCK = join(ROOT, '.cache', 'set-up.lock');

/** What the compiled program and the images are made of. */
const SOURCE_ROOMS = [
  'hal',
  'storage',
  'bootloader',
  'firmware',
  'device',
  'images',
  'lab',
  'explain',
  'fleet',
  'probe',
  'cli',
];
const BUILD_SETTINGS = ['package.json', 'tsconfig.base.json', 'tsconfig.portable.json', 'tsconfig.host.json'];

/** A lock whose holder cannot be asked is given up after this long: a first install over a slow line takes minutes. */
const LOCK_AGE_LIMIT_MILLISECONDS = 15 * 60_000;
/** A lock file is empty for an instant after it was made. */
const LOCK_EMPTY_LIMIT_MILLISECONDS = 10_000;

/** Content hash of what `npm install` depends on. Another Node may need other binaries. */
function dependencyDigest() {
  const hash = createHash('sha256').update(`${process.version.split('.')[0]} ${process.platform} ${process.arch}\n`);
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) hash.update(readFileSync(join(ROOT, name)));
  return hash.digest('hex');
}

function sourceFiles(folder) {
  const path = join(ROOT, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const child = join(folder, entry.name);
    if (entry.isDirectory()) return child === join('images', 'build') ? [] : sourceFiles(child);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts') ? [child] : [];
  });
}

/** Content hash of what is compiled and built. */
function sourceDigest() {
  const hash = createHash('sha256').update(dependencyDigest());
  for (const file of [...BUILD_SETTINGS, ...SOURCE_ROOMS.flatMap(sourceFiles).sort()]) {
    hash.update(`\0${file}\0`).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}

const STEPS = [
  {
    says: 'installing dependencies',
    stamp: join(ROOT, 'node_modules', '.sepia-stamp'),
    digest: dependencyDigest,
    // Unlike `npm ci` this passes on npm 10 and 11 when a lock lacks packages of other platforms; it leaves package.json and the lock alone.
    run: () => npm(['install', '--no-save', '--include=dev', '--loglevel=error']),
  },
  {
    says: 'compiling, building the images',
    stamp: join(ROOT, 'dist', '.sepia-stamp'),
    digest: sourceDigest,
    run: compileAndBuildImages,
  },
];

function isStale({ stamp, digest }) {
  return !existsSync(stamp) || readFileSync(stamp, 'utf8') !== digest();
}

/** What children print goes to standard error, or nowhere: standard output belongs to the command. */
function run(command, args, output = 2) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', output, 2] });
  if (error) process.stderr.write(`sepia: cannot run ${command}: ${error.message}\n`);
  return status ?? 1;
}

/** The npm that runs us, when one does. Its summary is of no interest; its errors are. */
function npm(args) {
  const path = process.env.npm_execpath;
  return path?.endsWith('npm-cli.js') ? run(process.execPath, [path, ...args], 'ignore') : run('npm', args, 'ignore');
}

async function compileAndBuildImages() {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const status = run(process.execPath, [compiler, '-b', 'tsconfig.portable.json', 'tsconfig.host.json']);
  if (status !== 0) return status;
  const { buildImages } = await import(new URL('../dist/images/build.js', import.meta.url).href);
  await buildImages();
  return 0;
}

function processLives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function isAbandoned(lock) {
  try {
    const age = Date.now() - statSync(lock).mtimeMs;
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid === 0) return age > LOCK_EMPTY_LIMIT_MILLISECONDS;
    return !processLives(pid) || age > LOCK_AGE_LIMIT_MILLISECONDS;
  } catch {
    return false; // It is gone: the next attempt to take it will tell.
  }
}

async function takeLock() {
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  for (let told = false; ; await sleep(100)) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (isAbandoned(LOCK)) rmSync(LOCK, { force: true });
    else if (!told) {
      process.stderr.write(`sepia: waiting for another set-up (${relative(ROOT, LOCK)})\n`);
      told = true;
    }
  }
}

/** Resolves to 0, or to the exit code after an error that has been shown. */
export async function setUp() {
  if (!STEPS.some(isStale)) return 0;
  await takeLock();
  try {
    for (const step of STEPS) {
      if (!isStale(step)) continue;
      process.stderr.write(`sepia: ${step.says} ...\n`);
      const digest = step.digest();
      const status = await step.run();
      if (status !== 0) {
        process.stderr.write(`sepia: ${step.says} failed\n`);
        return 1;
      }
      writeFileSync(step.stamp, digest);
    }
    return 0;
  } finally {
    rmSync(LOCK, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await setUp();
