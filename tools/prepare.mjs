// Runs before `npm start`, `npm test` and the like: installs the locked packages when they are missing or not those of
// package-lock.json. Needs nothing but Node, any version from 20 on, so it is plain JavaScript. Takes a few
// milliseconds when there is nothing to do.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, linkSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { delimiter, join, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = 20
/** The oldest Node that runs the TypeScript of this repository as it is. */
const OLDEST_RUNNING_NODE = 24

/**
 * True when what is installed under `root` is what its package-lock.json says. Two ways to know: the stamp that
 * {@link stamp} left, or, when somebody ran npm by hand, npm's own record of what it installed.
 */
export function isInstalled(root) {
  const lock = readOrNull(join(root, 'package-lock.json'))
  const record = readOrNull(join(root, 'node_modules', '.package-lock.json'))
  if (lock === null || record === null) return false
  if (readOrNull(stampFile(root)) === digest(lock + record)) return true
  if (!recordMatches(JSON.parse(lock).packages, JSON.parse(record).packages)) return false
  stamp(root)
  return true
}

/** Notes that the installed packages are those of the lock file, so that the next check need not compare them. */
export function stamp(root) {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const record = readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')
  writeFileSync(stampFile(root), digest(lock + record))
}

/** Null when a Node version such as `20.11.0` is new enough to begin with, else what to say. */
export function complaintAboutNode(version) {
  if (Number.parseInt(version, 10) >= OLDEST_NODE) return null
  return `Stoa needs Node ${OLDEST_NODE} or newer to install itself; this is Node ${version}. Get one at https://nodejs.org`
}

/**
 * Packages for other platforms may be absent; everything else must be there in the locked version, and nothing more.
 */
function recordMatches(locked, installed) {
  const isPackage = (path) => path.includes('node_modules/')
  for (const [path, entry] of Object.entries(locked)) {
    if (!isPackage(path)) continue
    const found = installed[path]
    if (found === undefined ? !entry.optional : !isSame(entry, found)) return false
  }
  return Object.keys(installed).every((path) => !isPackage(path) || locked[path] !== undefined)
}

function isSame(a, b) {
  return a.version === b.version && a.integrity === b.integrity && a.link === b.link
}

function prepare(root) {
  if (isInstalled(root)) return 0
  const unlock = lockInstall(root)
  try {
    // Another process may have installed while this one waited for it.
    return isInstalled(root) ? 0 : install(root)
  } finally {
    unlock()
  }
}

function install(root) {
  say('Installing the packages that Stoa needs. This happens once; most of the time goes into fetching them …')
  const begun = Date.now()
  const { command, args } = npm(root)
  const options = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  // The lock file says what to install; a NODE_ENV of production must not leave the tools out.
  const env = { ...process.env, NODE_ENV: '' }
  const done = spawnSync(command, [...args, ...options, '--include=dev'], { cwd: root, stdio: 'inherit', env })
  if (done.error !== undefined) return fail(`npm could not be started: ${done.error.message}`, 1)
  if (done.signal !== null) return 128 + (constants.signals[done.signal] ?? 0)
  if (done.status !== 0) return fail('The installation failed; npm says why above. Run the command again to retry.', 1)
  const complaint = provideNode(root, { command, args, env })
  if (complaint !== null) return fail(complaint, 1)
  stamp(root)
  say(`Installed in ${Math.round((Date.now() - begun) / 1000)} s.`)
  return 0
}

/** npm as it runs us, or the one in PATH; never by a Node inside the folder that it is about to replace. */
function npm(root) {
  const script = process.env.npm_execpath
  const modules = join(root, 'node_modules') + sep
  const own = process.execPath.startsWith(modules) ? nodeOutside(modules) : process.execPath
  if (script?.endsWith('.js') && own !== null) return { command: own, args: [script] }
  return process.platform === 'win32' ? { command: 'cmd', args: ['/c', 'npm'] } : { command: 'npm', args: [] }
}

function nodeOutside(modules) {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const folders = (process.env.PATH ?? '').split(delimiter)
  const found = folders.find((folder) => !(folder + sep).startsWith(modules) && existsSync(join(folder, name)))
  return found === undefined ? null : join(found, name)
}

/**
 * Sees to it that the `node` of the package scripts is new enough. The package `node` downloads its program in an
 * install script, which a setting of npm may have kept from running. Where that program cannot run at all (there is
 * none for musl), the machine's own Node serves when it is new enough. Returns what to say when there is none.
 */
function provideNode(root, { command, args, env }) {
  const program = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')
  if (versionOf(program) >= OLDEST_RUNNING_NODE) return null
  spawnSync(command, [...args, 'rebuild', 'node', '--loglevel=error', '--ignore-scripts=false'], { cwd: root, env })
  if (versionOf(program) >= OLDEST_RUNNING_NODE) return null
  rmSync(program, { force: true })
  if (versionOf('node') >= OLDEST_RUNNING_NODE) return null
  return `Stoa runs on Node ${OLDEST_RUNNING_NODE}, which could not be installed here: install it on this machine, then try again.`
}

function versionOf(program) {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', shell: process.platform === 'win32' })
  return Number(/^v(\d+)\./.exec(stdout ?? '')?.[1] ?? 0)
}

/** Keeps two commands, begun at the same time on a fresh clone, from installing over each other. */
function lockInstall(root) {
  const file = join(tmpdir(), `stoa-install-${digest(root).slice(0, 16)}.pid`)
  for (let told = false; ; told = true) {
    const mine = `${file}.${process.pid}`
    try {
      // A link appears with its content, so that nobody reads a file without a process id.
      writeFileSync(mine, String(process.pid))
      linkSync(mine, file)
      return () => rmSync(file, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') return () => undefined
    } finally {
      rmSync(mine, { force: true })
    }
    const holder = Number(readOrNull(file))
    if (holder > 0 && !isAlive(holder)) rmSync(file, { force: true })
    else if (!told) say(`Waiting for another installation in this folder (process ${holder || 'unknown'}) …`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function stampFile(root) {
  return join(root, 'node_modules', '.stoa-installed')
}

function digest(text) {
  return createHash('sha256').update(text).digest('hex')
}

function readOrNull(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function say(line) {
  process.stderr.write(`${line}\n`)
}

function fail(line, code) {
  say(line)
  return code
}

const self = fileURLToPath(import.meta.url)
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === self) {
  const complaint = complaintAboutNode(process.versions.node)
  process.exitCode = complaint === null ? prepare(resolve(self, '..', '..')) : fail(complaint, 1)
}
